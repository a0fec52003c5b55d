"""The block of a vision transformer, of layers that are faster on CPUs than torch's own (docs/network.md §2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYER_SCALE = 1e-5
"""Initial factor of what a block's branches add."""

MLP_RATIO = 4


class PointwiseLinear(nn.Linear):
    """A linear layer that runs as a 1 × 1 convolution on CPUs.

    Convolutions always go through oneDNN with packed weights; linear layers go through the BLAS that torch
    was linked with in fp32, and unpacked weights in bf16, both slower. Parameters and results are nn.Linear's.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu":
            return super().forward(input)
        tokens = input.reshape(1, -1, 1, self.in_features).permute(0, 3, 1, 2)
        output = F.conv2d(tokens, self.weight[:, :, None, None], self.bias)
        return output.permute(0, 2, 3, 1).reshape(*input.shape[:-1], self.out_features)


class VectorGELU(nn.GELU):
    """The exact GELU that in fp32 on CPUs goes through torch's vectorized erf, piece by piece in the cache.

    torch's own fp32 kernel takes half as long again or more; where gradients are wanted it is the one used.
    """

    PIECE = 1 << 19

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu" or input.dtype != torch.float32 or input.requires_grad:
            return super().forward(input)
        input = input.contiguous()
        output = torch.empty_like(input)
        for x, y in zip(input.view(-1).split(self.PIECE), output.view(-1).split(self.PIECE), strict=True):
            torch.mul(x, 0.5**0.5, out=y)
            y.erf_().add_(1.0).mul_(x).mul_(0.5)
        return output


class WindowAttention(nn.Module):
    """Self-attention around two slow paths of torch's fused kernel, both of bf16 on CPUs.

    With bf16 weights it takes one window at a time, so that the scores stay in the cache. In training under
    autocast the kernel itself computes in fp32, since its bf16 backward pass takes some sixteen times as long.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = (dim // num_heads) ** -0.5
        self.qkv = PointwiseLinear(dim, 3 * dim)
        self.proj = PointwiseLinear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) tokens → as many, each from all of its window."""
        qkv = self.qkv(x).unflatten(2, (3, self.num_heads, -1))
        if x.device.type == "cpu" and self.qkv.weight.dtype == torch.bfloat16:
            return self.proj(self._by_window(qkv))
        wide = x.device.type == "cpu" and x.requires_grad and torch.is_autocast_enabled("cpu")
        if not wide:
            return self.proj(_attend(qkv))
        with torch.autocast("cpu", enabled=False):
            heads = _attend(qkv.float())
        return self.proj(heads)

    def _by_window(self, qkv: Tensor) -> Tensor:
        heads = torch.empty_like(qkv[:, :, 0])
        for window, (q, k, v) in zip(heads, qkv.permute(0, 2, 3, 1, 4), strict=True):
            scores = (q * self.scale) @ k.transpose(1, 2).contiguous()
            window.copy_((scores.softmax(dim=2) @ v).transpose(0, 1))
        return heads.flatten(2)


def _attend(qkv: Tensor) -> Tensor:
    """(N, T, 3, heads, C / heads) queries, keys and values → (N, T, C)."""
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class Mlp(nn.Module):
    """Two linear layers around a GELU, the inner width a multiple of the outer."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = PointwiseLinear(dim, MLP_RATIO * dim)
        self.act = VectorGELU()
        self.fc2 = PointwiseLinear(MLP_RATIO * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(…, C) → (…, C)."""
        return self.fc2(self.act(self.fc1(x)))


class LayerScale(nn.Module):
    """One factor for each channel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim,), LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """(…, C) → (…, C)."""
        return x * self.gamma


class Block(nn.Module):
    """Attention, then the MLP, each behind a norm and a factor, each added to what came in."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = norm(dim)
        self.attn = WindowAttention(dim, num_heads)
        self.ls1 = LayerScale(dim)
        self.norm2 = norm(dim)
        self.mlp = Mlp(dim)
        self.ls2 = LayerScale(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) tokens → as many."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


def norm(dim: int) -> nn.LayerNorm:
    """The norm over the channels of each token."""
    return nn.LayerNorm(dim, eps=1e-6)
