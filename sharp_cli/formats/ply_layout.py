"""Names and constants that the reader and the writer of 3DGS ``.ply`` files share (docs/network.md §9)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sharp_cli.gaussians.sh import Shaped, sh_degree

PlyLayout = Literal["standard", "full", "sharp"]
"""``standard``: the ``vertex`` element alone, with ``f_rest`` only if colors depend on the direction; opens everywhere.
``full``: every property of the original 3D Gaussian Splatting, with normals and harmonics of degree 3 or more, zero
if there are none: four times as large, for old viewers that insist on them.
``sharp``: the published tool's elements after ``vertex``, which several viewers refuse; no harmonics."""

GROUPS = {
    "means": ("x", "y", "z"),
    "colors": ("f_dc_0", "f_dc_1", "f_dc_2"),
    "opacities": ("opacity",),
    "scales": ("scale_0", "scale_1", "scale_2"),
    "quats": ("rot_0", "rot_1", "rot_2", "rot_3"),
}
"""The properties that hold each part of the Gaussians."""

VERTEX = np.dtype([(name, "<f4") for group in GROUPS.values() for name in group])
"""A row of a file without harmonics."""

RGB = ("red", "green", "blue")
"""Plain sRGB colors, which some exporters write instead of ``f_dc``: bytes, or floats in [0, 1]."""

NORMALS = ("nx", "ny", "nz")

SMALLEST_OPACITY, LARGEST_OPACITY = 1e-7, 1 - 2**-24
"""That files hold: those of 0 and 1 have no finite logit."""

FULL_COEFFICIENTS = 15
"""Per color channel: degrees 1 to 3."""

CAMERA_FACTS = ("image_size", "focal_px", "color_space", "blending", "up", "axes")
"""Comments that become the camera, the color space, the blending and the up axis, or name the axes; not facts."""

PROVENANCE = ("source", "source_folder", "source_sha256", "source_stat", "settings", "gaussians")
"""Comments on how this one file was made. They are not facts of the Gaussians: what is read, changed and written again
is another file."""

PUBLISHED_ELEMENTS = ("extrinsic", "intrinsic", "image_size", "frame", "disparity", "color_space", "version")


def rest_names(coefficients: int) -> tuple[str, ...]:
    """The harmonics' properties, ordered as the last two axes of (N, K, 3); files number them channel by channel."""
    return tuple(f"f_rest_{c * coefficients + k}" for k in range(coefficients) for c in range(3))


def rest_count(sh: Shaped | None, layout: PlyLayout) -> int:
    """How many harmonics each color channel gets beside the constant one, of a splat with these coefficients."""
    kept = 0 if sh is None or layout == "sharp" else (sh_degree(sh) + 1) ** 2 - 1
    return max(kept, FULL_COEFFICIENTS) if layout == "full" else kept


def vertex_names(layout: PlyLayout, coefficients: int) -> tuple[str, ...]:
    """The vertex properties of a layout in their order, for this many harmonic coefficients per color channel."""
    colors = GROUPS["colors"] + tuple(f"f_rest_{i}" for i in range(3 * coefficients))
    normals = NORMALS if layout == "full" else ()
    return (*GROUPS["means"], *normals, *colors, *GROUPS["opacities"], *GROUPS["scales"], *GROUPS["quats"])
