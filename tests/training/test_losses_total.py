"""The composition of all losses, and their configuration."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.model.base import base_gaussians, normalize_depth
from sharp_cli.model.compose import compose_gaussians
from sharp_cli.render.rasterizer import rasterize
from sharp_cli.training.losses.config import LossConfig, LossWeights
from sharp_cli.training.losses.depth import depth_loss
from sharp_cli.training.losses.gaussians import ndc_intrinsics
from sharp_cli.training.losses.total import Prediction, RenderedView, loss_terms, network_splat_loss, weighted_sum

R = 16
PAPER = {
    "color": 1.0, "percep": 3.0, "alpha": 1.0, "depth": 0.2, "tv": 1.0, "grad": 0.5, "delta": 1.0, "splat": 1.0,
    "scale": 0.1, "grad_scale": 5.0,
}  # fmt: skip


class TwoMaps(nn.Module):
    """Replaces the feature network: the image, and its horizontal differences."""

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return [image, image.diff(dim=3)]


def predict(depth: torch.Tensor, delta: torch.Tensor, adjustment: torch.Tensor, image: torch.Tensor) -> Prediction:
    adjusted = depth * adjustment
    normalized, unit = normalize_depth(adjusted)
    gaussians = compose_gaussians(base_gaussians(image, normalized), delta, unit)
    return Prediction(gaussians, adjusted, delta, adjustment)


def render(prediction: Prediction, x: float, target: torch.Tensor, mask: torch.Tensor | None = None) -> RenderedView:
    """The picture from x beside the input view, in the camera's normalized space."""
    gaussians = prediction.gaussians
    viewmat = torch.eye(4)
    viewmat[0, 3] = -x
    K = ndc_intrinsics(R, R, gaussians.means)
    parts = [
        rasterize(m, o, c, viewmat[None], K[None], R, R, quats=q, scales=s)
        for m, s, q, o, c in zip(*gaussians, strict=True)
    ]
    color = torch.cat([part.color for part in parts]).permute(0, 3, 1, 2)
    return RenderedView(linear_to_srgb(color), torch.cat([part.alpha for part in parts])[:, None], target, mask)


@pytest.fixture
def leaves() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    depth = 1 + 3 * torch.rand(2, 2, R, R, generator=draw)
    delta = torch.randn(2, 14, 2, R // 2, R // 2, generator=draw)
    delta[0, 0, 0, 0, 0] = 500.0  # so that delta and splat have something to charge
    delta[:, 3:6, :, 1] = 6.0
    adjustment = 1 + 0.2 * torch.rand(2, 1, R, R, generator=draw)
    return {"depth": depth, "delta": delta, "adjustment": adjustment}


def test_every_term_is_there_and_reaches_what_it_should(leaves: dict[str, torch.Tensor]) -> None:
    image, novel = torch.rand(2, 2, 3, R, R)
    true_depth = torch.full((2, 1, R, R), 2.0)
    mask = torch.ones(2, 1, R, R, dtype=torch.bool)
    mask[..., :4] = False
    for leaf in leaves.values():
        leaf.requires_grad_()
    prediction = predict(**leaves, image=image)
    views = render(prediction, 0.0, image), render(prediction, 0.1, novel, mask)
    config = LossConfig()
    terms = loss_terms(prediction, *views, true_depth, TwoMaps(), config)
    assert sorted(terms) == sorted(PAPER)
    assert all(term.ndim == 0 and term.isfinite() and term > 0 for term in terms.values()), terms

    total = weighted_sum(terms, config.weights)
    assert total.item() == pytest.approx(sum(PAPER[name] * term.item() for name, term in terms.items()), rel=1e-5)
    gradients = torch.autograd.grad(total, list(leaves.values()))
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)
    assert terms["depth"].item() == pytest.approx(depth_loss(prediction.depth, true_depth).item())


def test_views_are_chosen_and_missing_ones_skipped(leaves: dict[str, torch.Tensor]) -> None:
    prediction = predict(**leaves, image=torch.rand(2, 3, R, R))
    gray = torch.full((2, 3, R, R), 0.5)
    first = RenderedView(gray, torch.full((2, 1, R, R), 0.5), gray + 0.1)
    second = RenderedView(gray, torch.full((2, 1, R, R), 0.25), gray + 0.2)

    def terms(config: LossConfig, **changes: object) -> dict[str, float]:
        inputs = {"prediction": prediction, "input_view": first, "novel_view": second, "true_depth": None}
        inputs |= {"features": TwoMaps(), "config": config, **changes}
        return {name: term.item() for name, term in loss_terms(**inputs).items()}  # type: ignore[arg-type]

    both = terms(LossConfig())
    assert both["color"] == pytest.approx(0.3)
    assert both["alpha"] == pytest.approx(0.693147 + 1.386294, rel=1e-5)
    assert "depth" not in both
    one = terms(LossConfig(percep_views="novel", alpha_views="input"))
    assert one["alpha"] == pytest.approx(0.693147, rel=1e-5)
    assert 0 < one["percep"] < both["percep"]
    alone = terms(LossConfig(), input_view=None, prediction=prediction._replace(adjustment=None))
    assert alone["color"] == pytest.approx(0.2)
    assert alone["percep"] == pytest.approx(one["percep"])
    assert not {"scale", "grad_scale"} & alone.keys()
    light = terms(LossConfig(LossWeights(percep=0, tv=0)), features=None)
    assert light.keys() == both.keys() - {"percep", "tv"}
    with pytest.raises(ValueError, match="feature network"):
        terms(LossConfig(), features=None)


def test_a_base_gaussian_has_the_same_variance_at_any_depth(leaves: dict[str, torch.Tensor]) -> None:
    # Two px standard deviation, 4 px²: well inside the bounds. Scaled up by sixfold and more it is 144 px² or more.
    flat = leaves["depth"].clone().fill_(3.0)
    near = predict(flat, torch.zeros_like(leaves["delta"]), torch.ones(2, 1, R, R), torch.rand(2, 3, R, R))
    assert network_splat_loss(near.gaussians, R).item() == 0
    grown = near.gaussians._replace(scales=near.gaussians.scales * 6)
    assert network_splat_loss(grown, R).item() > 40


def test_the_papers_weights_are_the_default_and_tables_change_them() -> None:
    config = LossConfig()
    assert {name: getattr(config.weights, name) for name in PAPER} == PAPER
    table = {"alpha_views": "input", "perceptual_weights": "random", "weights": {"percep": 0, "tv": 2.5}}
    changed = LossConfig.from_dict(table)
    assert (changed.alpha_views, changed.perceptual_weights) == ("input", "random")
    assert (changed.weights.percep, changed.weights.tv, changed.weights.color) == (0, 2.5, 1.0)
    assert LossConfig.from_dict({}) == config


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"weights": {"tint": 1}}, r"unknown loss setting: tint \(known: color"),
        ({"weights": {"color": -1}}, "color must be 0 or more"),
        ({"weights": {"color": "1"}}, "color must be 0 or more"),
        ({"weights": {"color": float("nan")}}, "color must be 0 or more"),
        ({"weights": 3}, "must be a table"),
        ({"grad_layer": "second"}, r"grad_layer cannot be 'second' \(choose own, first\)"),
        ({"lambda": 3}, "unknown loss setting: lambda"),
    ],
)
def test_invalid_tables_are_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(SharpError, match=message):
        LossConfig.from_dict(table)


def test_a_total_needs_a_term() -> None:
    with pytest.raises(ValueError, match="no loss term"):
        weighted_sum({}, LossWeights())
