"""On a fake MPS device, which has no float64: what may run there makes none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from fake_devices import Without64Bit, answer_without_values
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from sharp_cli.metrics.depth import abs_rel, delta_accuracy
from sharp_cli.metrics.image import psnr, ssim
from sharp_cli.metrics.masked import mean_where


@pytest.fixture
def mps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Tensor]]:
    """Makes tensors on the fake device, in inference mode as torch has no MPS guard here."""
    answer_without_values(monkeypatch)
    with FakeTensorMode(allow_non_fake_inputs=True), Without64Bit("mps"), torch.inference_mode():
        yield lambda *shape: torch.zeros(shape, device="mps")


def test_the_device_refuses_float64(mps) -> None:
    with pytest.raises(TypeError, match="float64"):
        mps(3).double()


def test_metrics(mps) -> None:
    image, other, depth = mps(2, 3, 32, 40), mps(2, 3, 32, 40), mps(2, 1, 32, 40)
    mask = depth > 0
    values = [psnr(image, other), psnr(image, other, mask), ssim(image, other), mean_where(depth, mask)]
    values += [abs_rel(depth, depth), delta_accuracy(depth, depth)]
    assert {value.device.type for value in values} == {"mps"}
