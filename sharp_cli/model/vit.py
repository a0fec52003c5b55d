"""The vision transformer of both encoders: square windows in, token maps out (docs/network.md §2).

Its tensors have timm's names, which are those of the released checkpoint. timm itself takes longer to import than all
else that a small network needs, so the library only trains with it and tests against it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sharp_cli.model.config import SharpConfig
from sharp_cli.model.vit_layers import Block, norm

SPREAD = 0.02
"""Standard deviation of initial matrices and position embeddings, cut off at ±2."""


class PatchEmbedding(nn.Module):
    """Square patches of a window → one token each, row by row."""

    def __init__(self, patch_size: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch_size, stride=patch_size)

    def forward(self, windows: Tensor) -> Tensor:
        """(N, 3, S, S) → (N, G², C)."""
        return self.proj(windows).flatten(2).transpose(1, 2)


class WindowViT(nn.Module):
    """A ViT that turns many small windows into token maps."""

    chunk: int | None = None
    """Windows at a time, to bound memory; None for all at once."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.window, self.grid, self.embed_dim = config.window, config.grid, config.embed_dim
        self.cls_token = nn.Parameter(torch.zeros(1, 1, self.embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid**2, self.embed_dim))
        self.patch_embed = PatchEmbedding(config.patch_size, self.embed_dim)
        self.blocks = nn.Sequential(*(Block(self.embed_dim, config.num_heads) for _ in range(config.depth)))
        self.norm = norm(self.embed_dim)

    def forward(self, windows: Tensor, latent_blocks: Sequence[int] = (), num_latent: int = 0) -> list[Tensor]:
        """Encode windows.

        Args:
            windows: (N, 3, S, S) in [-1, 1].
            latent_blocks: blocks, counted from 0, whose raw output is wanted too.
            num_latent: the first so many windows are those it is wanted for.

        Returns:
            The normalized final map (N, C, G, G), then one (num_latent, C, G, G) per latent block; channels last.
        """
        size = self.chunk or len(windows)
        outputs: list[list[Tensor]] = [[] for _ in range(1 + len(latent_blocks))]
        for start in range(0, len(windows), size):
            tokens = self._encode(windows[start : start + size], latent_blocks if start < num_latent else ())
            for output, maps in zip(outputs, tokens, strict=False):
                output.append(maps)
        final, *latents = (self._to_map(torch.cat(output)) for output in outputs)
        return [final, *(latent[:num_latent] for latent in latents)]

    def embed(self, windows: Tensor) -> Tensor:
        """(N, 3, S, S) windows → (N, 1 + G², C) tokens with their positions, the class token first."""
        first = self.cls_token.expand(len(windows), -1, -1)
        return torch.cat([first, self.patch_embed(windows)], dim=1) + self.pos_embed

    def _encode(self, windows: Tensor, latent_blocks: Sequence[int]) -> list[Tensor]:
        """The normalized tokens, and those behind each latent block."""
        tokens, latents = self.embed(windows), dict[int, Tensor]()
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in latent_blocks:
                latents[index] = tokens
        return [self.norm(tokens), *(latents[index] for index in latent_blocks)]

    def _to_map(self, tokens: Tensor) -> Tensor:
        """(N, 1 + G², C) tokens as (N, C, G, G) maps."""
        return tokens[:, 1:].unflatten(1, (self.grid, self.grid)).permute(0, 3, 1, 2)


def build_vit(config: SharpConfig) -> WindowViT:
    """A ViT without classifier head, with the usual initial values, unless the default device is ``meta``."""
    vit = WindowViT(config)
    if torch.get_default_device().type == "meta":
        return vit
    nn.init.trunc_normal_(vit.pos_embed, std=SPREAD)
    nn.init.normal_(vit.cls_token, std=1e-6)
    for module in vit.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=SPREAD)
            nn.init.zeros_(module.bias)
    return vit
