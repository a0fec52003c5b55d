"""The devices that torch can compute on here."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from sharp_cli.errors import SharpError

Device = Literal["auto", "cpu", "cuda", "mps"]


def choose_device(device: Device | str | torch.device) -> torch.device:
    """The torch device of a name; ``auto`` is CUDA, else MPS, else the CPU.

    Raises:
        SharpError: an unknown name, or a device that this machine or this build of torch lacks (``no_device``).
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = str(device).lower()
    kind, _, index = name.partition(":")
    if kind == "auto":
        return torch.device(next(known for known, there in present.items() if there))
    if kind not in present or (index and not index.isdecimal()):
        raise SharpError(f"unknown device: {device} (use {', '.join(get_args(Device))})", "no_device")
    if not present[kind] or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        raise SharpError(f"torch finds no {name} device (use auto or cpu)", "no_device")
    return torch.device(name)
