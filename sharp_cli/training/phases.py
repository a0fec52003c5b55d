"""What a step computes: samples in, a loss out. One module for each way to train, as torch's DDP wants it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sharp_cli.datasets.view_pair import PairBatch
from sharp_cli.metrics.visibility import MARGIN, visibility_mask
from sharp_cli.model.network import Prediction, SharpNetwork
from sharp_cli.training.config import DepthConfig, TrainConfig
from sharp_cli.training.freezing import LEFT_OUT
from sharp_cli.training.losses.layers import layer_losses
from sharp_cli.training.losses.total import RenderedView, loss_terms, weighted_sum
from sharp_cli.training.perceptual import load_features
from sharp_cli.training.pseudo import pseudo_batch
from sharp_cli.training.teacher.beside import PhotosBeside
from sharp_cli.training.views import RenderedViews, render_ndc_views


class StepOutput(NamedTuple):
    """Of one micro-batch."""

    loss: Tensor
    """The number to minimize."""
    terms: dict[str, Tensor]
    """What it is made of, not weighted; without gradient."""
    pictures: dict[str, Tensor]
    """(B, C, H, W) by name, without gradient: what a person wants to see."""


def build_phase(network: SharpNetwork, config: TrainConfig, device: torch.device) -> nn.Module:
    """The module whose ``forward(batch, numbers)`` gives an :class:`StepOutput`; the network is its ``network``.

    Raises:
        SharpError: the perceptual loss has a weight, and its network cannot be found.
    """
    if config.phase in LEFT_OUT:
        return DepthPhase(network, config)
    features = load_features(config.losses.perceptual_weights, device) if config.losses.weights.percep else None
    return (FullPhase if config.phase == "full" else SelfPhase)(network, config, features)


def picture_side(network: SharpNetwork, config: TrainConfig) -> int:
    """Side of the square pictures that a phase trains on [px]."""
    return network.config.resolution // {"coarsest": 4, "coarse": 2}.get(config.phase, 1)


class DepthPhase(nn.Module):
    """Both views of each pair are samples: the network's two disparity layers against the true depth."""

    def __init__(self, network: SharpNetwork, config: TrainConfig) -> None:
        super().__init__()
        self.network, self.weights, self.coarse = network, config.depth, config.phase != "depth"
        self.photos = PhotosBeside(config) if config.sight.labels else None

    def forward(self, batch: PairBatch, numbers: Tensor) -> StepOutput:
        image = torch.cat([batch.photo, batch.novel_image])
        depth = torch.cat([batch.input_depth, batch.novel_depth])
        factor = torch.cat([batch.input_intrinsics, batch.novel_intrinsics])[:, 0, 0] / image.shape[-1]
        if self.coarse:
            disparity = self.network.predict_coarse_disparity(image)
            depth = depth[..., ::2, ::2]  # a mean would lie between surfaces
        else:
            disparity = self.network.predict_disparity(image)
        loss, terms = judge_layers(disparity, depth, factor, self.weights)
        if self.photos is not None and self.training:
            loss, terms = _with_photos(loss, terms, self.photos.terms(self.network, numbers))
        found = factor[:, None, None, None] / disparity.detach().clamp(min=1e-4)
        pictures = {"photo": image, "depth": found[:, :1], "depth_behind": found[:, 1:], "depth_true": depth}
        return StepOutput(loss, _detached(terms), pictures)


