"""The rendering rules of docs/network.md §10, splat by splat over whole images in float64; and random Gaussians."""

from __future__ import annotations

import torch
from torch import Tensor

from sharp_cli.render.rasterizer import Rendering

WIDTH, HEIGHT = 40, 36


def covariances_of(quats: Tensor, scales: Tensor) -> Tensor:
    """(N, 4), (N, 3) → (N, 3, 3)."""
    w, x, y, z = torch.nn.functional.normalize(quats, dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    axes = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2) * scales[:, None]
    return axes @ axes.mT


def render_dense(
    gaussians: dict[str, Tensor],
    viewmat: Tensor,
    K: Tensor,
    width: int = WIDTH,
    height: int = HEIGHT,
    eps2d: float = 0.0,
    background: float = 0.0,
) -> Rendering:
    """One camera, float64: color (H, W, 3), alpha (H, W), depth (H, W). Differentiable."""
    gaussians = {name: tensor.double() for name, tensor in gaussians.items()}
    viewmat, K = viewmat.double(), K.double()
    if "covars" not in gaussians:
        gaussians["covars"] = covariances_of(gaussians["quats"], gaussians["scales"])
    rotation = viewmat[:3, :3]
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    points = gaussians["means"] @ rotation.T + viewmat[:3, 3]
    z = points[:, 2]
    slope_x = (points[:, 0] / z).clamp(-cx / fx - 0.15 * width / fx, (width - cx) / fx + 0.15 * width / fx)
    slope_y = (points[:, 1] / z).clamp(-cy / fy - 0.15 * height / fy, (height - cy) / fy + 0.15 * height / fy)
    zero = torch.zeros_like(z)
    row_x = torch.stack([fx / z, zero, -fx * slope_x / z], dim=-1)
    row_y = torch.stack([zero, fy / z, -fy * slope_y / z], dim=-1)
    to_picture = torch.stack([row_x, row_y], dim=-2) @ rotation
    covars = to_picture @ gaussians["covars"] @ to_picture.mT + eps2d * torch.eye(2, dtype=torch.float64)
    centers = torch.stack([fx * points[:, 0] / z + cx, fy * points[:, 1] / z + cy], dim=-1)

    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    pixels = torch.stack([x, y], dim=-1).double()
    transmittance = torch.ones(height, width, dtype=torch.float64)
    finished = torch.zeros(height, width, dtype=torch.bool)
    color, depth = torch.zeros(height, width, 3, dtype=torch.float64), torch.zeros_like(transmittance)
    for i in z.argsort(stable=True).tolist():
        if not 0.01 <= z[i] <= 1e10 or torch.linalg.det(covars[i]) <= 0:
            continue
        offset = pixels - centers[i]
        sigma = 0.5 * torch.einsum("yxi,ij,yxj->yx", offset, torch.linalg.inv(covars[i]), offset)
        alpha = (gaussians["opacities"][i] * torch.exp(-sigma)).clamp(max=0.999)
        alpha = torch.where(alpha >= 1 / 255, alpha, 0)
        after = transmittance * (1 - alpha)
        finished = finished | (after <= 1e-4)
        weight = torch.where(finished, 0, alpha * transmittance)
        transmittance = torch.where(finished, transmittance, after)
        color += weight[..., None] * gaussians["colors"][i]
        depth += weight * z[i]
    alpha = 1 - transmittance
    return Rendering(color + transmittance[..., None] * background, alpha, depth / alpha.clamp(min=1e-8))


def random_gaussians(seed: int, count: int) -> dict[str, Tensor]:
    """Gaussians in front of :func:`turned_camera`, some beyond the image's edges and some nearly opaque."""
    draw = torch.Generator().manual_seed(seed)
    z = 1 + 3 * torch.rand(count, generator=draw)
    across = 0.8 * z[:, None] * (2 * torch.rand(count, 2, generator=draw) - 1)
    opacities = 0.05 + 0.9 * torch.rand(count, generator=draw)
    opacities[::5] = 0.9995
    return {
        "means": torch.cat([across, z[:, None]], dim=-1),
        "quats": torch.randn(count, 4, generator=draw),
        "scales": 0.05 + 0.3 * torch.rand(count, 3, generator=draw),
        "opacities": opacities,
        "colors": torch.rand(count, 3, generator=draw),
    }


def turned_camera(shift: float = 0.1) -> tuple[Tensor, Tensor]:
    """World to camera (4, 4), slightly turned and moved, and intrinsics (3, 3) with unequal focal lengths."""
    angle = torch.tensor(shift)
    viewmat = torch.eye(4)
    viewmat[0, 0] = viewmat[2, 2] = angle.cos()
    viewmat[0, 2], viewmat[2, 0] = angle.sin(), -angle.sin()
    viewmat[:3, 3] = torch.tensor([shift, -0.05, 0.2])
    return viewmat, torch.tensor([[45.0, 0, 18], [0, 41, 19], [0, 0, 1]])
