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


class RenderDevice(str, Enum):
    """Where pictures are rendered."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Trajectory(str, Enum):
    """Camera paths."""

    orbit = "orbit"
    dolly = "dolly"
    still = "still"
    swipe = "swipe"
    shake = "shake"
    rotate = "rotate"
    rotate_forward = "rotate_forward"


class LookAt(str, Enum):
    """Where the cameras of a path look."""

    point = "point"
    ahead = "ahead"


class VideoFormat(str, Enum):
    """What a film is written as."""

    mp4 = "mp4"
    gif = "gif"
    webp = "webp"
    png = "png"


class Stereo(str, Enum):
    """How two eyes' pictures are put together."""

    sbs = "sbs"


class PlyLayout(str, Enum):
    """Which elements a .ply file has."""

    standard = "standard"
    full = "full"
    sharp = "sharp"
