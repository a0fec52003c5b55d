"""All terms of a training step, and their weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sharp_cli.gaussians.covariance import covariances
from sharp_cli.model.compose import NdcGaussians
from sharp_cli.model.network import Prediction
from sharp_cli.training.losses.adjustment import scale_gradient_loss, scale_loss
from sharp_cli.training.losses.config import LossConfig, LossWeights, Views
from sharp_cli.training.losses.depth import depth_loss, grad_loss, tv_loss
from sharp_cli.training.losses.gaussians import delta_loss, ndc_intrinsics, splat_loss
from sharp_cli.training.losses.image import alpha_loss, color_loss, fill_masked
from sharp_cli.training.perceptual import perceptual_loss


class RenderedView(NamedTuple):
    """A view of B scenes as the Gaussians show it, beside the truth."""

    color: Tensor
    """(B, 3, H, W) rendered, sRGB."""
    alpha: Tensor
    """(B, 1, H, W) rendered, in [0, 1)."""
    target: Tensor
    """(B, 3, H, W) the true picture, sRGB in [0, 1]."""
    mask: Tensor | None = None
    """(B, 1, H, W) which pixels count; None for all, as in the input view itself."""


def loss_terms(
    prediction: Prediction,
    input_view: RenderedView | None,
    novel_view: RenderedView | None,
    true_depth: Tensor | None,
    features: nn.Module | None,
    config: LossConfig,
) -> dict[str, Tensor]:
    """Every term that has a weight and what it needs, not yet weighted, by its name in ``LossWeights``.

    Args:
        prediction: of the input views.
        input_view, novel_view: the renders; None where there is no such view (in self-supervised fine-tuning the
            photo is the only target). The paper's sums over views are sums here, not means.
        true_depth: (B, 1, R, R) of the input view [m]; without it there is no depth term.
        features: the feature network of ``load_features``; may be None where ``percep`` weighs 0.

    Raises:
        ValueError: ``percep`` has a weight and there is no feature network.
    """
    views = {"input": input_view, "novel": novel_view}

    def over(which: Views, term: Callable[[RenderedView], Tensor]) -> Tensor:
        chosen = [view for name, view in views.items() if view is not None and which in (name, "both")]
        return torch.stack([term(view) for view in chosen]).sum() if chosen else prediction.delta.new_zeros(())

    def percep(view: RenderedView) -> Tensor:
        if features is None:
            raise ValueError("the perceptual loss has a weight and needs a feature network")
        rendered = fill_masked(view.color, view.target, view.mask)
        return perceptual_loss(rendered, view.target, features, gram=config.gram)

    gaussians, depth, delta, adjustment = prediction
    recipes: dict[str, Callable[[], Tensor]] = {
        "color": lambda: over("both", lambda view: color_loss(view.color, view.target, view.mask)),
        "percep": lambda: over(config.percep_views, percep),
        "alpha": lambda: over(config.alpha_views, lambda view: alpha_loss(view.alpha, view.mask)),
        "tv": lambda: tv_loss(depth),
        "grad": lambda: grad_loss(gaussians.opacities, depth, config.grad_layer, config.grad_unit),
        "delta": lambda: delta_loss(delta),
        "splat": lambda: network_splat_loss(gaussians, depth.shape[-1]),
    }
    if true_depth is not None:
        recipes["depth"] = lambda: depth_loss(depth, true_depth)
    if adjustment is not None:
        recipes["scale"] = lambda: scale_loss(adjustment)
        recipes["grad_scale"] = lambda: scale_gradient_loss(adjustment)
    return {name: recipe() for name, recipe in recipes.items() if getattr(config.weights, name)}


def network_splat_loss(gaussians: NdcGaussians, resolution: int) -> Tensor:
    """The splat loss in the input view, in pixels of the square picture that the network sees.

    Which view's variances the paper means it does not say; the input view is the one every sample has, and in
    its pixels a base Gaussian has the variance stride² at any resolution and depth.
    """
    means = gaussians.means
    covars = covariances(gaussians.scales.flatten(0, 1), gaussians.quats.flatten(0, 1)).unflatten(0, means.shape[:2])
    K = ndc_intrinsics(resolution, resolution, means).expand(len(means), 3, 3)
    viewmats = torch.eye(4, dtype=means.dtype, device=means.device).expand(len(means), 4, 4)
    return splat_loss(means, covars, viewmats, K, resolution, resolution)


def weighted_sum(terms: Mapping[str, Tensor], weights: LossWeights) -> Tensor:
    """The number to minimize.

    Raises:
        ValueError: there are no terms.
    """
    if not terms:
        raise ValueError("no loss term has both a weight and its inputs")
    return torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
