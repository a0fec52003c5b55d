"""The cost of a format, whatever order it keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from splats import random_splat

from sharp_cli.errors import SharpError
from sharp_cli.formats.compare import compare_splats
from sharp_cli.formats.stored import as_stored
from sharp_cli.gaussians.fitting import keep


@pytest.mark.parametrize("shuffled", [False, True])
def test_errors_are_those_that_were_made(shuffled: bool) -> None:
    if shuffled:
        pytest.importorskip("scipy")
    splat = random_splat(500)
    worse = replace(
        splat,
        means=splat.means + torch.tensor([0.0003, 0, 0.0004]),
        scales=splat.scales * torch.e**0.02,
        opacities=(splat.opacities + 0.01).clamp(max=1),
    )
    if shuffled:
        worse = keep(worse, torch.randperm(500, generator=torch.Generator().manual_seed(1)))
    found = compare_splats(as_stored(worse), as_stored(splat))
    assert found.position.median == pytest.approx(0.0005, rel=0.01)
    assert found.log_scale.largest == pytest.approx(0.02, abs=1e-4)
    assert found.opacity.median == pytest.approx(0.01, abs=1e-5)
    assert found.rotation.largest < 0.1 and found.color.largest < 1e-5


def test_splats_of_different_numbers_are_refused() -> None:
    splat = random_splat(500)
    with pytest.raises(SharpError, match=r"cannot compare 3.. with 4.. visible Gaussians: .* exported from"):
        compare_splats(as_stored(keep(splat, torch.arange(400))), as_stored(splat))


def test_a_few_gaussians_at_the_edge_of_what_is_seen_may_differ() -> None:
    pytest.importorskip("scipy")
    splat = replace(random_splat(500), opacities=torch.full((500,), 0.5))
    assert compare_splats(as_stored(keep(splat, torch.arange(495))), as_stored(splat)).compared == 500


def test_what_cannot_be_seen_is_not_compared() -> None:
    splat = random_splat(50)
    splat.opacities[:10] = 0
    assert compare_splats(as_stored(splat), as_stored(splat)).compared == int((splat.opacities >= 1 / 255).sum())
    splat.opacities[:] = 0
    with pytest.raises(SharpError, match="nothing to compare"):
        compare_splats(as_stored(splat), as_stored(splat))
