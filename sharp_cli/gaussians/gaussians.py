"""The value that everything after the network works on: a set of 3D Gaussians and the photo's camera."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from sharp_cli.gaussians.axes import Up


@dataclass(frozen=True)
class Camera:
    """The pinhole camera of a photo; its principal point is the picture's centre (W / 2, H / 2)."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    focal_px: float
    """Focal length in pixels of this width and height."""


@dataclass(frozen=True)
class Gaussians:
    """N Gaussians in camera space: metres, OpenCV axes (x right, y down, z forward), eye at the origin."""

    means: Tensor
    """(N, 3) centres [m]."""
    scales: Tensor
    """(N, 3) standard deviations along the Gaussian's own axes [m], ≥ 0."""
    quats: Tensor
    """(N, 4) rotations w, x, y, z from the Gaussian's axes to camera space; users normalise."""
    opacities: Tensor
    """(N,) in [0, 1]."""
    colors: Tensor
    """(N, 3) linear RGB; in [0, 1] from the predictor, possibly beyond from other tools' files."""
    camera: Camera | None = None
    """The photo's camera, where known."""
    facts: dict[str, str] = field(default_factory=dict)
    """Where the splat comes from (weights, licence, focal length's source, …): kept in files as comments.
    Keys are single words."""
    sh: Tensor | None = None
    """(N, (d + 1)² − 1, 3) spherical harmonics of degrees 1 to d, where the colour depends on the direction it is seen
    from: real, in the field's order and signs, and added to the *sRGB-encoded* colour, which is what files hold.
    ``colors`` is then the part without direction; :func:`~sharp_cli.gaussians.spherical_harmonics.view_colors` adds
    them up."""
    up: Up | None = None
    """The world axis that points up, if the file says so; it matters only without a camera, which has y down."""

    def __len__(self) -> int:
        return len(self.means)
