"""The value that everything after the network works on: a set of 3D Gaussians and the photo's camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sharp_cli.gaussians.axes import Up

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Blending = Literal["linear", "srgb"]


@dataclass(frozen=True)
class Camera:
    """The pinhole camera of a photo; its principal point is the image center (W / 2, H / 2)."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    focal_px: float
    """Focal length in pixels of this width and height."""


@dataclass(frozen=True, eq=False)
class Gaussians:
    """N Gaussians in camera space: meters, OpenCV axes (x right, y down, z forward), eye at the origin.

    Two of them are equal if all their values are, on whatever device. A Gaussian with a zero quaternion has no
    rotation and is not rendered.
    """

    means: Tensor
    """(N, 3) centers [m]."""
    scales: Tensor
    """(N, 3) standard deviations along the Gaussian's own axes [m], ≥ 0."""
    quats: Tensor
    """(N, 4) rotations w, x, y, z from the Gaussian's axes to camera space; of any length."""
    opacities: Tensor
    """(N,) in [0, 1]."""
    colors: Tensor
    """(N, 3) linear RGB; in [0, 1] from the predictor, possibly beyond from other tools' files."""
    camera: Camera | None = None
    """The photo's camera, if known."""
    facts: dict[str, str] = field(default_factory=dict)
    """Where the splat comes from (weights, license, source of the focal length, …): comments in files.
    Keys are single words."""
    sh: Tensor | None = None
    """(N, (d + 1)² − 1, 3) spherical harmonics of degrees 1 to d, if color depends on the viewing direction: real, in
    the field's order and signs, added to the *sRGB-encoded* color, as files store them. ``colors`` is then the part
    without direction; :func:`~sharp_cli.gaussians.spherical_harmonics.view_colors` adds them up."""
    blending: Blending = "linear"
    """The colors that renderers blend: "linear" RGB for the predictor and the published tool, "srgb" for splats trained
    elsewhere, whose trainers and viewers blend encoded colors."""
    up: Up | None = None
    """The world axis that points up, if the file says so; it matters only without a camera, which has y down."""

    writer: ClassVar[Callable[[str | PathLike[str], Gaussians], object] | None] = None
    """What :meth:`save` calls. Importing ``sharp_cli`` sets it: this module knows no file formats."""

    viewer: ClassVar[Callable[[Gaussians, int], Any] | None] = None
    """What :meth:`show` calls; set like ``writer``."""

    def __len__(self) -> int:
        return len(self.means)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Gaussians):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __hash__(self) -> int:
        return hash((len(self), self.camera, self.blending))

    def to(self, device: str | torch.device) -> Gaussians:
        """The same Gaussians on a device; tensors that are there already are shared."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: v.to(device) for name, v in values.items() if hasattr(v, "to")})

    def save(self, path: str | PathLike[str]) -> None:
        """Write a splat file, in the format that the name's suffix stands for.

        Raises:
            SharpError: an unknown suffix, or values that the format cannot store.
            OSError: the file cannot be written.
        """
        if Gaussians.writer is None:
            raise RuntimeError("no writer for splats is registered (import sharp_cli first)")
        Gaussians.writer(path, self)

    def show(self, height: int = 480) -> Any:
        """The viewer inside a notebook, in a frame that needs no network.

        Args:
            height: of the frame [px].

        Raises:
            SharpError: there is no Gaussian to show.
        """
        if Gaussians.viewer is None:
            raise RuntimeError("no viewer for splats is registered (import sharp_cli first)")
        return Gaussians.viewer(self, height)


def _same(one: Any, other: Any) -> bool:
    """Whether two fields are equal: tensors of one shape and type with the same values, or equal objects."""
    if hasattr(one, "shape") != hasattr(other, "shape"):
        return False
    if not hasattr(one, "shape"):
        return bool(one == other)
    return one.shape == other.shape and one.dtype == other.dtype and bool((one == other.to(one.device)).all())
