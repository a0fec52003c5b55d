"""Cutting a picture into overlapping windows, and putting token grids back together (docs/network.md §2)."""

from __future__ import annotations

import torch
from torch import Tensor


def split_windows(image: Tensor, size: int, per_side: int) -> Tensor:
    """Cut square windows at even steps, row by row.

    Args:
        image: (B, C, S, S).
        size: side of a window in pixels, at most S.
        per_side: windows along each axis; the first and last touch the picture's edges.

    Returns:
        (per_side² · B, C, size, size); the photo index runs fastest inside each window.
    """
    steps = max(per_side - 1, 1)
    starts = [round(i * (image.shape[-1] - size) / steps) for i in range(per_side)]
    return torch.cat([image[..., y : y + size, x : x + size] for y in starts for x in starts])


def merge_windows(tokens: Tensor, per_side: int, overlap: int) -> Tensor:
    """Undo :func:`split_windows` on token maps: of each overlap, either neighbor keeps half.

    Args:
        tokens: (per_side² · B, C, G, G) token maps in the order of ``split_windows``.
        per_side: windows along each axis.
        overlap: tokens that neighbors share. Of an odd number, the right or lower one keeps one more.

    Returns:
        (B, C, S, S) with S = per_side · G − overlap · (per_side − 1).
    """
    grid = tokens.shape[-1]
    windows = tokens.chunk(per_side**2)
    cut = overlap // 2
    first = [0] + [cut] * (per_side - 1)
    last = [grid - overlap + cut] * (per_side - 1) + [grid]
    spans = [slice(a, b) for a, b in zip(first, last, strict=True)]
    rows = [
        torch.cat([windows[r * per_side + c][..., spans[r], spans[c]] for c in range(per_side)], dim=-1)
        for r in range(per_side)
    ]
    return torch.cat(rows, dim=-2)
