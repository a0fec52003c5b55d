"""``sharp export``: splats in, splats of other formats or pages that show them out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from sharp_cli.cli import options as opt
from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.batches import choose_jobs, finish, is_debug, read_words, run_batch, show_plan
from sharp_cli.cli.choices import PlyLayout
from sharp_cli.cli.display.report import Report
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.values import check_axes, choose_fit, choose_shard, choose_suffix


def export(
    context: typer.Context,
    scenes: opt.Exported,
    out: opt.ExportOut = None,
    format: opt.ExportTo = None,
    ply_layout: opt.Layout = PlyLayout.standard,
    axes: opt.FileAxes = "opencv",
    overwrite: opt.Overwrite = False,
    max_gaussians: opt.MaxGaussians = None,
    min_opacity: opt.MinOpacity = 0.0,
    crop: opt.Crop = None,
    max_depth: opt.MaxDepth = None,
    dry_run: opt.DryRun = False,
    json_file: opt.JsonFile = None,
    timings: opt.Timings = False,
    fail_fast: opt.FailFast = False,
    quiet: opt.Quiet = False,
    shard: opt.ShardOf = None,
) -> None:
    """Export splats: to other formats, or to one HTML file each that shows them in any browser, offline.

    Gaussians whose values are not finite are dropped, and their number is printed. Results that exist are skipped.
    Print the path of a single result. Exit code 0, 1 if a splat failed, 2 for wrong use, 130 after Ctrl-C.
    """
    if out is None and format is None and len(scenes) == 2:
        scenes, out = scenes[:1], Path(scenes[1])
    suffix = choose_suffix(out, format and format.value, ".html")
    check_axes(axes, suffix, ply_layout.value)
    fit = choose_fit(max_gaussians, min_opacity, crop, max_depth)
    words = read_words(scenes)
    if fit:
        import_torch()
    from sharp_cli.batch.export import ExportTask

    batch = BatchOptions(json_file, timings, fail_fast, quiet, is_debug(context), choose_shard(shard))
    task = ExportTask(suffix, fit, ply_layout.value, axes, overwrite=overwrite)
    jobs = choose_jobs(task, words, out, batch.shard, record=json_file, overwrite=overwrite)
    if dry_run:
        show_plan(task, jobs)
        return
    settings: dict[str, Any] = {"format": suffix, "layout": ply_layout.value, "axes": axes, "overwrite": overwrite}
    settings |= vars(fit) if fit else {}
    with Report(len(jobs), task, batch) as report:
        summary = run_batch("export", task, jobs, report, settings, batch)
    finish(summary)
    if len(jobs) == 1:
        typer.echo(os.fsencode(jobs[0].target))
