"""An encoder alone, with linear layers that read disparity and a teacher's features from its tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sharp_cli.model.vit import WindowViT

START = -1.3
"""Log disparity before training."""

CELLS = 4
"""Disparities along a patch's side."""


class Reader(nn.Module):
    """Tokens → log disparity of CELLS × CELLS cells a patch, and the teacher's features of every patch."""

    def __init__(self, encoder: WindowViT, features: int) -> None:
        super().__init__()
        self.encoder = encoder
        (self.grid, _), (self.side, _) = encoder.patch_embed.grid_size, encoder.patch_embed.img_size
        self.cells = nn.Linear(encoder.embed_dim, CELLS**2)
        self.features = nn.Linear(encoder.embed_dim, features) if features else None
        nn.init.zeros_(self.cells.weight)
        nn.init.constant_(self.cells.bias, START)

    def forward(self, images: Tensor, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read pictures.

        Args:
            images: (B, 3, S, S) in [0, 1].
            kept: (B, P) places of the patches that are seen; None for all, row by row.

        Returns:
            (B, P, CELLS²) log disparities and (B, P, D) features.
        """
        vit = self.encoder
        tokens = vit._pos_embed(vit.patch_embed(2 * images - 1))
        first = tokens.shape[1] - vit.patch_embed.num_patches
        if kept is not None:
            seen = torch.cat([torch.arange(first).expand(len(kept), first), kept + first], dim=1)
            tokens = tokens.take_along_dim(seen[..., None], dim=1)
        tokens = vit.norm(vit.blocks(vit.norm_pre(tokens)))[:, first:]
        predicted = tokens[..., :0] if self.features is None else self.features(tokens)
        return self.cells(tokens).float(), predicted.float()

    def to_map(self, cells: Tensor, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, P, CELLS²) cells as (B, H, H) maps, H = CELLS · grid, and where they are known."""
        count, patches = len(cells), self.grid**2
        known = torch.ones_like(cells)
        if kept is not None:
            places = kept[..., None].expand_as(cells)
            empty = cells.new_zeros(count, patches, CELLS**2)
            cells, known = (empty.scatter(1, places, values) for values in (cells, known))

        def as_map(values: Tensor) -> Tensor:
            grid = values.view(count, self.grid, self.grid, CELLS, CELLS)
            return grid.transpose(2, 3).reshape(count, self.grid * CELLS, self.grid * CELLS)

        return as_map(cells), as_map(known) > 0
