"""A 3 × 3 convolution that multiplies less on the CPU."""

from __future__ import annotations

import platform
from functools import cache

import torch
from torch import Tensor, nn

LEAST_PRODUCT = 4096
"""Channels in times channels out from which Winograd's transforms pay."""
STRIP = 94
"""Rows that are computed at once: with one more on either side they are whole tiles. A whole map of 768 × 768 pixels
would take 1.6 GB of transformed tiles."""


class Conv3x3(nn.Conv2d):
    """nn.Conv2d of 3 × 3 pixels that keeps a map's size, by Winograd's minimal filtering on the CPU.

    NNPACK, which comes with torch, transforms tiles of 8 × 8 pixels and takes 64 products for 36 outputs of a channel
    pair instead of 324. It computes in fp32 alone; everything else, and what needs gradients, goes to torch's own
    kernel. Its rounding error is some five times that one's: a few millionths of the map's size. A value that is
    not finite spoils its whole tile.

    Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308.
    """

    def __init__(self, dim_in: int, dim_out: int, bias: bool = True) -> None:
        super().__init__(dim_in, dim_out, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, dim_in, H, W) → (B, dim_out, H, W)."""
        if not self.is_faster(x):
            return super().forward(x)
        # One photo at a time: with more, NNPACK takes another way, which is slower than torch's.
        return torch.cat([self._in_strips(photo) for photo in x.split(1)]) if len(x) > 1 else self._in_strips(x)

    def _in_strips(self, x: Tensor) -> Tensor:
        height = x.shape[2]
        layout = torch.contiguous_format if x.is_contiguous() else torch.channels_last  # as the next layer has it
        result = torch.empty(1, self.out_channels, *x.shape[2:], device=x.device, memory_format=layout)
        for top in range(0, height, STRIP):
            bottom = min(top + STRIP, height)
            first, last = max(top - 1, 0), min(bottom + 1, height)
            strip = torch._nnpack_spatial_convolution(x[:, :, first:last], self.weight, self.bias, [1, 1], [1, 1])
            result[:, :, top:bottom] = strip[:, :, top - first : bottom - first]
        return result

    def is_faster(self, x: Tensor) -> bool:
        """Whether NNPACK can take this map, and is worth it."""
        return (
            type(x) is Tensor  # a fake one has no kernel for it
            and not torch.compiler.is_compiling()
            and x.device.type == "cpu"
            and x.ndim == 4
            and x.numel() > 0
            and x.dtype == self.weight.dtype == torch.float32
            and self.in_channels * self.out_channels >= LEAST_PRODUCT
            and not (torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad))
            and not torch.is_autocast_enabled("cpu")
            and _has_nnpack()
        )


@cache
def _has_nnpack() -> bool:
    """Whether this torch has NNPACK, and NNPACK this processor; asking sets it up. Elsewhere it was not measured."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return x86 and hasattr(torch, "_nnpack_spatial_convolution") and torch.backends.nnpack.is_available()
