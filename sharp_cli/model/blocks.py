"""The normalized residual block of the prediction heads and of the depth adjustment (docs/network.md §4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sharp_cli.model.convolution import Conv3x3


class GroupNorm(nn.GroupNorm):
    """nn.GroupNorm that takes large channels-last maps as they are: exactly on the CPU, without copies on CUDA.

    torch's CPU kernel for that layout adds up a megapixel in one running fp32 sum of values and one of
    squares, and loses four digits; here the variance is summed around the mean, strip by strip. On CUDA torch copies
    the map to the other layout, and its result has to be copied back; here it is read for its variances, and once more
    for one multiply-add. Where gradients are wanted torch's own kernel stays, whose backward pass is one kernel too.
    """

    STRIP = 8192  # pixels; small enough for the cache

    def forward(self, x: Tensor) -> Tensor:
        kind = x.device.type
        if kind not in ("cpu", "cuda") or x.is_contiguous() or (kind == "cuda" and torch.is_grad_enabled()):
            return super().forward(x)
        return self._by_channel(x, *(self._moments_in_strips(x) if kind == "cpu" else self._moments(x)))

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (B, C) of each channel, in one kernel."""
        variance, mean = torch.var_mean(x.permute(0, 2, 3, 1).flatten(1, 2), dim=1, correction=0)
        return mean, variance

    def _moments_in_strips(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H·W, C)
        mean = pixels.mean(dim=1)
        strips = pixels.split(self.STRIP, dim=1)
        squares = torch.stack([(strip - mean[:, None]).square().sum(dim=1) for strip in strips]).sum(dim=0)
        return mean, squares / pixels.shape[1]

    def _by_channel(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """The normalized map, from the moments of its channels."""
        mean, variance = (v.unflatten(1, (self.num_groups, -1)) for v in (mean, variance))
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
            Conv3x3(dim_in, hidden),
            GroupNorm(groups, hidden),
            nn.ReLU(inplace=True),
            Conv3x3(hidden, dim_out),
        )
        self.shortcut = nn.Conv2d(dim_in, dim_out, 1) if dim_in != dim_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x).add_(self.shortcut(x))