def judge_layers(
    disparity: Tensor, true_depth: Tensor, disparity_factor: Tensor, weights: DepthConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """The depth phase's loss and its terms: see :func:`~sharp_cli.training.losses.layers.layer_losses`."""
    terms = layer_losses(disparity, true_depth, disparity_factor, weights.reach)
    return torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum(), terms


class _GaussianPhase(nn.Module):
    """What the two phases that render have in common."""

    def __init__(self, network: SharpNetwork, config: TrainConfig, features: nn.Module | None) -> None:
        super().__init__()
        self.network, self.config = network, config
        self.photos = PhotosBeside(config) if config.sight.labels else None
        # Not a submodule: it is neither trained nor saved nor shared among processes.
        self._features = [features]

    def predict(self, batch: PairBatch, true_depth: Tensor | None = None) -> Prediction:
        return self.network.predict(batch.photo, disparity_factor(batch), true_depth)

    def novel_view(self, batch: PairBatch, renders: RenderedViews) -> RenderedView:
        mask = novel_mask(batch, self.config.losses.margin)
        return RenderedView(renders.color[:, 1], renders.alpha[:, 1], batch.novel_image, mask)

    def judge(
        self, prediction: Prediction, seen: RenderedView | None, novel: RenderedView, true_depth: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        terms = loss_terms(prediction, seen, novel, true_depth, self._features[0], self.config.losses)
        return weighted_sum(terms, self.config.losses.weights), _detached(terms)


class FullPhase(_GaussianPhase):
    """The paper's stage 1: Gaussians of the input view, rendered to input and novel view."""

    def forward(self, batch: PairBatch, numbers: Tensor) -> StepOutput:
        # In evaluation there is no true depth, so that validation measures what inference does.
        adjust = self.config.adjust_depth and self.training
        known = batch.input_depth > 0
        true_depth = torch.where(known, batch.input_depth, torch.full_like(batch.input_depth, torch.inf))
        prediction = self.predict(batch, true_depth if adjust else None)
        renders = render_pair(prediction, batch)
        seen = RenderedView(renders.color[:, 0], renders.alpha[:, 0], batch.input_image)
        loss, terms = self.judge(prediction, seen, self.novel_view(batch, renders), batch.input_depth)
        if weight := self.config.depth_in_full:
            factor = disparity_factor(batch)
            disparity = factor[:, None, None, None] / prediction.depth
            more, of_layers = judge_layers(disparity, batch.input_depth, factor, self.config.depth)
            loss = loss + weight * more
            terms |= {f"depth_{name}": term.detach() for name, term in of_layers.items()}
        if self.photos is not None and self.training:
            loss, terms = _with_photos(loss, terms, self.photos.terms(self.network, numbers))
        return StepOutput(loss, terms, _pictures(batch, prediction, renders))


class SelfPhase(_GaussianPhase):
    """The paper's stage 2: a pseudo-novel view becomes the input, and the photo the novel view."""

    def forward(self, batch: PairBatch, numbers: Tensor) -> StepOutput:
        batch = pseudo_batch(self.network, batch, numbers, self.config)
        prediction = self.predict(batch)
        renders = render_pair(prediction, batch)
        loss, terms = self.judge(prediction, None, self.novel_view(batch, renders), None)
        return StepOutput(loss, terms, _pictures(batch, prediction, renders))


def _with_photos(
    loss: Tensor, terms: dict[str, Tensor], of_photos: dict[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    return loss + torch.stack(list(of_photos.values())).sum(), terms | _detached(of_photos)


def render_pair(prediction: Prediction, batch: PairBatch) -> RenderedViews:
    """Input and novel view of every pair, in this order."""
    height, width = batch.photo.shape[2:]
    here = torch.eye(4, device=batch.novel_viewmat.device).expand_as(batch.novel_viewmat)
    viewmats = torch.stack([here, batch.novel_viewmat], dim=1)
    Ks = torch.stack([batch.input_intrinsics, batch.novel_intrinsics], dim=1)
    return render_ndc_views(prediction.gaussians, batch.input_intrinsics, viewmats, Ks, width, height)


def disparity_factor(batch: PairBatch) -> Tensor:
    """(B,) focal length over width of the input views."""
    return batch.input_intrinsics[:, 0, 0] / batch.photo.shape[-1]


def novel_mask(batch: PairBatch, margin: float = MARGIN) -> Tensor:
    """(B, 1, H, W) pixels of the novel view that the input view's frame holds (docs/training.md)."""
    height, width = batch.photo.shape[2:]
    here = torch.eye(4, device=batch.novel_viewmat.device).expand_as(batch.novel_viewmat)
    cameras = (batch.novel_viewmat, batch.novel_intrinsics, here, batch.input_intrinsics)
    return visibility_mask(batch.novel_depth, *cameras, width, height, margin)


def _pictures(batch: PairBatch, prediction: Prediction, renders: RenderedViews) -> dict[str, Tensor]:
    pictures = {
        "photo": batch.photo,
        "depth": prediction.depth[:, :1],
        "depth_behind": prediction.depth[:, 1:],
        "depth_true": batch.input_depth,
        "input": renders.color[:, 0],
        "novel": renders.color[:, 1],
        "novel_true": batch.novel_image,
    }
    return _detached(pictures)


def _detached(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in tensors.items()}
