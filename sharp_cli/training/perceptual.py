"""The perceptual loss (docs/training.md: percep), and the form of it that never keeps its network's graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sharp_cli.errors import SharpError
from sharp_cli.training.losses.config import Gram

HUB_REPO, HUB_FILE = "timm/resnet50.tv_in1k", "model.safetensors"
"""torchvision's classic ImageNet classifier, whose features are the usual ones to compare pictures by."""

HUB_SECONDS = 3.0
"""The hub's own client retries an offline look-up for over 20 s: ask first whether it is there."""

GRAM_WEIGHT = 10.0
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class FeatureNetwork(nn.Module):
    """A frozen ResNet-50: sRGB pictures → the outputs of its four stages.

    Always in evaluation mode and in fp32, the only precision the paper found to train stably. Channels last.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        # timm's own start, with the last norm of each block at zero, would leave random blocks without effect.
        self.stages = timm.create_model("resnet50", features_only=True, out_indices=(1, 2, 3, 4), zero_init_last=False)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])
        self.requires_grad_(False).eval()
        self.to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Stay in evaluation mode, also as a part of what is set to training."""
        return super().train(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) sRGB in [0, 1] → (B, D, H/s, W/s) with D = 256, 512, 1024, 2048 and s = 4, 8, 16, 32."""
        with torch.autocast(image.device.type, enabled=False):
            normalized = (image.to(self.mean.dtype) - self.mean) / self.std
            features: list[Tensor] = self.stages(normalized.contiguous(memory_format=torch.channels_last))
        return features


def load_features(perceptual_weights: str, device: torch.device | str = "cpu") -> FeatureNetwork:
    """The feature network with weights.

    The paper says its ResNet-50 was pre-trained for inpainting, and not which one; this is an ordinary one.

    Args:
        perceptual_weights: ``pretrained`` for ImageNet weights from the model hub or its cache; ``random`` for random
            ones, the same everywhere (such features also tell pictures apart by edges and texture, but less as people
            do: meant for tests and machines without a network); otherwise a file of a ResNet-50 with timm's or
            torchvision's tensor names, .safetensors or what torch.save wrote.

    Raises:
        SharpError: the weights cannot be found, or do not fit.
    """
    if perceptual_weights == "random":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = FeatureNetwork()
            _settle_norms(network)
        return network.to(device)
    network = FeatureNetwork()
    path = _pretrained_file() if perceptual_weights == "pretrained" else Path(perceptual_weights)
    tensors = {name: tensor for name, tensor in _read_tensors(path).items() if not name.startswith("fc.")}
    # Files written before torch counted batches lack this count, which only training uses.
    counts = {name: t for name, t in network.stages.state_dict().items() if name.endswith("num_batches_tracked")}
    try:
        network.stages.load_state_dict({**counts, **tensors}, strict=True)
    except RuntimeError as error:
        words = " ".join(str(error).split())
        raise SharpError(f"cannot use {path} for the perceptual loss: not a ResNet-50: {words[:500]}") from error
    return network.to(device)


def _settle_norms(network: FeatureNetwork) -> None:
    """Give a random network's norms the statistics of synthetic pictures: features keep their size (about 1 to 2).

    Without, they would grow from stage to stage, and the Gram term with their fourth power.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.training = True
    with torch.no_grad():
        network(_draw_pictures(count=8, size=128))
    for norm in norms:
        norm.training = False


