"""timm's vision transformer as both encoders need it, with layers that are faster on CPUs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharp_cli.errors import SharpError
from sharp_cli.model.config import SharpConfig

try:
    from timm.models.vision_transformer import Attention, VisionTransformer
except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision was built for another torch
    raise SharpError(f"cannot load timm: {error} (install torch and torchvision from one index)") from error


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


class WindowAttention(Attention):
    """Self-attention around two slow paths of torch's fused kernel, both of bf16 on CPUs.

    With bf16 weights it takes one window at a time, so that the scores stay in the cache. In training under
    autocast the kernel itself computes in fp32, since its bf16 backward pass takes some sixteen times as long.
    """

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if x.device.type == "cpu" and self.qkv.weight.dtype == torch.bfloat16:
            return self._by_window(x)
        if x.device.type == "cpu" and x.requires_grad and torch.is_autocast_enabled("cpu"):
            return self._in_fp32(x)
        return super().forward(x, *args, **kwargs)

    def _in_fp32(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).float().unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        with torch.autocast("cpu", enabled=False):
            heads = F.scaled_dot_product_attention(q, k, v)
        return self.proj(heads.transpose(1, 2).flatten(2))

    def _by_window(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(2, (3, self.num_heads, -1))
        heads = torch.empty_like(qkv[:, :, 0])
        for window, (q, k, v) in zip(heads, qkv.permute(0, 2, 3, 1, 4), strict=True):
            scores = (q * self.scale) @ k.transpose(1, 2).contiguous()
            window.copy_((scores.softmax(dim=2) @ v).transpose(0, 1))
        return self.proj(heads.flatten(2))


class WindowViT(VisionTransformer):
    """A ViT that turns many small windows into token maps."""

    chunk: int | None = None
    """Windows at a time, to bound memory; None for all at once."""

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
            tokens = self._tokens(windows[start : start + size], latent_blocks if start < num_latent else ())
            for output, maps in zip(outputs, tokens, strict=False):
                output.append(maps)
        final, *latents = (self._to_map(torch.cat(output)) for output in outputs)
        return [final, *(latent[:num_latent] for latent in latents)]

    def _tokens(self, windows: Tensor, latent_blocks: Sequence[int]) -> list[Tensor]:
        if not latent_blocks:
            return [self.forward_features(windows)]
        final, latents = self.forward_intermediates(windows, indices=list(latent_blocks), output_fmt="NLC")
        return [final, *latents]

    def _to_map(self, tokens: Tensor) -> Tensor:
        """(N, G², C) tokens, a class token before them or not, as (N, C, G, G) maps."""
        rows, columns = self.patch_embed.grid_size
        return tokens[:, -rows * columns :].unflatten(1, (rows, columns)).permute(0, 3, 1, 2)


def build_vit(config: SharpConfig) -> WindowViT:
    """A ViT without classifier head, with timm's initial values on whatever device is the default."""
    vit = WindowViT(
        img_size=config.window,
        patch_size=config.patch_size,
        embed_dim=config.embed_dim,
        depth=config.depth,
        num_heads=config.num_heads,
        init_values=1e-5,
        global_pool="",
        num_classes=0,
        # timm's draws cost time even where there is no memory to draw into.
        weight_init="skip" if torch.get_default_device().type == "meta" else "",
    )
    faster = {nn.Linear: PointwiseLinear, nn.GELU: VectorGELU, Attention: WindowAttention}
    for module in vit.blocks.modules():
        module.__class__ = faster.get(type(module), type(module))
    return vit
