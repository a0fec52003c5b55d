"""Rendering straight from normalized space, and the pseudo poses of self-supervision."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.transform import transform
from sharp_cli.model.compose import NdcGaussians
from sharp_cli.render.rasterizer import rasterize
from sharp_cli.training.config import PseudoConfig
from sharp_cli.training.pseudo import random_pose
from sharp_cli.training.views import camera_from_ndc, render_ndc_views


def test_rendering_straight_from_normalized_space_equals_the_decomposed_way():
    generator = torch.Generator().manual_seed(0)

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    z = 1.0 + 3.0 * rand(1, 300, 1)
    means = torch.cat([(2 * rand(1, 300, 2) - 1) * z, z], dim=2)
    ndc = NdcGaussians(
        means, 0.02 + 0.1 * rand(1, 300, 3), rand(1, 300, 4) - 0.5, 0.2 + 0.7 * rand(1, 300), rand(1, 300, 3)
    )
    width, height, focal = 60, 40, 50.0
    K = torch.tensor([[focal, 0, 30], [0, focal, 20], [0, 0, 1]])
    viewmats = torch.eye(4).repeat(2, 1, 1)
    viewmats[1, 0, 3] = -0.1
    seen = render_ndc_views(ndc, K[None], viewmats[None], K.expand(1, 2, 3, 3), width, height)

    matrix = torch.diag(torch.tensor([width / (2 * focal), height / (2 * focal), 1.0]))
    means, scales, quats = transform(ndc.means[0], ndc.scales[0], ndc.quats[0], matrix)
    rest = (ndc.opacities[0], ndc.colors[0], viewmats, K.expand(2, 3, 3), width, height)
    plain = rasterize(means, *rest, quats=quats, scales=scales)
    assert (seen.color[0] - linear_to_srgb(plain.color).movedim(-1, 1)).abs().max() < 2e-3
    assert (seen.alpha[0, :, 0] - plain.alpha).abs().max() < 2e-3
    assert (seen.depth[0, :, 0] - plain.depth).abs().max() < 2e-2


def test_normalized_space_follows_the_principal_point():
    K = torch.tensor([[[50.0, 0, 22], [0, 40, 25], [0, 0, 1]]])
    points = torch.tensor([[-1.0, -1.0, 1.0], [1.0, 0.5, 1.0]]) * torch.tensor([[2.0], [3.0]])
    projected = points @ camera_from_ndc(K, 60, 40)[0].T @ K[0].T
    assert torch.allclose(projected[:, :2] / projected[:, 2:], torch.tensor([[0.0, 0.0], [60.0, 30.0]]), atol=1e-4)


@given(seed=st.integers(0, 2**32))
def test_pseudo_poses_stay_near_and_keep_the_subject_in_place(seed: int):
    depth = torch.linspace(2.0, 6.0, 400).view(20, 20)
    config = PseudoConfig(degrees=0.0)
    viewmat = random_pose(np.random.default_rng(seed), depth, config)
    eye = -viewmat[:3, :3].T @ viewmat[:3, 3]
    assert eye.norm() <= config.parallax * 2.5 and torch.allclose(
        viewmat[:3, :3] @ viewmat[:3, :3].T, torch.eye(3), atol=1e-5
    )
    seen = viewmat @ torch.tensor([0.0, 0.0, 4.0, 1.0])
    assert seen[:2].abs().max() < 1e-2 and seen[2] > 3
    turned = random_pose(np.random.default_rng(seed), depth, PseudoConfig(degrees=2.0))
    angle = math.degrees(math.acos(min(1.0, ((turned[:3, :3] @ viewmat[:3, :3].T).trace().item() - 1) / 2)))
    assert angle <= 2.0 * 3**0.5 + 0.2
