"""``sharp panorama``: panoramas in, splats around the viewer out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sharp_cli.cli import options as opt
from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.batches import choose_jobs, is_debug, read_words
from sharp_cli.cli.choices import Device, PlyLayout, Precision
from sharp_cli.cli.network_batches import run_network_batch
from sharp_cli.cli.values import check_axes, choose_color, choose_fit, choose_suffix
from sharp_cli.render.settings import FilmSettings

Panoramas = Annotated[
    list[str],
    typer.Argument(metavar="PANORAMA...", help="Panoramas, folders (searched recursively), patterns, or - for a list."),
]
PanoramaFov = Annotated[
    float | None,
    opt.option(
        opt.PHOTO,
        "Horizontal field of view in degrees. Default: from GPano metadata, else 360 if the picture is 2:1.",
        "--fov",
        min=1,
        max=360,
    ),
]
Faces = Annotated[int, opt.option(opt.PHOTO, "Pictures that a full turn is split into.", "--faces", min=4, max=12)]
CameraHeight = Annotated[
    float | None,
    opt.option(
        opt.PHOTO,
        "Height of the camera over the ground in meters; sets the size of the scene. Default: what the network says.",
        "--camera-height",
        min=0.01,
    ),
]
FilmAround = Annotated[
    bool, opt.option(opt.OUTPUT, "Also render each splat: 12 seconds of looking around.", "--render")
]


def panorama(
    context: typer.Context,
    inputs: Panoramas,
    out: opt.SplatOut = None,
    format: opt.PhotoFormat = None,
    ply_layout: opt.Layout = PlyLayout.standard,
    axes: opt.FileAxes = "opencv",
    render: FilmAround = False,
    overwrite: opt.Overwrite = False,
    weights: opt.Weights = "sharp",
    device: opt.NetworkDevice = Device.auto,
    precision: opt.NetworkPrecision = Precision.auto,
    low_vram: opt.LowVram = False,
    max_gaussians: opt.MaxGaussians = None,
    min_opacity: opt.MinOpacity = 0.0,
    crop: opt.Crop = None,
    fov: PanoramaFov = None,
    faces: Faces = 6,
    camera_height: CameraHeight = None,
    background: opt.PhotoBackground = "white",
    dry_run: opt.DryRun = False,
    json_file: opt.JsonFile = None,
    timings: opt.Timings = False,
    fail_fast: opt.FailFast = False,
    quiet: opt.Quiet = False,
) -> None:
    """Convert panoramas to 3D Gaussian splats that surround the viewer.

    Each panorama is split into a ring of tall pictures, with one more for the zenith and one for the nadir. They are
    aligned where they overlap. Batches behave as in `sharp convert`.
    """
    from sharp_cli.batch.convert import Recipe
    from sharp_cli.batch.network import Network
    from sharp_cli.batch.panorama import PanoramaTask

    batch = BatchOptions(json_file, timings, fail_fast, quiet, debug=is_debug(context))
    recipe = Recipe(None, choose_color(background), ply_layout.value)
    recipe = replace(recipe, suffix=choose_suffix(out, format and format.value, ".ply"))
    check_axes(axes, recipe.suffix, ply_layout.value)
    recipe = replace(recipe, axes=axes, fit=choose_fit(max_gaussians, min_opacity, crop, None))
    network = Network(weights, device.value, precision.value, low_vram)
    film = FilmSettings(trajectory="around", frames=360) if render else None
    task = PanoramaTask(
        recipe, network, faces=faces, fov=fov, camera_height=camera_height, film=film, overwrite=overwrite
    )
    rules: Any = {"record": json_file, "reads": [Path(weights)], "overwrite": overwrite}
    jobs = choose_jobs(task, read_words(inputs), out, **rules)
    settings: dict[str, Any] = {"device": device.value, "low_vram": low_vram, "overwrite": overwrite}
    settings |= {"faces": faces, "fov": fov, "camera_height": camera_height}
    run_network_batch("panorama", task, jobs, settings, batch, dry_run=dry_run)
