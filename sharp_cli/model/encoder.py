"""The sliding pyramid encoder (spec/network.md §2): one picture → five feature maps, fine to coarse."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.model.config import SharpConfig
from sharp_cli.model.vit import build_vit
from sharp_cli.model.windows import merge_windows, split_windows

FINE, MIDDLE = 5, 3
"""Windows per side at full and half resolution, overlapping by 25 % and 50 %."""


class PyramidEncoder(nn.Module):
    """Two ViTs: one sees 35 windows of the picture at three scales, the other the whole picture small."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.window, self.grid = config.image_size, config.grid
        self.latent_blocks = list(config.latent_blocks)

        width = config.embed_dim
        e0, e1, e2, e3, e4 = config.encoder_dims
        self.patch_encoder = build_vit(config)
        self.image_encoder = build_vit(config)
        self.upsample_latent0 = projection(width, e1, e0, e0, e0)
        self.upsample_latent1 = projection(width, e1, e1, e1)
        self.upsample0 = projection(width, e2, e2)
        self.upsample1 = projection(width, e3, e3)
        self.upsample2 = projection(width, e4, e4)
        self.upsample_lowres = doubling(width, e4, bias=True)
        self.fuse_lowres = nn.Conv2d(2 * e4, e4, 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode pictures.

        Args:
            image: (B, 3, R, R) in [-1, 1] with R four windows.

        Returns:
            Five maps of sides R/2, R/4, R/8, R/16, R/32 with the channels of ``encoder_dims``.
        """
        half = F.interpolate(image, scale_factor=0.5, mode="bilinear", align_corners=False)
        small = F.interpolate(image, scale_factor=0.25, mode="bilinear", align_corners=False)
        fine, middle = split_windows(image, self.window, FINE), split_windows(half, self.window, MIDDLE)
        windows = torch.cat([fine, middle, small])
        final, latent0, latent1 = self.patch_encoder(windows, self.latent_blocks, num_latent=len(fine))
        final_fine, final_middle, final_small = final.split([len(fine), len(middle), len(small)])

        cut = self.grid // 8
        return [
            self.upsample_latent0(merge_windows(latent0, FINE, cut)),
            self.upsample_latent1(merge_windows(latent1, FINE, cut)),
            self.upsample0(merge_windows(final_fine, FINE, cut)),
            *self._coarsest(final_middle, final_small, small),
        ]

    def forward_coarse(self, half: Tensor) -> list[Tensor]:
        """The two coarsest maps alone, which need no fine windows: a seventh of the work, for a first training.

        Args:
            half: (B, 3, R/2, R/2) in [-1, 1].

        Returns:
            Two maps of sides R/16 and R/32.
        """
        small = F.interpolate(half, scale_factor=0.5, mode="bilinear", align_corners=False)
        middle = split_windows(half, self.window, MIDDLE)
        (final,) = self.patch_encoder(torch.cat([middle, small]))
        final_middle, final_small = final.split([len(middle), len(small)])
        return self._coarsest(final_middle, final_small, small)

    def _coarsest(self, final_middle: Tensor, final_small: Tensor, small: Tensor) -> list[Tensor]:
        """The two coarsest maps, from the patch encoder's of the windows at half resolution and the whole picture."""
        patches = self.upsample2(final_small)
        whole = self.upsample_lowres(*self.image_encoder(small))
        return [
            self.upsample1(merge_windows(final_middle, MIDDLE, self.grid // 4)),
            self.fuse_lowres(torch.cat([patches, whole], dim=1)),
        ]


def doubling(channels_in: int, channels_out: int, bias: bool) -> nn.ConvTranspose2d:
    """A 2 × 2 transposed convolution that doubles a map's sides."""
    return nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2, bias=bias)


def projection(channels_in: int, *widths: int) -> nn.Sequential:
    """A 1 × 1 convolution to the first width, then one doubling to each further width, all without bias."""
    steps = [doubling(a, b, bias=False) for a, b in pairwise(widths)]
    return nn.Sequential(nn.Conv2d(channels_in, widths[0], 1, bias=False), *steps)
