"""Kernels that a GPU launches to bring a photo's Gaussians to camera space: each costs it microseconds."""

from __future__ import annotations

from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from sharp_cli.gaussians.covariance import product_by_sums
from sharp_cli.gaussians.transform import transform

VIEWS = ("view", "select", "unbind", "expand", "permute", "transpose", "t", "numpy_T", "unsqueeze", "slice")
FREE = (*VIEWS, "detach", "detach_", "device", "lift_fresh")
"""Views, and questions about a tensor."""


class Launches(TorchDispatchMode):
    """Counts operations that work on the device."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count, and go on."""
        self.count += func.overloadpacket.__name__ not in FREE
        return func(*args, **(kwargs or {}))


def test_a_transform_takes_few_launches() -> None:
    with FakeTensorMode(), torch.inference_mode(), torch.device("cuda"):
        values = torch.empty(100, 3), torch.empty(100, 3), torch.empty(100, 4), torch.empty(3, 3)
        with Launches() as launches:
            shape = transform(*values)
    assert {t.device.type for t in shape} == {"cuda"} and {t.dtype for t in shape} == {torch.float32}
    assert launches.count < 550  # 809 with a tensor for each entry of a vector


def test_products_of_small_matrices_are_those_of_blas() -> None:
    generator = torch.Generator().manual_seed(6)
    many, one = torch.randn(1000, 3, 3, generator=generator), torch.randn(3, 3, generator=generator)
    torch.testing.assert_close(product_by_sums(one, many), one @ many, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(product_by_sums(many, many.mT), many @ many.mT, rtol=1e-5, atol=1e-5)
