"""Kernels that a GPU launches to bring a photo's Gaussians to camera space: each costs it microseconds."""

from __future__ import annotations

from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from sharp_cli.gaussians.covariance import product
from sharp_cli.gaussians.transform import transform

VIEWS = {
    "view",
    "select",
    "unbind",
    "expand",
    "permute",
    "transpose",
    "t",
    "unsqueeze",
    "slice",
    "detach",
    "_unsafe_view",
}


class Launches(TorchDispatchMode):
    """Counts operations that are not mere views."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count, and go on."""
        self.count += func.overloadpacket.__name__ not in VIEWS
        return func(*args, **(kwargs or {}))


def test_a_transform_takes_few_launches() -> None:
    with FakeTensorMode(), torch.inference_mode(), torch.device("cuda"):
        values = torch.empty(100, 3), torch.empty(100, 3), torch.empty(100, 4), torch.empty(3, 3)
        with Launches() as launches:
            shape = transform(*values)
    assert {t.device.type for t in shape} == {"cuda"} and {t.dtype for t in shape} == {torch.float32}
    assert launches.count < 500


def test_products_of_small_matrices_are_those_of_blas() -> None:
    generator = torch.Generator().manual_seed(6)
    many, one = torch.randn(1000, 3, 3, generator=generator), torch.randn(3, 3, generator=generator)
    torch.testing.assert_close(product(one, many), one @ many, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(product(many, many.mT), many @ many.mT, rtol=1e-5, atol=1e-5)
