"""Whether a computation has gone wrong."""

from __future__ import annotations

import torch
from torch import Tensor


def all_finite(values: Tensor) -> bool:
    """Whether no value is NaN or infinite; True for no values at all."""
    if values.device.type == "cpu" and values.numel():  # one pass over them instead of four
        values = torch.stack(values.detach().aminmax())
    return bool(values.isfinite().all())
