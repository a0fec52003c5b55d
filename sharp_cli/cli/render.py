"""``sharp render``: splats in, videos and pictures out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sharp_cli.cli import options as opt
from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.batches import (
    check_beside,
    choose_jobs,
    finish,
    is_debug,
    read_words,
    run_batch,
    show_plan,
    take_part,
)
from sharp_cli.cli.choices import RenderDevice, Stereo
from sharp_cli.cli.display.report import Report
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.streams import is_stdout
from sharp_cli.cli.values import choose_color, choose_format, choose_shard, choose_size
from sharp_cli.runtime.files import holds
from sharp_cli.runtime.memory import keep_freed_memory

if TYPE_CHECKING:
    from sharp_cli.batch.render import RenderTask
    from sharp_cli.batch.task import Job
    from sharp_cli.render.settings import FilmSettings


def render(
    context: typer.Context,
    scenes: opt.Splats,
    out: opt.FilmOut = None,
    format: opt.Format = None,
    depth: opt.Depth = False,
    overwrite: opt.Overwrite = False,
    trajectory: opt.CameraPath = "orbit",
    seconds: opt.Seconds = 2.0,
    fps: opt.Fps = 30.0,
    repeat: opt.Repeat = 1,
    max_disparity: opt.MaxDisparity = 0.08,
    max_zoom: opt.MaxZoom = 0.15,
    look_at: opt.Look = "point",
    cameras: opt.Cameras = None,
    up: opt.UpAxis = None,
    scale: opt.Scale = 1.0,
    save_cameras: opt.SaveCameras = None,
    size: opt.PictureSize = None,
    background: opt.SplatBackground = "black",
    alpha: opt.Alpha = False,
    stereo: opt.StereoLayout = None,
    ipd: opt.Ipd = 0.063,
    device: opt.FilmDevice = RenderDevice.auto,
    dry_run: opt.DryRun = False,
    json_file: opt.JsonFile = None,
    timings: opt.Timings = False,
    fail_fast: opt.FailFast = False,
    quiet: opt.Quiet = False,
    shard: opt.ShardOf = None,
) -> None:
    """Render splats to videos or frames: orbits, other camera paths, depth, stereo.

    The frames of a video, in a folder that `sharp convert` made, become one film of the moving scene.

    Results that exist are skipped. If a splat fails, the others continue. Exit code 0, 1 if a splat failed, 2 for wrong
    use, 130 after Ctrl-C.
    """
    words, kind = read_words(scenes), choose_format(out, format, alpha, fps)
    picture: dict[str, Any] = {"size": choose_size(size), "format": kind, "fps": fps, "depth": depth, "alpha": alpha}
    picture |= {"background": (0, 0, 0) if alpha else choose_color(background), "up": up, "scale": scale}
    picture["eye_distance"] = ipd if stereo is Stereo.sbs else None
    path: dict[str, Any] = {"trajectory": trajectory, "repeat": repeat, "look_at": look_at}
    path |= {"max_disparity": max_disparity, "max_zoom": max_zoom}
    path["frames"] = 1 if trajectory == "still" and kind == "png" else max(1, round(seconds * fps))

    keep_freed_memory()  # every frame takes the same 60 MB and more
    import_torch()
    from sharp_cli.batch.clip_film import ClipFilmTask
    from sharp_cli.batch.clip_record import is_clip
    from sharp_cli.batch.render import RenderTask

    film = choose_film(path, picture, cameras)
    batch = BatchOptions(json_file, timings, fail_fast, quiet, is_debug(context), choose_shard(shard))
    reads = [] if cameras is None else [cameras]
    if len(words) == 1 and is_clip(Path(words[0])):
        clip = ClipFilmTask(Path(words[0]), film, overwrite=overwrite)
        task: RenderTask = clip
        jobs = take_part([clip.job(out)], batch.shard)
    else:
        task = RenderTask(film, save_cameras=save_cameras, overwrite=overwrite)
        jobs = choose_jobs(task, words, out, batch.shard, record=json_file, reads=reads, overwrite=overwrite)
    if save_cameras is not None:
        reads += [] if json_file is None else [json_file]  # not read, but as little to be replaced
        check_cameras_file(save_cameras, task, jobs, reads)
    if dry_run:
        show_plan(task, jobs)
        return
    settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(film).items()}
    with Report(len(jobs), task, batch) as report:
        prepare(task, report, device)
        summary = run_batch("render", task, jobs, report, {**settings, "overwrite": overwrite}, batch)
    finish(summary)


def choose_film(path: dict[str, Any], picture: dict[str, Any], cameras: Path | None) -> FilmSettings:
    """The film's settings, with the cameras of a file in place of a path if one is given.

    Raises:
        SharpError: the file of cameras cannot be used: one error, rather than one for every splat.
    """
    from sharp_cli.cameras.camera_file import read_cameras
    from sharp_cli.render.settings import FilmSettings

    if cameras is None:
        return FilmSettings(**path, **picture)
    read_cameras(cameras, picture["size"])
    return FilmSettings(cameras=cameras, **picture)


def prepare(task: RenderTask, report: Report, device: RenderDevice) -> None:
    """Choose the rasterizer, and warn of a path that shows what the photo does not."""
    from sharp_cli.cameras.trajectories import range_warning
    from sharp_cli.render.backends.choose import choose_backend

    film = task.film
    if film.cameras is None and (warning := range_warning(film.max_disparity, film.max_zoom)):
        report.line(warning, style="yellow")
    task.backend = choose_backend(device.value, warn=lambda reason: report.line(reason, style="yellow"))


def check_cameras_file(path: Path, task: RenderTask, jobs: list[Job], reads: list[Path]) -> None:
    """Refuse to write cameras for several splats, over another file, or among the frames.

    Raises:
        typer.BadParameter: which of these it is.
    """
    option = "--save-cameras"
    if is_stdout(path):
        raise typer.BadParameter("cameras cannot be written to stdout (name a file)", param_hint=option)
    if len(jobs) > 1:
        raise typer.BadParameter("several splats have cameras of their own (name one)", param_hint=option)
    if holds(path.is_file) and not task.overwrite:
        raise typer.BadParameter(f"{path} exists (--overwrite replaces it)", param_hint=option)
    check_beside(option, path, task, jobs, reads, overwrite=True)