def _draw_pictures(count: int, size: int) -> Tensor:
    """(count, 3, size, size) grain, blots, blocks and shading in varying strength: a little like photos."""
    pictures = torch.rand(count, 3, 1, 1).expand(count, 3, size, size)
    for cell, mode in ((1, "nearest"), (4, "bilinear"), (16, "nearest"), (64, "bilinear")):
        layer = torch.rand(count, 3, size // cell, size // cell) - 0.5
        pictures = pictures + torch.rand(count, 1, 1, 1) * nn.functional.interpolate(layer, size, mode=mode)
    return pictures.clamp(0, 1)


def _pretrained_file() -> Path:
    """ImageNet weights from the hub's cache, else from the hub."""
    import httpx
    from huggingface_hub import hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(HUB_REPO, HUB_FILE, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    try:
        httpx.head(hf_hub_url(HUB_REPO, HUB_FILE), timeout=HUB_SECONDS)
        return Path(hf_hub_download(HUB_REPO, HUB_FILE))
    except (httpx.HTTPError, HfHubHTTPError, OSError) as error:
        raise SharpError(
            f"cannot download the perceptual loss's ResNet-50, {HUB_REPO} on the model hub: {error} (set "
            "perceptual_weights to the file of a ResNet-50 or to 'random', or the weight of the loss to 0)"
        ) from error


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # readers of damaged files have no common error
        raise SharpError(f"cannot read {path} for the perceptual loss: {error}") from error
    if not isinstance(stored, dict):
        raise SharpError(f"cannot use {path} for the perceptual loss: it must hold tensors by name")
    return stored


def perceptual_loss(
    rendered: Tensor, target: Tensor, features: nn.Module, *, gram: Gram = "pixels", keep_graph: bool = False
) -> Tensor:
    """Σ_l ‖φ_l(Î) − φ_l(I)‖² / (D_l H_l W_l) + 10 / D_l² · ‖Gram_l(Î) − Gram_l(I)‖², mean over the views.

    The paper's graph-free form: the gradient with respect to ``rendered`` is computed at once, one view after
    another, and the feature network's graph freed; the backward pass hands the gradient out, times the incoming one.
    The result equals plain backpropagation; it can be differentiated once, and with respect to ``rendered`` only.

    Args:
        rendered, target: (B, 3, H, W) sRGB.
        features: a picture (1, 3, H, W) → maps (1, D, H', W').
        gram: see :class:`sharp_cli.training.losses.config.LossConfig`.
        keep_graph: plain backpropagation instead, to compare with.
    """

    def loss_of(view: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = features(truth)
        return feature_distance(features(view), wanted, gram)

    if keep_graph:
        return loss_of(rendered, target.detach())
    loss: Tensor = _CachedGradient.apply(rendered, target.detach(), loss_of)
    return loss


def feature_distance(found: list[Tensor], wanted: list[Tensor], gram: Gram) -> Tensor:
    """The loss's formula on feature maps (B, D, H, W), mean over B."""
    total = found[0].new_zeros(())
    for a, b in zip(found, wanted, strict=True):
        channels = a.shape[1]
        difference = gram_matrix(a, gram) - gram_matrix(b, gram)
        style = difference.square().sum(dim=(1, 2)).mean() / channels**2
        total = total + (a - b).square().mean() + GRAM_WEIGHT * style
    return total


def gram_matrix(maps: Tensor, gram: Gram) -> Tensor:
    """(B, D, H, W) → (B, D, D) products of channels, divided by H · W, or by D · H · W where ``gram`` is "all"."""
    flat = maps.flatten(2)
    count = flat.shape[2] * (flat.shape[1] if gram == "all" else 1)
    return flat @ flat.mT / count


class _CachedGradient(torch.autograd.Function):
    """Mean over views of ``loss_of(view, truth)``, its gradient worked out in the forward pass."""

    @staticmethod
    def forward(ctx: Any, rendered: Tensor, target: Tensor, loss_of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        count = len(rendered)
        losses = []
        wanted = ctx.needs_input_grad[0]
        gradient = torch.empty_like(rendered) if wanted else None
        for i in range(count):
            view = rendered[i : i + 1].detach().requires_grad_(wanted)
            with torch.set_grad_enabled(wanted):
                loss = loss_of(view, target[i : i + 1]) / count
            if gradient is not None:
                (gradient[i : i + 1],) = torch.autograd.grad(loss, view)
            losses.append(loss.detach())
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return torch.stack(losses).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return incoming * gradient, None, None
