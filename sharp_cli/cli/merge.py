"""``sharp merge``: several photos of one place in, one splat out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sharp_cli.cli import options as opt
from sharp_cli.cli.choices import Device, PlyLayout, Precision
from sharp_cli.cli.display.plain import plain
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.network_batches import fetch
from sharp_cli.cli.values import check_axes, choose_fit, choose_focal
from sharp_cli.errors import SharpError

if TYPE_CHECKING:
    from sharp_cli.multiview.posed import PosedPhoto
    from sharp_cli.photo import FocalOverride

MergedPhotos = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PHOTO]...",
        help="Photos of one place, or folders of them. With --cameras, none takes all that the file names.",
    ),
]
MergedOut = Annotated[
    Path, opt.option(opt.OUTPUT, "The splat: .ply, .sog, .spz, … (see `sharp formats`).", "--out", "-o")
]
Replace = Annotated[bool, opt.option(opt.OUTPUT, "Replace OUT if it exists.", "--overwrite")]
PhotoCameras = Annotated[
    Path | None,
    opt.option(
        opt.PHOTO,
        "Cameras of the photos: transforms.json or a COLMAP folder. Default: found by pycolmap ([sfm]).",
        "--cameras",
        metavar="FILE|FOLDER",
    ),
]
Baseline = Annotated[
    float | None,
    opt.option(
        opt.PHOTO,
        "Distance in meters between the two cameras of a stereo pair: two photos, an MPO file, or a picture of two "
        "halves side by side.",
        "--baseline",
        min=1e-6,
    ),
]


def merge(
    photos: MergedPhotos = None,
    *,
    out: MergedOut,
    cameras: PhotoCameras = None,
    baseline: Baseline = None,
    overwrite: Replace = False,
    weights: opt.Weights = "sharp",
    device: opt.NetworkDevice = Device.auto,
    precision: opt.NetworkPrecision = Precision.auto,
    low_vram: opt.LowVram = False,
    ply_layout: opt.Layout = PlyLayout.standard,
    axes: opt.FileAxes = "opencv",
    max_gaussians: opt.MaxGaussians = None,
    min_opacity: opt.MinOpacity = 0.0,
    crop: opt.Crop = None,
    max_depth: opt.MaxDepth = None,
    focal_px: opt.FocalPx = None,
    focal_mm: opt.FocalMm = None,
    fov: opt.Fov = None,
    quiet: opt.Quiet = False,
) -> None:
    """Merge several photos of one place into one 3D Gaussian splat.

    Each photo's depth is fitted to what the photos measure together, and each surface is shown by the photo that sees
    it best. The photos' cameras come from --cameras or --baseline, or are found by pycolmap. A photo that shares too
    little with the others, or contradicts them, is left out. The splat's origin is the first photo's camera.
    """
    from sharp_cli.formats.registry import format_of
    from sharp_cli.runtime.files import holds

    known = format_of(out)
    if known is None or known.writer is None:
        raise typer.BadParameter(f"{out} is not a splat that can be written (see `sharp formats`)", param_hint="--out")
    check_axes(axes, known.suffix, ply_layout.value)
    check_words(photos, cameras, baseline)
    if holds(out.exists) and not overwrite:
        raise SharpError(f"{out} exists", "exists")
    focal, fit = choose_focal(focal_px, focal_mm, fov), choose_fit(max_gaussians, min_opacity, crop, max_depth)

    def note(text: str) -> None:
        typer.echo(plain(text), err=True)

    def say(text: str) -> None:
        if not quiet:
            note(text)

    import_torch()
    from sharp_cli.batch.network import Network
    from sharp_cli.batch.splats import fitted, write_result
    from sharp_cli.multiview.merge import merge_photos

    network = Network(weights, device.value, precision.value, low_vram)
    posed = find_posed(list_photos(photos or []), cameras, baseline, focal, note)
    network.fetch(fetch)  # after the photos: a misspelled name needs no weights
    say(f"merging {len(posed)} photos")
    gaussians = merge_photos(
        posed,
        network.predictor.predict,
        note=note,
        progress=lambda done, total: say(f"[{done}/{total}] {posed[done - 1].name}"),
    )
    write_result(out, fitted(gaussians, fit), ply_layout.value, {}, axes)
    typer.echo(os.fsencode(out))


def check_words(photos: list[Path] | None, cameras: Path | None, baseline: float | None) -> None:
    """Refuse words that make no sense together.

    Raises:
        typer.BadParameter: which they are.
    """
    if cameras is not None and baseline is not None:
        raise typer.BadParameter("give the cameras or the baseline, not both", param_hint="--baseline")
    if not photos and cameras is None:
        raise typer.BadParameter("name at least two photos, or give their cameras", param_hint="PHOTO")


def list_photos(words: list[Path]) -> list[Path]:
    """The photos in the order given, each once, with those of a folder and its subfolders in its place.

    Raises:
        SharpError: a folder without photos.
    """
    from sharp_cli.batch.inputs import find_inputs
    from sharp_cli.photo.suffixes import PHOTO_SUFFIXES

    photos: dict[Path, None] = {}
    for word in words:
        for found in find_inputs([str(word)], PHOTO_SUFFIXES, what="photos"):
            if found.problem:
                raise SharpError(found.problem)
            photos[found.path] = None
    return list(photos)


def find_posed(
    photos: list[Path],
    cameras: Path | None,
    baseline: float | None,
    focal: FocalOverride | None,
    note: Callable[[str], None],
) -> list[PosedPhoto]:
    """The photos with their cameras; those that cannot be used are named.

    Raises:
        SharpError: fewer than two can be used.
    """
    from sharp_cli.multiview.posed import posed_from_file, stereo_pair
    from sharp_cli.multiview.stereo import split_stereo
    from sharp_cli.photo import read_photo

    if cameras is not None:
        posed, problems = posed_from_file(cameras, photos)
        for problem in problems:
            note(problem)
        if len(posed) < 2:
            raise SharpError(f"cannot merge {len(posed)} photos (name at least two that {cameras} has cameras for)")
        return posed
    if baseline is not None:
        if len(photos) == 1:
            left, right = split_stereo(photos[0], focal)
            return stereo_pair(left, right, baseline, (f"{photos[0].name}, left", f"{photos[0].name}, right"))
        if len(photos) != 2:
            raise SharpError(f"a stereo pair has two photos, not {len(photos)}", "usage")
        left, right = (read_photo(path, focal=focal) for path in photos)
        return stereo_pair(left, right, baseline, (photos[0].name, photos[1].name))
    from sharp_cli.multiview.sfm import find_cameras

    read = []
    for path in photos:
        try:
            read.append((path.name, read_photo(path, focal=focal)))
        except SharpError as error:
            note(str(error))
    if len(read) < 2:
        raise SharpError(f"cannot merge {len(read)} photos (name at least two; a stereo file needs its baseline)")
    return find_cameras(read, note=note)
