"""NaN and infinite values are found anywhere."""

from __future__ import annotations

import pytest
import torch

from sharp_cli.gaussians.finite import all_finite


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [0, 1, 5000, 99_999])
def test_one_value_is_enough(value: float, place: int) -> None:
    values = torch.linspace(-1, 1, 100_000)
    assert all_finite(values)
    values[place] = value
    assert not all_finite(values)
    assert not all_finite(values.view(100, 1000).T)


def test_the_largest_numbers_are_finite() -> None:
    largest = torch.finfo(torch.float32).max
    assert all_finite(torch.tensor([largest, largest, -largest]))
    assert all_finite(torch.empty(0, 3))


def test_several_tensors_are_asked_at_once() -> None:
    sound, broken = torch.ones(3, 4), torch.tensor([1.0, float("nan")])
    assert all_finite(sound, sound[0]) and all_finite()
    assert not all_finite(sound, broken)
