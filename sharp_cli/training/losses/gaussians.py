"""Losses on the Gaussians themselves (docs/training.md: delta, splat)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_DELTA = 400.0
"""Largest raw offset that costs nothing: 0.4 of half the picture, after the network's factor of 0.001."""

MIN_VARIANCE = 0.1
MAX_VARIANCE = 100.0
"""Bounds of a splat's variance in px²: standard deviations of 0.3 and 10 px."""

NEAR = 0.01
"""Nearer Gaussians are not rendered, so they do not count."""

OVERSCAN = 0.15
"""How far beyond the picture, in parts of its size, the projection's slope is followed (docs/network.md §10)."""


def delta_loss(delta: Tensor) -> Tensor:
    """E_i relu(abs d_x − 400) + relu(abs d_y − 400).

    Args:
        delta: (B, 14, 2, G, G) as the prediction heads give them, before any factor; x and y come first.
    """
    return F.relu(delta[:, :2].abs() - MAX_DELTA).sum(dim=1).mean()


def splat_loss(means: Tensor, covars: Tensor, viewmats: Tensor, Ks: Tensor, width: int, height: int) -> Tensor:
    """E_i relu(v_i − 100) + relu(0.1 − v_i): splats neither huge nor too thin to see.

    The paper says "projected variance" and not along which axis. Here the larger variance of a splat's two axes is
    held below the upper bound and the smaller one above the lower: no direction is left free, and the loss does not
    change when the camera rolls. Gaussians nearer than the near plane or behind the camera add 0.

    Args:
        means, covars: (B, N, 3) centers and (B, N, 3, 3) covariances in the world, or in the camera's normalized
            space: with ``Ks`` of :func:`ndc_intrinsics` and identity poses, that is the same picture.
        viewmats, Ks: (B, 4, 4) world to camera, and (B, 3, 3) intrinsics in pixels.
        width, height: of the picture in pixels.
    """
    xx, xy, yy = projected_covariances(means, covars, viewmats, Ks, width, height)
    small, large = principal_variances(xx, xy, yy)
    excess = F.relu(large - MAX_VARIANCE) + F.relu(MIN_VARIANCE - small)
    rendered = (means @ viewmats[:, 2, :3, None])[..., 0] + viewmats[:, 2, 3:] >= NEAR
    return torch.where(rendered, excess, torch.zeros_like(excess)).mean()


def ndc_intrinsics(width: int, height: int, like: Tensor) -> Tensor:
    """(3, 3) intrinsics that project the camera's normalized space, (z · x_ndc, z · y_ndc, z), to pixels."""
    return like.new_tensor([[0.5 * width, 0, 0.5 * width], [0, 0.5 * height, 0.5 * height], [0, 0, 1]])


def projected_covariances(
    means: Tensor, covars: Tensor, viewmats: Tensor, Ks: Tensor, width: int, height: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Σ₂ = J W Σ Wᵀ Jᵀ of every Gaussian, as the rasterizer has it with eps2d = 0 (docs/network.md §10).

    One elementwise operation over all Gaussians at a time: a batched product of so small matrices is slower.

    Args: as in :func:`splat_loss`.

    Returns:
        (B, N) each: the covariance's xx, xy and yy [px²]. z is taken as at least the near plane's.
    """
    x, y, z = (means @ viewmats[:, :3, :3].mT + viewmats[:, None, :3, 3]).unbind(-1)
    z = z.clamp(min=NEAR)
    across = _picture_axis(x / z, z, viewmats, Ks, axis=0, size=width)
    down = _picture_axis(y / z, z, viewmats, Ks, axis=1, size=height)
    entries = [row.unbind(-1) for row in covars.unbind(-2)]

    def product(a: list[Tensor], b: list[Tensor]) -> Tensor:
        spread = (sum(entries[i][j] * b[j] for j in range(3)) for i in range(3))
        return torch.stack([a_i * s_i for a_i, s_i in zip(a, spread, strict=True)]).sum(0)

    return product(across, across), product(across, down), product(down, down)


def _picture_axis(slope: Tensor, z: Tensor, viewmats: Tensor, Ks: Tensor, axis: int, size: int) -> list[Tensor]:
    """One row of J W: what the picture's x (axis 0) or y (axis 1) direction is in the world; three times (B, N)."""
    focal, center = Ks[:, axis, axis, None], Ks[:, axis, 2, None]
    beyond = OVERSCAN * size / focal
    slope = slope.clamp(-center / focal - beyond, (size - center) / focal + beyond)
    return [focal / z * (viewmats[:, axis, k, None] - slope * viewmats[:, 2, k, None]) for k in range(3)]


def principal_variances(xx: Tensor, xy: Tensor, yy: Tensor) -> tuple[Tensor, Tensor]:
    """Smaller and larger eigenvalue of symmetric 2 × 2 matrices, any shape; a circle has a gradient, too."""
    middle = 0.5 * (xx + yy)
    radius = torch.linalg.vector_norm(torch.stack([0.5 * (xx - yy), xy]), dim=0)
    return middle - radius, middle + radius
