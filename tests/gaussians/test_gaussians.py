"""The Gaussians type: equality, hash, devices, and saving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sharp_cli.gaussians.gaussians import Camera, Gaussians


def some_gaussians(seed: int = 0) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    return Gaussians(
        rand(5, 3),
        rand(5, 3),
        rand(5, 4),
        rand(5),
        rand(5, 3),
        Camera(64, 48, 60.0),
        {"weights": "none"},
        rand(5, 3, 3),
    )


def test_equal_values_are_equal() -> None:
    one, other = some_gaussians(), some_gaussians()
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"means": torch.zeros(5, 3)},
        {"means": torch.zeros(4, 3)},
        {"camera": None},
        {"facts": {}},
        {"sh": None},
        {"blending": "srgb"},
        {"opacities": torch.zeros(5, dtype=torch.float64)},
    ],
)
def test_any_other_value_is_not_equal(change: dict) -> None:
    one = some_gaussians()
    assert one != replace(one, **change)
    assert replace(one, **change) != one


def test_gaussians_equal_nothing_else() -> None:
    assert some_gaussians() != 5


def test_to_moves_every_tensor() -> None:
    moved = some_gaussians().to("meta")
    assert {value.device.type for value in vars(moved).values() if torch.is_tensor(value)} == {"meta"}
    assert moved.camera == Camera(64, 48, 60.0)
    same = some_gaussians()
    assert same.to("cpu").means is same.means


def test_save_calls_the_registered_writer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []
    monkeypatch.setattr(Gaussians, "writer", lambda path, gaussians: calls.append((path, gaussians)))
    gaussians = some_gaussians()
    gaussians.save(tmp_path / "a.ply")
    assert calls == [(tmp_path / "a.ply", gaussians)]
