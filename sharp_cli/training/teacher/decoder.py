"""The teacher: feature maps → log disparity, from coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.training.teacher.features import FeatureKind, Features, read_features

WIDTHS: dict[FeatureKind, tuple[int, ...]] = {"resnet": (24, 48, 80, 112), "mobilenet": (24, 48, 72, 96, 128)}
"""The decoder's channels, fine to coarse."""

START = -1.3
"""Log disparity before training: about 3 m through a usual lens."""

ROWS = 12
"""Heights in the picture for which the decoder learns what to expect."""


class TeacherDecoder(nn.Module):
    """Maps of halving sides → log disparity at the finest map's side."""

    def __init__(self, channels: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        coarsest = widths[-1]
        self.norms = nn.ModuleList(nn.GroupNorm(1, channel) for channel in channels)
        self.project = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(channels, widths, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(_block(width, 2 if level else 1) for level, width in enumerate(widths))
        self.rows = nn.Parameter(torch.zeros(1, coarsest, ROWS, 1))
        self.whole = nn.Sequential(nn.Linear(coarsest, coarsest), nn.ReLU(), nn.Linear(coarsest, coarsest))
        self.dilated = nn.ModuleList(
            nn.Sequential(*_conv(coarsest, dilation), nn.Conv2d(coarsest, coarsest, 1)) for dilation in (1, 2, 4)
        )
        self.coarse_out = nn.Conv2d(coarsest, 1, 1)
        self.fine_out = nn.Conv2d(widths[0], 1, 3, padding=1)
        for layer, bias in ((self.coarse_out, 0.0), (self.fine_out, START)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(B, channels[i], S / 2^i, S / 2^i) maps → (B, S, S) log disparity, and the (B, widths[-1], …) context map."""
        maps = [norm(each) for norm, each in zip(self.norms, maps, strict=True)]
        context = x = self._context(maps[-1])
        coarse = self.coarse_out(x)
        for level in reversed(range(len(maps) - 1)):
            x = _resized(self.down[level](x), maps[level]) + self.project[level](maps[level])
            x = x + self.blocks[level](x)
        fine = self.fine_out(x)
        return (fine + _resized(coarse, fine))[:, 0].float(), context

    def _context(self, coarsest: Tensor) -> Tensor:
        """The coarsest level: what the whole picture and each height in it say, seen ever wider."""
        x = self.project[-1](coarsest)
        x = x + _resized(self.rows, x[:, :, :, :1])
        x = x + self.whole(x.mean(dim=(2, 3)))[:, :, None, None]
        for wider in self.dilated:
            x = x + wider(x)
        return x + self.blocks[-1](x)


class Teacher(nn.Module):
    """Features and their decoder; log disparity is that of focal length over width, divided by depth [m]."""

    def __init__(self, kind: FeatureKind, features: Features) -> None:
        super().__init__()
        self.kind = kind
        self.features = features
        self.decoder = TeacherDecoder(features.channels, WIDTHS[kind])

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) sRGB in [0, 1] → (B, S/2, S/2) log disparity."""
        return self.see(image)[0]

    def see(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As :meth:`forward`, and the features at stride 16 or 32 and the decoder's context map beside them."""
        with torch.autocast(image.device.type, torch.bfloat16):
            maps = self.features(image)
            log_disparity, context = self.decoder(maps)
        return log_disparity, maps[-1].float(), context.float()


def start_teacher(kind: FeatureKind, folder: Path) -> Teacher:
    """A teacher before its training.

    Raises:
        SharpError: the features cannot be read from ``folder``.
    """
    return Teacher(kind, read_features(folder, kind))


def _conv(width: int, dilation: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
    return [conv, nn.GroupNorm(8, width), nn.ReLU()]


def _block(width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(layer for _ in range(depth) for layer in _conv(width)))


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)
