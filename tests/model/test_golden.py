"""The network against numbers that the published tool computed, on the small golden networks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from sharp_cli.gaussians.covariance import covariances
from sharp_cli.gaussians.transform import transform
from sharp_cli.model.base import normalize_depth
from sharp_cli.model.checkpoint import check_tensors, empty_network, used_names
from sharp_cli.model.depth import depth_from_disparity
from sharp_cli.model.network import SharpNetwork
from sharp_cli.model.precision import place_tensors
from sharp_cli.model.random_weights import SMALL

DATA = Path(__file__).parents[1] / "data"
GOLDEN = DATA / "golden"
LOOSE, TIGHT, TIGHT_SHARE = 1e-3, 1e-4, 0.999
PHOTOS = {
    "network": [("china.jpg", 550.0)],
    "batch": [("china.jpg", 520.0), ("chelsea.png", 900.0)],
}


def golden_network(folder: Path) -> SharpNetwork:
    stored = load_file(folder / "weights.safetensors")
    check_tensors(SMALL, {name: tensor.shape for name, tensor in stored.items()}, "golden")
    network = empty_network(SMALL)
    place_tensors(network, {name: stored[name] for name in used_names(stored)}, torch.float32, torch.device("cpu"))
    return network.eval().requires_grad_(False)


def record_stages(network: SharpNetwork) -> dict[str, Tensor]:
    """Keep what passes between the network's parts, under the golden data's names."""
    kept: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(_module, _inputs, output):
            outputs = {f"{name}.{i}": o for i, o in enumerate(output)} if isinstance(output, list) else {name: output}
            kept.update({key: value.clone() for key, value in outputs.items()})

        return hook

    def keep_inputs(_module, inputs, _output):
        kept["init.feature_input"] = inputs[1].clone()

    network.encoder.register_forward_hook(keep("encoder"))
    network.depth_decoder.register_forward_hook(keep("depth_decoder"))
    network.depth_head.register_forward_hook(keep("disparity"))
    network.gaussian_decoder.register_forward_hook(keep_inputs)
    network.prediction_heads.texture_head.register_forward_hook(keep("features.texture_features"))
    network.prediction_heads.geometry_head.register_forward_hook(keep("features.geometry_features"))
    network.prediction_heads.register_forward_hook(keep("delta"))
    return kept


@cache
def run(case: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Expected samples and computed tensors of one golden case."""
    network = golden_network(GOLDEN / case)
    kept = record_stages(network)
    images = torch.cat([square_photo(name) for name, _ in PHOTOS[case]])
    sizes = [(*Image.open(DATA / name).size, focal) for name, focal in PHOTOS[case]]
    factors = torch.tensor([focal / width for width, _, focal in sizes])
    ndc = network(images, factors)

    kept["init.global_scale"] = normalize_depth(depth_from_disparity(kept["disparity"], factors))[1]
    published = ("mean_vectors", "singular_values", "quaternions", "opacities", "colors")
    kept |= {f"gaussians_ndc.{name}": values for name, values in zip(published, ndc, strict=True)}
    width, height, focal = sizes[0]
    matrix = torch.diag(torch.tensor([width / (2 * focal), height / (2 * focal), 1.0]))
    means, scales, quats = transform(ndc.means[0], ndc.scales[0], ndc.quats[0], matrix)
    kept |= {
        "gaussians.mean_vectors": means,
        "gaussians.colors": ndc.colors,
        "gaussians.opacities": ndc.opacities,
        "gaussians.covariances": covariances(scales, quats),
        "gaussians.sorted_scales": scales,
    }
    return load_file(GOLDEN / case / "expected.safetensors"), kept


def square_photo(name: str) -> Tensor:
    pixels = torch.from_numpy(np.array(Image.open(DATA / name).convert("RGB")))
    image = pixels.permute(2, 0, 1)[None].float() / 255
    return F.interpolate(image, size=(1536, 1536), mode="bilinear", align_corners=True)


def stored_names(case: str) -> list[str]:
    with safe_open(GOLDEN / case / "expected.safetensors", "pt") as file:
        names = {name.removesuffix(".index") for name in file.keys() if name.endswith(".index")}  # noqa: SIM118
    return sorted(names - {"alignment_map"})


@pytest.mark.parametrize(("case", "name"), [(case, name) for case in PHOTOS for name in stored_names(case)])
def test_tensor_equals_the_published_tool(case: str, name: str) -> None:
    expected, computed = run(case)
    index, value = expected[f"{name}.index"], expected[f"{name}.value"]
    size = 1 + value.abs()
    if name == "gaussians.covariances":
        size = computed[name].diagonal(dim1=1, dim2=2).sum(1)[index // 9]
    if name in ("gaussians.sorted_scales", "gaussians_ndc.singular_values"):
        size = computed[name].reshape(-1, 3).amax(dim=1)[index // 3]

    error = (computed[name].reshape(-1)[index] - value).abs() / size

    assert error.max() <= LOOSE
    assert (error <= TIGHT).double().mean() >= TIGHT_SHARE


def test_depth_adjustment_equals_the_published_tool() -> None:
    folder = GOLDEN / "network"
    network = golden_network(folder)
    kept = record_stages(network)
    low = torch.from_numpy(np.load(folder / "depth_lowres.npy"))
    true_depth = F.interpolate(low, size=(1536, 1536), mode="bilinear", align_corners=False)
    network.depth_adjustment.register_forward_hook(lambda _m, _i, output: kept.update(alignment_map=output))

    network(square_photo("china.jpg"), torch.tensor([550.0 / 640]), true_depth)

    expected = load_file(folder / "expected.safetensors")
    found = kept["alignment_map"].flatten()[expected["alignment_map.index"]]
    value = expected["alignment_map.value"]
    assert ((found - value).abs() <= TIGHT * (1 + value.abs())).all()
