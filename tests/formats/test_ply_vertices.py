"""Rows of a .ply as a GPU packs them: the same as the CPU's, in one copy that nobody waits for too early."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from fake_devices import FakeEvents, answer_without_values
from splats import random_splat
from torch._subclasses.fake_tensor import FakeTensorMode

from sharp_cli import Gaussians, SharpError
from sharp_cli.formats.ply_columns import rows_of
from sharp_cli.formats.ply_layout import PlyLayout, rest_count, vertex_names
from sharp_cli.formats.ply_vertices import _in_blocks, _rows, start_rows
from sharp_cli.formats.stored import as_stored
from sharp_cli.gaussians.leave import start_leaving


def scene(count: int = 20_000, sh: bool = False) -> Gaussians:
    generator = torch.Generator().manual_seed(3)
    opacities = torch.rand(count, generator=generator)
    opacities[:2] = torch.tensor([0.0, 1.0])
    scales = torch.rand(count, 3, generator=generator)
    scales[0] = 0
    return Gaussians(
        means=torch.randn(count, 3, generator=generator),
        scales=scales,
        quats=torch.randn(count, 4, generator=generator),
        opacities=opacities,
        colors=torch.rand(count, 3, generator=generator) * 1.2 - 0.1,
        sh=torch.randn(count, 8, 3, generator=generator) if sh else None,
    )


@pytest.mark.parametrize("sh", [False, True])
@pytest.mark.parametrize("layout", get_args(PlyLayout))
def test_rows_packed_at_once_are_those_packed_in_blocks(layout: PlyLayout, sh: bool) -> None:
    gaussians = scene(sh=sh)
    rest = rest_count(gaussians.sh, layout)
    at_once, blocks = _rows(gaussians, slice(None), layout, rest), _in_blocks(gaussians, layout, rest)
    torch.testing.assert_close(at_once, blocks, rtol=3e-6, atol=1e-6)
    assert at_once.shape == (len(gaussians), len(vertex_names(layout, rest)))


@pytest.mark.parametrize("degree", [0, 1, 3, 4])
@pytest.mark.parametrize("layout", get_args(PlyLayout))
def test_arrays_are_packed_as_tensors_are(layout: PlyLayout, degree: int) -> None:
    gaussians = random_splat(300, degree)
    packed = rows_of(as_stored(gaussians).columns, layout)
    np.testing.assert_allclose(packed, start_rows(gaussians, layout)().numpy(), rtol=3e-6, atol=2e-6)


def test_a_gpus_rows_arrive_in_one_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    events = FakeEvents(monkeypatch)
    gaussians = scene(100)
    with FakeTensorMode(allow_non_fake_inputs=True):
        answer_without_values(monkeypatch)
        wait = start_rows(gaussians.to("cuda"), "standard")
        assert events.recorded == ["cuda", "cuda"] and events.waited == 0  # the rows, and whether they are finite
        rows = wait()
    assert events.waited == 2
    assert (rows.device.type, rows.dtype, rows.shape) == ("cpu", torch.float32, (100, 14))


def test_gaussians_leave_a_gpu_without_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    events = FakeEvents(monkeypatch)
    gaussians = scene(100)
    with FakeTensorMode(allow_non_fake_inputs=True):
        wait = start_leaving(gaussians.to("cuda"))
        assert events.waited == 0
        there = wait()
    assert {there.means.device.type, there.colors.device.type} == {"cpu"} and there.sh is None


def test_values_that_are_not_finite_are_refused_wherever_rows_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    gaussians = scene(10)
    gaussians.means[3, 1] = torch.nan
    with pytest.raises(SharpError, match="NaN"):
        start_rows(gaussians, "standard")()
    monkeypatch.setattr("sharp_cli.formats.ply_vertices._on_cpu", lambda gaussians: False)
    wait = start_rows(gaussians, "standard")
    with pytest.raises(SharpError, match="NaN"):
        wait()
