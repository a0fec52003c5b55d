"""Rendering a splat through cameras."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from torch import Tensor

from sharp_cli.cameras.framing import depth_range, source_view
from sharp_cli.cameras.views import Views
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.covariance import covariances
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.gaussians.spherical_harmonics import view_colors
from sharp_cli.render.backends.choose import choose_backend
from sharp_cli.render.lenses import render_lens
from sharp_cli.render.rasterizer import Backend, Rendering, rasterize

NEAR = 0.01
"""Nearest depth rendered in scenes measured in meters (docs/network.md §10)."""

OTHERS_EPS2D = 0.3
"""Splats trained elsewhere expect this much blur [px²]; the predictor's expect none."""


def render_views(
    gaussians: Gaussians, views: Views, *, background: Tensor | None = None, backend: Backend = "auto"
) -> Iterator[Rendering]:
    """Render a splat through cameras, one after the other: C = 1 images each.

    Colors are blended, and returned, as ``gaussians.blending`` says: in linear RGB, or sRGB-encoded for splats trained
    elsewhere. Harmonics are evaluated from each camera's own position. Splats without a camera are rendered with the
    blur that other tools train with. Scenes in units far larger than a meter are not cut off at a centimeter. Lenses
    are rendered as :mod:`sharp_cli.render.lenses` describes.

    Args:
        background: (3,) linear RGB, black by default.
        backend: "cpu", "cuda", "webgpu" or "auto": see :func:`~sharp_cli.render.backends.choose.choose_backend`.

    Raises:
        SharpError: the backend does not run here, or depths that no camera can show.
    """
    near = min(NEAR, 0.1 * depth_range(gaussians, source_view(gaussians)).near)
    backend = choose_backend(backend)
    gaussians = gaussians.to("cuda" if backend == "cuda" else "cpu")
    encoded = gaussians.blending == "srgb"
    if background is not None and encoded:
        background = linear_to_srgb(background)
    covars = covariances(gaussians.scales, gaussians.quats)
    colors = view_colors(gaussians, gaussians.means.new_zeros(3), encoded) if gaussians.sh is None else None
    eps2d = OTHERS_EPS2D if gaussians.camera is None else 0.0
    for index, (viewmat, K) in enumerate(zip(views.viewmats, views.Ks, strict=True)):
        eye = -viewmat[:3, :3].T @ viewmat[:3, 3]
        draw = partial(
            _draw,
            gaussians,
            covars,
            view_colors(gaussians, eye, encoded) if colors is None else colors,
            eps2d=eps2d,
            background=background,
            near=near,
            backend=backend,
        )
        if views.lens is None:
            yield draw(viewmat, K, views.width, views.height)
        else:
            yield render_lens(views, index, draw, background)


def _draw(
    gaussians: Gaussians,
    covars: Tensor,
    colors: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    sharper: float = 1.0,
    *,
    eps2d: float,
    **settings: Any,
) -> Rendering:
    """One pinhole image; with ``sharper`` pixels per pixel of the result, the blur grows along."""
    return rasterize(
        gaussians.means,
        gaussians.opacities,
        colors,
        viewmat[None],
        K[None],
        width,
        height,
        covars=covars,
        eps2d=eps2d * sharper**2,
        **settings,
    )
