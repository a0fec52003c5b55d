"""The teacher: feature maps → log disparity, from coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from sharp_cli.model.topdown import TopDownDecoder, resized
from sharp_cli.training.precision import training_autocast
from sharp_cli.training.teacher.features import FeatureKind, Features, read_features

WIDTHS: dict[FeatureKind, tuple[int, ...]] = {"resnet": (24, 48, 80, 112), "mobilenet": (24, 48, 72, 96, 128)}
"""The decoder's channels, fine to coarse."""

START = -1.3
"""Log disparity before training: about 3 m through a usual lens."""


class TeacherDecoder(nn.Module):
    """Maps of halving sides → log disparity at the finest map's side."""

    def __init__(self, channels: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.trunk = TopDownDecoder(channels, widths)
        self.read = DisparityReader(widths)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(B, channels[i], S / 2^i, S / 2^i) maps → (B, S, S) log disparity, and the (B, widths[-1], …) context map."""
        found = self.trunk(maps)
        return self.read(found), found[-1]


class DisparityReader(nn.Module):
    """Log disparity from the finest and the coarsest map of a decoder."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(widths[-1], 1, 1)
        self.fine = nn.Conv2d(widths[0], 1, 3, padding=1)
        for layer, bias in ((self.coarse, 0.0), (self.fine, START)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(B, widths[i], S / 2^i, S / 2^i) maps → (B, S, S) log disparity in fp32."""
        fine = self.fine(maps[0])
        return (fine + resized(self.coarse(maps[-1]), fine))[:, 0].float()


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
        with training_autocast(image.device):
            maps = self.features(image)
            log_disparity, context = self.decoder(maps)
        return log_disparity, maps[-1].float(), context.float()


def start_teacher(kind: FeatureKind, folder: Path) -> Teacher:
    """A teacher before its training.

    Raises:
        SharpError: the features cannot be read from ``folder``.
    """
    return Teacher(kind, read_features(folder, kind))
