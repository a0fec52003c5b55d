"""``sharp convert``: photos in, splats out."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharp_cli.cli.choices import Device, PlyLayout, Precision
from sharp_cli.cli.interrupts import interrupts_wait
from sharp_cli.cli.options import (
    NETWORK,
    OUTPUT,
    DryRun,
    FailFast,
    JsonFile,
    NetworkDevice,
    NetworkPrecision,
    Overwrite,
    Quiet,
    Timings,
    Weights,
    option,
)
from sharp_cli.cli.weights import download_shown
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import holds, sha256_of
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.weights.catalog import PREVIEW, Checkpoint, published_sha256
from sharp_cli.weights.store import resolve

if TYPE_CHECKING:
    from sharp_cli.cli.display.report import Report
    from sharp_cli.photo import FocalOverride
    from sharp_cli.predictor import Predictor
    from sharp_cli.render.film import FilmSettings

PHOTO = "Photo"

MADE_WITH_PREVIEW = (
    "Made with the preview model, for a first look; the released one is far larger (`sharp weights list` tells of it)."
)


def convert(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...", help="Photos, folders (searched to the bottom), patterns, or - for a list on stdin."
        ),
    ],
    out: Annotated[
        Path | None,
        option(
            OUTPUT,
            "A .ply file for one photo, else a folder that mirrors the inputs'. Default: beside each photo.",
            *("--out", "-o"),
        ),
    ] = None,
    ply_layout: Annotated[
        PlyLayout,
        option(
            OUTPUT,
            "standard opens everywhere; full adds normals and harmonics for old viewers, sharp the published tool's "
            "extra elements.",
        ),
    ] = PlyLayout.standard,
    render: Annotated[
        bool, option(OUTPUT, "Film every splat too: the orbit that `sharp render` makes by default.", "--render")
    ] = False,
    overwrite: Overwrite = False,
    weights: Weights = "sharp",
    device: NetworkDevice = Device.auto,
    precision: NetworkPrecision = Precision.auto,
    low_vram: Annotated[
        bool, option(NETWORK, "Run part by part, for devices with little memory.", "--low-vram")
    ] = False,
    focal_px: Annotated[
        float | None,
        option(PHOTO, "Focal length in pixels. Default: from EXIF, else 30 mm equivalent.", min=0.001),
    ] = None,
    focal_mm: Annotated[float | None, option(PHOTO, "Focal length in mm, 35 mm equivalent.", min=0.001)] = None,
    fov: Annotated[float | None, option(PHOTO, "Horizontal field of view in degrees.", min=0.001, max=179.9)] = None,
    background: Annotated[str, option(PHOTO, "Colour behind transparent photos: a name or #rrggbb.")] = "white",
    dry_run: DryRun = False,
    json_file: JsonFile = None,
    timings: Timings = False,
    fail_fast: FailFast = False,
    quiet: Quiet = False,
) -> None:
    """Turn photos into 3D Gaussian splats (.ply).

    What is done is skipped, a photo that fails does not stop the others, and a run that was stopped goes on where it
    was. Exit code 0, 1 if a photo failed, 2 for wrong use, 130 after Ctrl-C.
    """
    from sharp_cli.batch.marks import check_place, is_picture_of_ours
    from sharp_cli.batch.photos import Recipe, check_splat, converting, is_splat_free, marks_of, results_of
    from sharp_cli.batch.pipeline import Job
    from sharp_cli.cli.display.report import Report
    from sharp_cli.cli.run import choose_color, choose_jobs, run_batch, show_plan, words_of
    from sharp_cli.photo.suffixes import PHOTO_SUFFIXES

    focal = choose_focal(focal_px, focal_mm, fov)
    recipe = Recipe(precision.value, focal, choose_color(background), ply_layout.value)
    film = default_film() if render else None
    jobs = choose_jobs(
        words_of(inputs), out, suffixes=PHOTO_SUFFIXES, what="photos", ending=".ply", free=is_splat_free,
        results=results_of(film), one_result=out is not None and out.suffix.lower() == ".ply" and not holds(out.is_dir),
        pass_over=is_picture_of_ours,
    )  # fmt: skip
    if dry_run:
        digest = known_digest(weights)

        def check(job: Job) -> None:
            check_place(job.target)
            if not overwrite:
                check_splat(job, marks_of(job.source, recipe, digest), film)

        show_plan(jobs, check)
        return
    if len(jobs) > 1:
        # Read when torch is loaded: its waiting threads would spin, and take the cores from reading and writing.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        # Read when Pillow is loaded: it then keeps a photo's memory for the next one [blocks of 16 MB].
        os.environ.setdefault("PILLOW_BLOCKS_MAX", "4")
        keep_freed_memory()
    path = resolve(weights, download=fetch)  # before the batch's display: a download has one of its own
    settings: dict[str, Any] = {"device": device.value, "low_vram": low_vram, "overwrite": overwrite}
    settings |= recipe.settings(weights)
    debug = bool(context.find_root().params.get("debug"))
    with Report(len(jobs), "photos", "network", quiet=quiet, timings=timings, debug=debug) as report:
        load = loading(report, path, device, precision, low_vram)
        stages = converting(recipe, digest_of(weights, path), load, film=film, overwrite=overwrite)
        run_batch("convert", jobs, stages, report, settings, json_file=json_file, fail_fast=fail_fast)


def default_film() -> FilmSettings:
    """What `sharp render` does without options."""
    from sharp_cli.render.film import FilmSettings

    return FilmSettings()


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


def fetch(checkpoint: Checkpoint) -> Path:
    """Download, telling first what needs no download."""
    typer.echo(f"`--weights {PREVIEW.name}` needs no download: {PREVIEW.note}.", err=True)
    return download_shown(checkpoint)


def digest_of(weights: str, path: Path) -> Future[str]:
    """The weights' sha256: published, otherwise read from the file while other things begin."""
    digest: Future[str] = Future()
    if published := published_sha256(weights):
        digest.set_result(published)
        return digest

    def read() -> None:
        try:
            digest.set_result(sha256_of(path).hexdigest())
        except SharpError as error:
            digest.set_exception(error)

    Thread(target=read, daemon=True).start()
    return digest


def known_digest(weights: str) -> str:
    """The weights' sha256, without a download.

    Raises:
        SharpError: no such weights.
    """
    return published_sha256(weights) or digest_of(weights, resolve(weights)).result()


def loading(
    report: Report, path: Path, device: Device, precision: Precision, low_vram: bool
) -> Callable[[], Predictor]:
    """A function that loads the predictor at its first call."""

    @cache
    def load() -> Predictor:
        from sharp_cli.batch.pipeline import StopRun
        from sharp_cli.runtime.timing import Stopwatch

        report.show(doing="loading the network")
        watch = Stopwatch()
        try:
            with watch.stage("import"), interrupts_wait():
                from sharp_cli.predictor import predictor_from
                from sharp_cli.weights.read import read_weights
            with watch.stage("load", on_device=True):
                predictor = predictor_from(read_weights(path), device.value, precision.value, low_vram)
        except SharpError as error:
            raise StopRun(str(error)) from error
        report.startup |= watch.seconds
        if predictor.facts.get("name") == PREVIEW.name:
            report.closing = MADE_WITH_PREVIEW
        return predictor

    return load
