"""Photos of any size become the network's square, large ones without floats of all their pixels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

from sharp_cli.model import square as module
from sharp_cli.model.square import to_square

CPU = torch.device("cpu")


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(90, 150), (300, 211), (7, 400), (1, 33), (64, 64)])
def test_neighbors_alone_give_what_all_pixels_give(height: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = picture(height, width)
    exact = torch.from_numpy(pixels).permute(2, 0, 1)[None].double() / 255
    exact = F.interpolate(exact, size=(64, 64), mode="bilinear", align_corners=True)
    assert (to_square(pixels, 64, CPU) - exact).abs().max() < 1e-4
    monkeypatch.setattr(module, "LARGE", 0)
    found = to_square(pixels, 64, CPU)
    assert found.shape == (1, 3, 64, 64) and found.dtype == torch.float32
    assert (found - exact).abs().max() < 1e-6


def test_a_large_photo_is_never_all_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    largest: list[int] = []
    real = torch.from_numpy

    def counted(array: np.ndarray) -> torch.Tensor:
        largest.append(array.nbytes)
        return real(array)

    monkeypatch.setattr(torch, "from_numpy", counted)
    pixels = np.broadcast_to(picture(1, 12_000), (9_000, 12_000, 3))  # 108 megapixels without their memory
    tracemalloc.start()
    found = to_square(pixels, 256, CPU)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(largest) == 256 * 12_000 * 3 and peak < 40e6
    assert (found[0, :, 0] - found[0, :, -1]).abs().max() < 1e-6


def test_on_a_device_everything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 0)
    with FakeTensorMode(allow_non_fake_inputs=True):
        found = to_square(picture(40, 60), 16, torch.device("cuda"))
    assert (found.device.type, found.dtype, found.shape) == ("cuda", torch.float32, (1, 3, 16, 16))
