"""What the backbone computes in while it is trained."""

from __future__ import annotations

import torch

from sharp_cli.model.precision import DTYPES, has_native_bf16
from sharp_cli.training.config import TrainingPrecision


def choose_training_dtype(precision: TrainingPrecision, device: torch.device) -> torch.dtype:
    """The backbone's dtype; ``auto`` is bf16 where the hardware has it, otherwise fp32.

    Never fp16 as for inference: gradients that nothing scales leave its range.
    """
    if precision != "auto":
        return DTYPES[precision]
    return torch.bfloat16 if has_native_bf16(device) else torch.float32


def training_autocast(device: torch.device | str) -> torch.autocast:
    """What ``auto`` computes in, as a context."""
    device = torch.device(device)
    dtype = choose_training_dtype("auto", device)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
