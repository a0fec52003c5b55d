"""``sharp convert``: photos in, splats out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sharp_cli.cli import options as opt
from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.batches import choose_jobs, is_debug
from sharp_cli.cli.choices import Device, PlyLayout, Precision
from sharp_cli.cli.clips import convert_clip, is_video
from sharp_cli.cli.elsewhere import bring_here
from sharp_cli.cli.network_batches import run_network_batch
from sharp_cli.cli.streams import is_stdout
from sharp_cli.cli.values import (
    check_axes,
    choose_color,
    choose_fit,
    choose_focal,
    choose_ray,
    choose_shard,
    choose_suffix,
)
from sharp_cli.cli.view import show
from sharp_cli.render.settings import FilmSettings

if TYPE_CHECKING:
    from sharp_cli.batch.convert import ConvertTask

LOOK = FilmSettings(size=384, frames=24, fps=12.0)
"""A small film at little cost."""


def convert(
    context: typer.Context,
    inputs: opt.Photos,
    out: opt.SplatOut = None,
    format: opt.PhotoFormat = None,
    ply_layout: opt.Layout = PlyLayout.standard,
    axes: opt.FileAxes = "opencv",
    render: opt.FilmToo = False,
    preview_film: opt.PreviewFilm = False,
    open_viewer: opt.OpenViewer = False,
    overwrite: opt.Overwrite = False,
    weights: opt.Weights = "sharp",
    device: opt.NetworkDevice = Device.auto,
    precision: opt.NetworkPrecision = Precision.auto,
    low_vram: opt.LowVram = False,
    max_gaussians: opt.MaxGaussians = None,
    min_opacity: opt.MinOpacity = 0.0,
    crop: opt.Crop = None,
    max_depth: opt.MaxDepth = None,
    focal_px: opt.FocalPx = None,
    focal_mm: opt.FocalMm = None,
    fov: opt.Fov = None,
    background: opt.PhotoBackground = "white",
    every: opt.EveryFrame = 1,
    dry_run: opt.DryRun = False,
    json_file: opt.JsonFile = None,
    timings: opt.Timings = False,
    fail_fast: opt.FailFast = False,
    quiet: opt.Quiet = False,
    shard: opt.ShardOf = None,
    ray: opt.RayAddress = None,
    ray_cpus: opt.RayCpus = None,
    ray_gpus: opt.RayGpus = None,
) -> None:
    """Convert photos to 3D Gaussian splats.

    A video becomes a folder of numbered splats, one per frame, with a steady scale; see --every.

    Results that exist are skipped. If a photo fails, the others continue. The same command resumes a run that was
    stopped. Exit code 0, 1 if a photo failed, 2 for wrong use, 130 after Ctrl-C.
    """
    from sharp_cli.batch.convert import ConvertTask, Recipe
    from sharp_cli.batch.network import Network

    batch = BatchOptions(json_file, timings, fail_fast, quiet, is_debug(context), choose_shard(shard))
    batch = replace(batch, ray=choose_ray(ray, ray_cpus, ray_gpus))
    recipe = Recipe(choose_focal(focal_px, focal_mm, fov), choose_color(background), ply_layout.value)
    recipe = replace(recipe, suffix=choose_suffix(out, format and format.value, ".ply"))
    check_axes(axes, recipe.suffix, ply_layout.value)
    recipe = replace(recipe, axes=axes, fit=choose_fit(max_gaussians, min_opacity, crop, max_depth))
    check_words(out, json_file, render, preview_film, open_viewer)
    network = Network(weights, device.value, precision.value, low_vram)
    film = FilmSettings() if render else LOOK if preview_film else None
    settings: dict[str, Any] = {"device": device.value, "low_vram": low_vram, "overwrite": overwrite}
    if is_video(inputs):
        if film or open_viewer:
            reason = "a video has no film of one splat and no viewer (convert it, then `sharp render` its folder)"
            raise typer.BadParameter(reason, param_hint="INPUT")
        rules: Any = {"overwrite": overwrite, "dry_run": dry_run, "settings": settings}
        convert_clip(Path(inputs[0]), every, out, recipe, network, batch, **rules)
        return
    task = ConvertTask(recipe, network, film=film, overwrite=overwrite)
    results = work_through(task, inputs, out, settings, batch, dry_run=dry_run, single=open_viewer)
    if open_viewer and not dry_run:
        show(results[0])


def work_through(
    task: ConvertTask,
    inputs: list[str],
    out: Path | None,
    settings: dict[str, Any],
    batch: BatchOptions,
    *,
    dry_run: bool,
    single: bool,
) -> list[Path]:
    """Convert the inputs, wherever they are, or print what would be done; return the splats' paths.

    Args:
        single: allow only one photo.

    Raises:
        typer.BadParameter: inputs that make no sense together.
        typer.Exit: with code 1, a photo failed.
    """
    with bring_here(inputs, out, task.ending, dry_run=dry_run, whole=batch.shard is None) as here:
        rules: Any = {"record": batch.json_file, "reads": [Path(task.network.weights)], "overwrite": task.overwrite}
        jobs = choose_jobs(task, here.words, here.out, batch.shard, **rules) if here.words else []
        jobs += here.lost
        if single and len(jobs) != 1 and not dry_run:
            raise typer.BadParameter(f"there are {len(jobs)} photos (name one)", param_hint="--open")
        run_network_batch("convert", task, jobs, settings, batch, dry_run=dry_run)
        if not dry_run:
            here.deliver(jobs)
    return [job.target for job in jobs]


def check_words(out: Path | None, json_file: Path | None, render: bool, preview_film: bool, open_viewer: bool) -> None:
    """Refuse options that make no sense together.

    Raises:
        typer.BadParameter: which they are.
    """
    if render and preview_film:
        raise typer.BadParameter("--render makes the full film (use one of the two)", param_hint="--preview-film")
    if not is_stdout(out):
        return
    if is_stdout(json_file):
        raise typer.BadParameter("the splat and the events cannot both go to stdout", param_hint="--json")
    if render or preview_film or open_viewer:
        reason = "a splat on stdout has no film and no viewer (name a file)"
        raise typer.BadParameter(reason, param_hint="--out")
