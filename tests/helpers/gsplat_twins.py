"""gsplat's Python side on the CPU: plain torch twins, written from its documentation, in place of its CUDA kernels.

Only what ``rasterization`` calls in our way of using it: pinhole cameras, not packed, classic mode. Everything is
float32 as on the GPU, and differentiable by torch.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from sharp_cli.render.backends import cuda

MOST_OPAQUE, FAINTEST, STOP_AT = 0.999, 1 / 255, 1e-4


def pretend_cuda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the CUDA backend run on the CPU, through the real ``gsplat.rasterization``; returns gsplat.rendering."""
    rendering = pytest.importorskip("gsplat.rendering", reason="needs gsplat")
    kernels = ModuleType("gsplat.cuda._backend")
    kernels._C = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "gsplat.cuda._backend", kernels)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "device_of", lambda means: torch.device("cpu"))
    for twin in (fully_fused_projection, isect_tiles, isect_offset_encode, rasterize_to_pixels):
        monkeypatch.setattr(rendering, twin.__name__, twin)
    return rendering


def fully_fused_projection(
    means: Tensor,
    covars: Tensor | None,
    quats: Tensor | None,
    scales: Tensor | None,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    *,
    eps2d: float,
    packed: bool,
    near_plane: float,
    far_plane: float,
    radius_clip: float,
    opacities: Tensor,
    **others: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
    """Radii (C, N, 2), centers (C, N, 2), depths (C, N) and conics (C, N, 3); radii are 0 for what is not seen."""
    assert not packed and not others["calc_compensations"] and others["camera_model"] == "pinhole"
    rotation, shift = viewmats[:, None, :3, :3], viewmats[:, None, :3, 3]
    points = (rotation @ means[None, :, :, None])[..., 0] + shift
    x, y, z = points.unbind(-1)
    fx, fy, cx, cy = (Ks[:, i, j, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    slope_x = torch.clamp(x / z, -(cx + 0.15 * width) / fx, (1.15 * width - cx) / fx)
    slope_y = torch.clamp(y / z, -(cy + 0.15 * height) / fy, (1.15 * height - cy) / fy)
    zero = torch.zeros_like(z)
    rows = [torch.stack([fx / z, zero, -fx / z * slope_x], -1), torch.stack([zero, fy / z, -fy / z * slope_y], -1)]
    axes = torch.stack(rows, -2) @ rotation
    spread = axes @ _covariances(covars, quats, scales)[None] @ axes.mT
    xx, xy, yy = spread[..., 0, 0] + eps2d, spread[..., 0, 1], spread[..., 1, 1] + eps2d
    det = xx * yy - xy * xy
    conics = torch.stack([yy / det, -xy / det, xx / det], -1)
    centers = torch.stack([fx * x / z + cx, fy * y / z + cy], -1)
    reach = torch.sqrt(2 * torch.log(opacities / FAINTEST)).clamp(max=3.33)
    radii = torch.ceil(reach[..., None] * torch.stack([xx, yy], -1).sqrt())
    seen = (det > 0) & (z >= near_plane) & (z <= far_plane) & (opacities >= FAINTEST)
    size = torch.tensor([width, height])
    seen &= ((centers + radii > 0) & (centers - radii < size)).all(-1) & (radii > radius_clip).any(-1)
    return torch.where(seen[..., None], radii, 0).int(), centers, z, conics, None


def _covariances(covars: Tensor | None, quats: Tensor | None, scales: Tensor | None) -> Tensor:
    if covars is not None:  # the upper triangle, row by row
        return covars[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].view(-1, 3, 3)
    assert quats is not None and scales is not None
    w, x, y, z = torch.nn.functional.normalize(quats, dim=-1).unbind(-1)
    entries = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y), 2 * (x * y + w * z)]
    entries += [1 - 2 * (x * x + z * z), 2 * (y * z - w * x), 2 * (x * z - w * y), 2 * (y * z + w * x)]
    axes = torch.stack([*entries, 1 - 2 * (x * x + y * y)], -1).view(-1, 3, 3) * scales[:, None]
    return axes @ axes.mT


@torch.no_grad()
def isect_tiles(
    means2d: Tensor, radii: Tensor, depths: Tensor, tile_size: int, tile_width: int, tile_height: int, **others: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Tiles per Gaussian, and the sorted pairs of tile and Gaussian: numbers of tiles, and places in (C, N)."""
    pairs = []
    cameras, count = depths.shape
    for camera in range(cameras):
        for i in range(count):
            if radii[camera, i].min() > 0:
                low = torch.floor((means2d[camera, i] - radii[camera, i]) / tile_size).int().clamp(min=0).tolist()
                high = torch.ceil((means2d[camera, i] + radii[camera, i]) / tile_size).int().tolist()
                tiles = range(low[1], min(high[1], tile_height)), range(low[0], min(high[0], tile_width))
                for tile in (y * tile_width + x for y in tiles[0] for x in tiles[1]):
                    key = camera * tile_width * tile_height + tile
                    pairs.append((key, float(depths[camera, i]), camera * count + i))
    pairs.sort()
    keys, _, ids = zip(*pairs, strict=True) if pairs else ((), (), ())
    return torch.zeros(0), torch.tensor(keys, dtype=torch.int64), torch.tensor(ids, dtype=torch.int32)


def isect_offset_encode(isect_ids: Tensor, n_images: int, tile_width: int, tile_height: int) -> Tensor:
    """Where each tile's pairs begin: (C, tiles, tiles)."""
    tiles = torch.arange(n_images * tile_width * tile_height)
    return torch.searchsorted(isect_ids, tiles).int().view(n_images, tile_height, tile_width)


def rasterize_to_pixels(
    means2d: Tensor,
    conics: Tensor,
    colors: Tensor,
    opacities: Tensor,
    image_width: int,
    image_height: int,
    tile_size: int,
    isect_offsets: Tensor,
    flatten_ids: Tensor,
    backgrounds: Tensor | None = None,
    **others: Any,
) -> tuple[Tensor, Tensor]:
    """Blended colors (C, H, W, channels) and alpha (C, H, W, 1)."""
    assert backgrounds is None and not others["packed"]
    cameras, tiles_y, tiles_x = isect_offsets.shape
    ends = [*isect_offsets.flatten().tolist()[1:], len(flatten_ids)]
    images = torch.zeros(cameras, tiles_y * tile_size, tiles_x * tile_size, colors.shape[-1] + 1)
    flat = [
        values.reshape(math.prod(values.shape[:2]), -1) for values in (means2d, conics, colors, opacities[..., None])
    ]
    blocks = []
    for tile, (start, end) in enumerate(zip(isect_offsets.flatten().tolist(), ends, strict=True)):
        y, x = tile // tiles_x % tiles_y * tile_size, tile % tiles_x * tile_size
        spots = torch.stack(torch.meshgrid(torch.arange(tile_size), torch.arange(tile_size), indexing="xy"), -1)
        pixels = spots.reshape(-1, 2) + torch.tensor([x, y]) + 0.5
        blocks.append(_blend(pixels, *(values[flatten_ids[start:end].long()] for values in flat)))
    grid = torch.stack(blocks).view(cameras, tiles_y, tiles_x, tile_size, tile_size, -1)
    images = grid.transpose(2, 3).reshape(images.shape)[:, :image_height, :image_width]
    return images[..., :-1], images[..., -1:]


def _blend(pixels: Tensor, centers: Tensor, conics: Tensor, colors: Tensor, opacities: Tensor) -> Tensor:
    """Splats front to back over P pixels: (P, channels + 1), the last is alpha."""
    dx, dy = (pixels[None] - centers[:, None]).unbind(-1)
    a, b, c = conics[:, :, None].unbind(1)
    sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
    alpha = (opacities * torch.exp(-sigma)).clamp(max=MOST_OPAQUE)
    alpha = torch.where((sigma >= 0) & (alpha >= FAINTEST), alpha, 0)
    after = torch.cumprod(1 - alpha, 0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]]) if len(after) else after
    weights = torch.where(after > STOP_AT, alpha * before, 0)
    return torch.cat([weights.T @ colors, weights.sum(0)[:, None]], -1)
