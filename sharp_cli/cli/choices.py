"""Choices that several commands offer; the library's own types of them would import torch."""

from __future__ import annotations

from enum import StrEnum


class Device(StrEnum):
    """Where the network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Precision(StrEnum):
    """What the backbone computes in."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


class RenderDevice(StrEnum):
    """Where pictures are rendered."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    webgpu = "webgpu"


class VideoFormat(StrEnum):
    """What a film is written as."""

    mp4 = "mp4"
    gif = "gif"
    webp = "webp"
    png = "png"


class Stereo(StrEnum):
    """How two eyes' pictures are put together."""

    sbs = "sbs"


class OutputFormat(StrEnum):
    """What a splat is written as."""

    ply = "ply"
    compressed_ply = "compressed.ply"
    sog = "sog"
    spz = "spz"
    splat = "splat"
    glb = "glb"
    usdz = "usdz"


class ExportFormat(StrEnum):
    """What a splat is exported as."""

    html = "html"
    ply = "ply"
    compressed_ply = "compressed.ply"
    sog = "sog"
    spz = "spz"
    splat = "splat"
    glb = "glb"
    usdz = "usdz"


class PlyLayout(StrEnum):
    """Which elements a .ply file has."""

    standard = "standard"
    full = "full"
    sharp = "sharp"
