"""A check for NaN and infinite values."""

from __future__ import annotations

import torch
from torch import Tensor


def all_finite(*tensors: Tensor) -> bool:
    """Whether no value of tensors on one device is NaN or infinite; True if there are no values.

    It waits for a GPU once, not once for each tensor.
    """
    return bool(torch.stack([_finite(values) for values in tensors]).all()) if tensors else True


def _finite(values: Tensor) -> Tensor:
    if values.device.type == "cpu" and values.numel():  # one pass instead of four
        values = torch.stack(values.detach().aminmax())
    return values.isfinite().all()
