"""Values of options that need more than their type checked. None of them imports torch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sharp_cli.cli.choices import VideoFormat
from sharp_cli.cli.streams import is_stdout
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import holds

if TYPE_CHECKING:
    from sharp_cli.batch.ray_pool import RayOptions
    from sharp_cli.batch.shards import Shard
    from sharp_cli.gaussians.axes import Axes
    from sharp_cli.gaussians.fit import Fit
    from sharp_cli.photo import FocalOverride
    from sharp_cli.render.encode import Format

MAX_FPS = {"gif": 50, "webp": 90}
"""Browsers show faster frames ten times as slowly."""


def check_folder(folder: Path, option: str) -> None:
    """Refuse ``-``, which means stdout elsewhere, for a folder.

    Raises:
        typer.BadParameter: it is.
    """
    if is_stdout(folder):
        raise typer.BadParameter("a folder cannot be written to stdout (name a folder)", param_hint=option)


def choose_color(name: str) -> tuple[int, int, int]:
    """A color's red, green and blue, 0..255.

    Raises:
        typer.BadParameter: an unknown color.
    """
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getcolor(name, "RGB")  # type: ignore[misc]
    except ValueError:
        raise typer.BadParameter(f"unknown color: {name} (use a name or #rrggbb)", param_hint="--background") from None
    return red, green, blue


def choose_focal(px: float | None, mm: float | None, fov: float | None) -> FocalOverride | None:
    """The one focal length that was given, if any.

    Raises:
        typer.BadParameter: more than one.
    """
    if px is None and mm is None and fov is None:
        return None
    from sharp_cli.photo import FocalOverride

    try:
        return FocalOverride(px, mm, fov)
    except SharpError as error:
        raise typer.BadParameter(str(error), param_hint="--focal-px, --focal-mm, --fov") from error


def choose_size(size: str | None) -> int | tuple[int, int] | None:
    """``1024`` or ``1280x720``.

    Raises:
        typer.BadParameter: anything else.
    """
    if size is None:
        return None
    sides = size.lower().replace("×", "x").split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and 2 <= int(side) <= 16384 for side in sides):
        raise typer.BadParameter(
            f"invalid size: {size} (use the long side or WIDTHxHEIGHT, 2 to 16384 pixels)", param_hint="--size"
        )
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


def choose_format(out: Path | None, format: VideoFormat | None, alpha: bool, fps: float) -> Format:
    """The format that was asked for, or that OUT's suffix names.

    Raises:
        typer.BadParameter: OUT's suffix names another one, or the format lacks transparency or is too slow.
    """
    suffix = out.suffix.lower()[1:] if out is not None and not holds(out.is_dir) else ""
    of_name = suffix if suffix in ("mp4", "gif", "webp") else None
    chosen = format.value if format else of_name or ("png" if alpha else "mp4")
    if of_name not in (None, chosen):
        raise typer.BadParameter(f"{out} does not end in .{chosen}", param_hint="--format")
    if alpha and chosen not in ("png", "webp"):
        raise typer.BadParameter(f"{chosen} has no transparency (use png or webp)", param_hint="--alpha")
    if fps > (fastest := MAX_FPS.get(chosen, math.inf)):
        raise typer.BadParameter(
            f"browsers show a {chosen.upper()} at {fastest:g} frames per second at most", param_hint="--fps"
        )
    return chosen  # type: ignore[return-value]


def choose_shard(text: str | None) -> Shard | None:
    """The part of a batch that was asked for.

    Raises:
        typer.BadParameter: neither I/N nor auto, or no scheduler's variables for auto.
    """
    if text is None:
        return None
    from sharp_cli.batch.shards import parse_shard

    try:
        return parse_shard(text)
    except SharpError as error:
        raise typer.BadParameter(str(error), param_hint="--shard") from error


def choose_ray(address: str | None, cpus: float | None, gpus: float | None) -> RayOptions | None:
    """The cluster that was asked for, if any.

    Raises:
        typer.BadParameter: the size of workers without a cluster.
    """
    if address is None:
        if cpus is not None or gpus is not None:
            raise typer.BadParameter(
                "it sizes the workers of a cluster (add --ray)", param_hint="--ray-cpus, --ray-gpus"
            )
        return None
    from sharp_cli.batch.ray_pool import RayOptions

    return RayOptions(address, cpus, gpus)


def choose_suffix(out: Path | None, format: str | None, default: str) -> str:
    """The suffix of the splats: what was asked for, or that of OUT if it is a file's.

    Raises:
        typer.BadParameter: OUT has the suffix of another format.
    """
    from sharp_cli.formats.registry import format_of

    of_name = None
    if out is not None and not holds(out.is_dir):
        known = format_of(out)
        of_name = known.suffix if known and known.writer else None
        if out.suffix.lower() in (".html", ".htm"):
            of_name = ".html"
    chosen = f".{format}" if format else of_name or default
    if of_name not in (None, chosen):
        raise typer.BadParameter(f"{out} does not end in {chosen}", param_hint="--format")
    return chosen


def check_axes(axes: Axes, suffix: str, layout: str) -> None:
    """Refuse axes that results of this kind cannot have.

    Raises:
        typer.BadParameter: pages, or the .ply layout of the published tool, with other axes than OpenCV's.
    """
    if axes == "opencv":
        return
    if suffix == ".html":
        raise typer.BadParameter("an HTML page has no axes to choose (use --format)", param_hint="--axes")
    if suffix == ".ply" and layout == "sharp":
        raise typer.BadParameter("the .ply layout sharp has OpenCV axes (choose another layout)", param_hint="--axes")


def choose_fit(max_gaussians: int | None, min_opacity: float, crop: str | None, max_depth: float | None) -> Fit | None:
    """What to keep of a splat; None for everything.

    Raises:
        typer.BadParameter: a crop that is neither a box nor a distance.
    """
    if max_gaussians is None and not min_opacity and crop is None and max_depth is None:
        return None
    from sharp_cli.gaussians.fit import Fit

    box, distance = None, None
    if crop is not None:
        try:
            values = [float(part) for part in crop.split(",")]
        except ValueError:
            values = []
        if len(values) == 6 and all(low < high for low, high in zip(values[:3], values[3:], strict=True)):
            box = (values[0], values[1], values[2], values[3], values[4], values[5])
        elif len(values) == 1 and values[0] > 0:
            distance = values[0]
        else:
            raise typer.BadParameter(
                f"invalid crop: {crop} (use x,y,z,x,y,z with the smallest corner first, or a distance)",
                param_hint="--crop",
            )
    return Fit(max_gaussians, min_opacity, box, distance, max_depth)
