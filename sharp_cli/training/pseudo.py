"""Pseudo-novel views for self-supervised training: a photo seen from a place nearby, as the network imagines it.

The paper states neither the distribution of their poses nor whether another network draws them. Here the network in
training draws them itself, without gradient. The camera moves by a random direction and up to ``parallax`` times
the photo's near depth (the 10 % quantile of the visible layer), along the view by no more than ``forward`` of that;
it turns so that what the picture's middle shows (at the median depth) keeps its place, plus up to ``degrees`` about
each axis. All is sampled from the sample's number, so a resumed run samples the same.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sharp_cli.datasets.view_pair import PairBatch
from sharp_cli.model.network import SharpNetwork
from sharp_cli.training.config import PseudoConfig, TrainConfig
from sharp_cli.training.views import render_ndc_views


@torch.no_grad()
def pseudo_batch(network: SharpNetwork, photos: PairBatch, numbers: Tensor, config: TrainConfig) -> PairBatch:
    """Exchange the roles: the pseudo-novel view becomes the input, and the photo the novel view.

    The depth of both is the network's own rendering, good enough to decide which pixels both can see.

    Args:
        photos: pairs of which only the input view counts.
        numbers: (B,) of the samples.
    """
    height, width = photos.photo.shape[2:]
    K = photos.input_intrinsics
    prediction = network.predict(photos.photo, K[:, 0, 0] / width)
    viewmats = torch.stack(
        [
            random_pose(np.random.default_rng((config.seed, int(number))), depth, config.pseudo)
            for number, depth in zip(numbers, prediction.depth[:, 0], strict=True)
        ]
    ).to(K)
    here = torch.eye(4, device=K.device).expand_as(viewmats)
    both = torch.stack([here, viewmats], dim=1)
    renders = render_ndc_views(prediction.gaussians, K, both, torch.stack([K, K], dim=1), width, height)
    pseudo = renders.color[:, 1].clamp(0.0, 1.0)
    return PairBatch(
        photo=pseudo,
        input_image=pseudo,
        input_depth=renders.depth[:, 1],
        novel_image=photos.photo,
        novel_depth=renders.depth[:, 0],
        input_intrinsics=K,
        novel_intrinsics=K,
        novel_viewmat=torch.linalg.inv(viewmats),
    )


def random_pose(rng: np.random.Generator, depth: Tensor, config: PseudoConfig) -> Tensor:
    """(4, 4) from the photo's camera to one nearby.

    Args:
        depth: (R, R) of the photo's visible layer [m].
    """
    some = depth.flatten()[:: max(1, depth.numel() // 10_000)].float().cpu()
    near, middle = torch.quantile(some, 0.1).item(), torch.quantile(some, 0.5).item()
    direction = rng.normal(size=3) * (1.0, 1.0, config.forward)
    length = config.parallax * near * rng.uniform(0.2, 1.0)
    eye = direction * (length / max(float(np.linalg.norm(direction)), 1e-9))
    ahead = middle - eye[2]
    yaw, pitch, roll = np.radians(rng.uniform(-config.degrees, config.degrees, 3))
    yaw, pitch = yaw + math.atan2(-eye[0], ahead), pitch + math.atan2(eye[1], ahead)
    rotation = _about(1, yaw) @ _about(0, pitch) @ _about(2, roll)  # columns: the new axes in the photo's frame
    viewmat = np.eye(4)
    viewmat[:3, :3] = rotation.T
    viewmat[:3, 3] = -rotation.T @ eye
    return torch.from_numpy(viewmat).float()


def _about(axis: int, angle: float) -> np.ndarray:
    """(3, 3) rotation about x, y or z; y points down."""
    i, j = [k for k in range(3) if k != axis]
    c, s = math.cos(angle), math.sin(angle)
    matrix = np.eye(3)
    matrix[i, i], matrix[j, j] = c, c
    sign = -1.0 if axis == 1 else 1.0
    matrix[i, j], matrix[j, i] = -sign * s, sign * s
    return matrix
