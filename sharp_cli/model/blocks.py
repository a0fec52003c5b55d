"""The normalized residual block of the prediction heads and of the depth adjustment (docs/network.md §4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GroupNorm(nn.GroupNorm):
    """nn.GroupNorm that stays exact on large channels-last maps on the CPU.

    torch's kernel for that layout adds up a megapixel in one running fp32 sum of values and one of
    squares, and loses four digits; here the variance is summed around the mean, strip by strip.
    """

    STRIP = 8192  # pixels; small enough for the cache

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or x.is_contiguous():
            return super().forward(x)
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H·W, C)
        mean = pixels.mean(dim=1)
        strips = pixels.split(self.STRIP, dim=1)
        squares = torch.stack([(strip - mean[:, None]).square().sum(dim=1) for strip in strips]).sum(dim=0)

        mean, variance = (v.unflatten(1, (self.num_groups, -1)) for v in (mean, squares / pixels.shape[1]))
        group_mean = mean.mean(dim=2, keepdim=True)
        group_variance = (variance + (mean - group_mean).square()).mean(dim=2, keepdim=True)
        scale = self.weight.view(self.num_groups, -1) * torch.rsqrt(group_variance + self.eps)
        shift = self.bias.view(self.num_groups, -1) - group_mean * scale
        return torch.addcmul(shift.flatten(1)[..., None, None], x, scale.flatten(1)[..., None, None])


class ResidualBlock(nn.Module):
    """GroupNorm, ReLU, 3 × 3 convolution to half the output width, then the same to all of it, around a shortcut."""

    def __init__(self, dim_in: int, dim_out: int, groups: int) -> None:
        super().__init__()
        hidden = dim_out // 2
        self.residual = nn.Sequential(
            GroupNorm(groups, dim_in),
            nn.ReLU(inplace=True),
            nn.Conv2d(dim_in, hidden, 3, padding=1),
            GroupNorm(groups, hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, dim_out, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(dim_in, dim_out, 1) if dim_in != dim_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x).add_(self.shortcut(x))
