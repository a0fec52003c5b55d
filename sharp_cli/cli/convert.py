"""``sharp convert``: photos in, splats out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from sharp_cli.cli import options as opt
from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.batches import choose_jobs, finish, is_debug, read_words, run_batch, show_plan
from sharp_cli.cli.choices import Device, PlyLayout, Precision
from sharp_cli.cli.display.report import Report
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.values import check_axes, choose_color, choose_fit, choose_focal, choose_shard, choose_suffix
from sharp_cli.cli.weights import download_shown
from sharp_cli.render.settings import FilmSettings
from sharp_cli.runtime.memory import keep_freed_memory
from sharp_cli.runtime.timing import Stopwatch
from sharp_cli.weights.catalog import PREVIEW, Checkpoint

MADE_WITH_PREVIEW = (
    "Made with the preview model, for a first look. The released one is far larger (see `sharp weights list`)."
)


def convert(
    context: typer.Context,
    inputs: opt.Photos,
    out: opt.SplatOut = None,
    format: opt.PhotoFormat = None,
    ply_layout: opt.Layout = PlyLayout.standard,
    axes: opt.FileAxes = "opencv",
    render: opt.FilmToo = False,
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
    dry_run: opt.DryRun = False,
    json_file: opt.JsonFile = None,
    timings: opt.Timings = False,
    fail_fast: opt.FailFast = False,
    quiet: opt.Quiet = False,
    shard: opt.ShardOf = None,
) -> None:
    """Convert photos to 3D Gaussian splats.

    Results that exist are skipped. If a photo fails, the others continue. The same command resumes a run that was
    stopped. Exit code 0, 1 if a photo failed, 2 for wrong use, 130 after Ctrl-C.
    """
    from sharp_cli.batch.convert import ConvertTask, Network, Recipe

    batch = BatchOptions(json_file, timings, fail_fast, quiet, is_debug(context), choose_shard(shard))
    recipe = Recipe(choose_focal(focal_px, focal_mm, fov), choose_color(background), ply_layout.value)
    recipe = replace(recipe, suffix=choose_suffix(out, format and format.value, ".ply"))
    check_axes(axes, recipe.suffix, ply_layout.value)
    recipe = replace(recipe, axes=axes, fit=choose_fit(max_gaussians, min_opacity, crop, max_depth))
    network = Network(weights, device.value, precision.value, low_vram)
    task = ConvertTask(recipe, network, film=FilmSettings() if render else None, overwrite=overwrite)
    rules: Any = {"record": json_file, "reads": [Path(weights)], "overwrite": overwrite}
    jobs = choose_jobs(task, read_words(inputs), out, batch.shard, **rules)
    if not dry_run:
        network.fetch(fetch)  # before the display of the batch: a download has its own
        prepare(len(jobs))
    with Stopwatch(task.setup_seconds).stage("import"):
        import_torch()
    if dry_run:
        show_plan(task, jobs)
        return
    settings: dict[str, Any] = {"device": device.value, "low_vram": low_vram, "overwrite": overwrite}
    settings |= {"weights": weights, "precision": network.precision, **recipe.settings()}
    with Report(len(jobs), task, batch) as report:
        summary = run_batch("convert", task, jobs, report, settings, batch)
        if "load" in task.setup_seconds and network.predictor.facts.get("name") == PREVIEW.name:
            report.line(MADE_WITH_PREVIEW)
    finish(summary)


def prepare(jobs: int) -> None:
    """Set up the process for several photos, before torch is loaded."""
    if jobs > 1:
        # Read by torch: its waiting threads would spin, and take the cores from reading and writing.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        keep_freed_memory()
        from PIL import Image

        if "PILLOW_BLOCKS_MAX" not in os.environ:  # which Pillow has read: it is loaded already
            # Of 16 MB; keeps a photo's memory for the next one.
            Image.core.set_blocks_max(4)  # type: ignore[attr-defined]


def fetch(checkpoint: Checkpoint) -> Path:
    """Download, after naming the weights that need no download."""
    typer.echo(f"`--weights {PREVIEW.name}` needs no download: {PREVIEW.note}.", err=True)
    return download_shown(checkpoint)
