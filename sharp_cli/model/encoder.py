"""The sliding pyramid encoder (docs/network.md §2): one picture → five feature maps, fine to coarse."""

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
        self.window, self.grid = config.window, config.grid
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

        overlap = self.grid // 4
        return [
            self.upsample_latent0(merge_windows(latent0, FINE, overlap)),
            self.upsample_latent1(merge_windows(latent1, FINE, overlap)),
            self.upsample0(merge_windows(final_fine, FINE, overlap)),
            self._from_middle(final_middle),
            self._from_whole(final_small, small),
        ]

    def forward_coarse(self, picture: Tensor) -> list[Tensor]:
        """The coarsest maps alone, of small pictures: a seventh of the work, or a thirtieth, for a first training.

        Args:
            picture: (B, 3, S, S) in [-1, 1] with S two windows, or one.

        Returns:
            Of two windows the maps of sides R/16 and R/32, of one the latter.
        """
        if picture.shape[-1] == self.window:
            (final,) = self.patch_encoder(picture)
            return [self._from_whole(final, picture)]
        small = F.interpolate(picture, scale_factor=0.5, mode="bilinear", align_corners=False)
        middle = split_windows(picture, self.window, MIDDLE)
        (final,) = self.patch_encoder(torch.cat([middle, small]))
        final_middle, final_small = final.split([len(middle), len(small)])
        return [self._from_middle(final_middle), self._from_whole(final_small, small)]

    def _from_middle(self, final: Tensor) -> Tensor:
        """The second coarsest map, from the patch encoder's of the windows at half resolution."""
        return self.upsample1(merge_windows(final, MIDDLE, self.grid // 2))

    def _from_whole(self, final: Tensor, small: Tensor) -> Tensor:
        """The coarsest map, from the patch encoder's of the whole picture, and the picture itself."""
        whole = self.upsample_lowres(*self.image_encoder(small))
        return self.fuse_lowres(torch.cat([self.upsample2(final), whole], dim=1))


def doubling(channels_in: int, channels_out: int, bias: bool) -> nn.ConvTranspose2d:
    """A 2 × 2 transposed convolution that doubles a map's sides."""
    return nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2, bias=bias)


def projection(channels_in: int, *widths: int) -> nn.Sequential:
    """A 1 × 1 convolution to the first width, then one doubling to each further width, all without bias."""
    steps = [doubling(a, b, bias=False) for a, b in pairwise(widths)]
    return nn.Sequential(nn.Conv2d(channels_in, widths[0], 1, bias=False), *steps)
