"""The limits of a service, and the options that a photo may come with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServeSettings:
    """What a service accepts and keeps."""

    folder: Path
    """For uploads and results; the service deletes what it has put there."""
    token: str | None = None
    """Required of every request but ``/health``; None: no token, and only this machine's own names are answered."""
    queue: int = 16
    """Photos that may wait. Further ones are refused with status 429."""
    max_bytes: int = 64 << 20
    """Of an upload; more is refused with status 413."""
    max_pixels: int = 100_000_000
    """Of a photo; more is refused with status 413."""
    keep: int = 20
    """Finished jobs whose files stay; the oldest go first."""
    micro_batch: int = 1
    """Photos that go through the network in one pass, if as many wait."""
    uploads: int = 32
    """Bodies that are received at the same time; more are refused with status 429."""
    upload_seconds: float = 120.0
    """For the whole body of a request; a slower one is refused with status 408."""


@dataclass(frozen=True)
class PhotoOptions:
    """What decides which splat a photo becomes, besides the network. None: as in ``sharp_cli.predictor``."""

    focal_px: float | None = None
    focal_mm: float | None = None
    fov: float | None = None
    max_gaussians: int | None = None


@dataclass(frozen=True)
class ConvertRequest:
    """One photo for the worker."""

    photo: Path
    target: Path
    """A ``.ply`` file."""
    options: PhotoOptions


@dataclass(frozen=True)
class ExportRequest:
    """One splat for the worker that exports."""

    splat: Path
    target: Path
    """Its suffix names the format."""
    title: str
