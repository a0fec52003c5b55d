"""Losses between a rendered and a true picture (docs/training.md: color, alpha)."""

from __future__ import annotations

from torch import Tensor

FAINTEST = 1.0 / 255.0
"""The rasterizer draws no splat of less: between this and 0 there is no alpha, so a floor here changes no gradient."""


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the pixels that count, per picture, then over the pictures.

    Per picture first, so that a batch weighs its pictures alike, as steps on single pictures would. A picture
    in which nothing counts adds 0.

    Args:
        values: (B, C, H, W).
        mask: (B, 1, H, W), true or 1 where a pixel counts; None counts all.
    """
    if mask is None:
        return values.mean()
    counted = mask.to(values.dtype)
    pixels = counted.sum(dim=(1, 2, 3))
    sums = (values * counted).sum(dim=(1, 2, 3)) / values.shape[1]
    return (sums / pixels.clamp(min=1.0)).mean()


def fill_masked(rendered: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """The rendered picture with the true one where the mask is false, for losses that see neighborhoods.

    There the two then agree and no gradient flows; unlike black, the true picture brings no new edges in.
    """
    if mask is None:
        return rendered
    return rendered.where(mask.bool(), target)


def color_loss(rendered: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """E abs(Î − I) of one view.

    The paper does not name the color space; both are taken in sRGB, as they are looked at and as the metrics
    compare them (a render in linear light goes through ``linear_to_srgb`` first).

    Args:
        rendered, target: (B, 3, H, W) sRGB.
        mask: (B, 1, H, W), which pixels count: :func:`sharp_cli.metrics.visibility.visibility_mask`.
    """
    return masked_mean((rendered - target).abs(), mask)


def alpha_loss(alpha: Tensor, mask: Tensor | None = None) -> Tensor:
    """E BCE(Â, 1) of one view, which is −log Â: every pixel should be covered.

    Where nothing is rendered, the logarithm is taken of the faintest alpha there is.

    Args:
        alpha: (B, 1, H, W) in [0, 1].
        mask: as in :func:`color_loss`.
    """
    return masked_mean(-alpha.clamp(FAINTEST, 1.0).log(), mask)
