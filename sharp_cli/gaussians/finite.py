"""A check for NaN and infinite values."""

from __future__ import annotations

import torch
from torch import Tensor


def all_finite(values: Tensor) -> bool:
    """Whether no value is NaN or infinite; True if there are no values."""
    if values.device.type == "cpu" and values.numel():  # one pass instead of four
        values = torch.stack(values.detach().aminmax())
    return bool(values.isfinite().all())
