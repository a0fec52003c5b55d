"""Filling a network with a checkpoint's tensors: names, shapes, and no random values on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from sharp_cli.errors import SharpError
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.network import SharpNetwork

PREFIXES = {
    "monodepth_model.monodepth_predictor.encoder.": "encoder.",
    "monodepth_model.monodepth_predictor.decoder.": "depth_decoder.",
    "monodepth_model.monodepth_predictor.head.": "depth_head.",
    "depth_alignment.scale_map_estimator.": "depth_adjustment.",
    "feature_model.decoder.": "gaussian_decoder.decoder.",
    "feature_model.image_encoder.conv.": "gaussian_decoder.photo_conv.",
    "feature_model.fusion.": "gaussian_decoder.fusion.",
    "feature_model.geometry_head.": "prediction_heads.geometry_head.",
    "feature_model.texture_head.": "prediction_heads.texture_head.",
    "prediction_head.geometry_prediction_head.": "prediction_heads.geometry.",
    "prediction_head.texture_prediction_head.": "prediction_heads.texture.",
}
"""A checkpoint's names → the network's; what follows the prefix is the same in both."""

UNUSED = tuple(f"monodepth_model.monodepth_predictor.encoder.{vit}.head." for vit in ("patch_encoder", "image_encoder"))
"""The ViTs' classifier heads: in the released checkpoint, never used."""


LISTED = 50
"""Tensors that an error names of each kind; a file of another network would fill screens."""


def network_name(name: str) -> str:
    """The network's name of a checkpoint's tensor; a name that no prefix fits comes back as it is."""
    for prefix, ours in PREFIXES.items():
        if name.startswith(prefix):
            return ours + name.removeprefix(prefix)
    return name


def checkpoint_name(name: str) -> str:
    """The inverse of :func:`network_name`."""
    for prefix, ours in PREFIXES.items():
        if name.startswith(ours):
            return prefix + name.removeprefix(ours)
    return name


def used_names(names: Iterable[str]) -> list[str]:
    """A checkpoint's tensor names without the classifier heads."""
    return [name for name in names if not name.startswith(UNUSED)]


def empty_network(config: SharpConfig) -> SharpNetwork:
    """A network whose tensors have shapes but neither memory nor values (meta device).

    Raises:
        SharpError: no network has these sizes.
    """
    try:
        with torch.device("meta"):
            return SharpNetwork(config)
    except (ValueError, RuntimeError, ZeroDivisionError, OverflowError) as error:  # of torch's own layers
        raise SharpError(f"no network has the sizes of the config ({error})") from error


def expected_shapes(config: SharpConfig) -> dict[str, torch.Size]:
    """Shape of every tensor that a checkpoint of this config must hold, by the checkpoint's names."""
    return {checkpoint_name(name): tensor.shape for name, tensor in empty_network(config).state_dict().items()}


def check_tensors(config: SharpConfig, shapes: Mapping[str, Iterable[int]], origin: str) -> None:
    """Compare a checkpoint's tensors with what a config needs.

    Args:
        shapes: shape of each tensor in the checkpoint; classifier heads may be among them.
        origin: the checkpoint's name for the error message.

    Raises:
        SharpError: names the missing, unexpected and misshapen tensors, of each kind the first ``LISTED``.
    """
    try:
        expected = expected_shapes(config)
    except SharpError as error:
        raise SharpError(f"cannot use {origin}: {error}") from error
    found = {name: tuple(shapes[name]) for name in used_names(shapes)}
    wrong = [
        f"{name} has shape {list(found[name])}, not {list(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != tuple(shape)
    ]
    problems = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "misshapen": wrong,
    }
    words = [f"{len(names)} {kind} ({_list(names)})" for kind, names in problems.items() if names]
    if words:
        raise SharpError(f"cannot use {origin}: its tensors do not fit its config: {'; '.join(words)}")


def _list(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
