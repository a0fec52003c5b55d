"""Choices that several commands offer; the library's own types of them would import torch."""

from __future__ import annotations

from enum import Enum


class Device(str, Enum):
    """Where the network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Precision(str, Enum):
    """What the backbone computes in."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


class PlyLayout(str, Enum):
    """Which elements a .ply file has."""

    standard = "standard"
    sharp = "sharp"
