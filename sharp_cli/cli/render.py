"""``sharp render``: splats in, videos and pictures out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharp_cli.cameras.names import LookAt, Trajectory
from sharp_cli.cli.choices import RenderDevice, Stereo, VideoFormat
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.options import OUTPUT, DryRun, FailFast, JsonFile, Overwrite, Quiet, Timings, option
from sharp_cli.gaussians.axes import Up
from sharp_cli.runtime.files import holds

if TYPE_CHECKING:
    from sharp_cli.batch.pipeline import Job
    from sharp_cli.render.encode import Format

CAMERA, PICTURE = "Camera", "Picture"
SUFFIXES = frozenset({".ply"})
MOST_GIF_FPS = 50


def render(
    context: typer.Context,
    scenes: Annotated[
        list[str],
        typer.Argument(
            metavar="SCENE...",
            help="Splats (.ply), folders (searched to the bottom), patterns, or - for a list on stdin.",
        ),
    ],
    out: Annotated[
        Path | None,
        option(
            OUTPUT,
            "A .mp4, .gif or .webp file, or a folder for frames, for one splat; else a folder that mirrors the "
            "inputs'. Default: beside each splat.",
            *("--out", "-o"),
        ),
    ] = None,
    format: Annotated[
        VideoFormat | None, option(OUTPUT, "png is a folder of frames. Default: as OUT is named, else mp4.")
    ] = None,
    depth: Annotated[
        bool, option(OUTPUT, "Add a film of the depth: near is bright; for png, 16-bit millimetres.", "--depth")
    ] = False,
    overwrite: Overwrite = False,
    trajectory: Annotated[Trajectory, option(CAMERA, "The camera's path around the photo's view.")] = "orbit",
    seconds: Annotated[float, option(CAMERA, "Length of one round.", min=0.001, max=3600)] = 2.0,
    fps: Annotated[float, option(CAMERA, "Frames per second.", min=0.1, max=240)] = 30.0,
    repeat: Annotated[int, option(CAMERA, "Rounds.", min=1, max=1000)] = 1,
    max_disparity: Annotated[
        float,
        option(CAMERA, "How far the nearest content moves, in picture diagonals; safe up to 0.08.", min=0, max=10),
    ] = 0.08,
    max_zoom: Annotated[
        float, option(CAMERA, "How far to go toward the nearest content; safe up to 0.15.", min=0, max=0.99)
    ] = 0.15,
    look_at: Annotated[LookAt, option(CAMERA, "Turn to the focus point, or look straight ahead.")] = "point",
    cameras: Annotated[
        Path | None,
        option(
            CAMERA,
            "Use the cameras of a file: transforms.json or camera_path.json (nerfstudio), cameras.json (3D Gaussian "
            "Splatting), or a COLMAP folder.",
            metavar="FILE|FOLDER",
        ),
    ] = None,
    up: Annotated[
        Up | None,
        option(CAMERA, "World axis that points up, for splats without a camera. Default: as the file says, else -y."),
    ] = None,
    scale: Annotated[
        float, option(CAMERA, "Meters per unit of the splat, for --depth and --stereo.", min=1e-9, max=1e9)
    ] = 1.0,
    save_cameras: Annotated[
        Path | None, option(CAMERA, "Write the cameras as a transforms.json; for one splat.", metavar="FILE")
    ] = None,
    size: Annotated[
        str | None,
        option(PICTURE, "Long side, or both sides. Default: the photo's, at most 1920.", metavar="PX|WxH"),
    ] = None,
    background: Annotated[str, option(PICTURE, "Colour behind the splat: a name or #rrggbb.")] = "black",
    alpha: Annotated[
        bool, option(PICTURE, "Transparent pictures: png, which is then the default, or webp.", "--alpha")
    ] = False,
    stereo: Annotated[Stereo | None, option(PICTURE, "sbs: two eyes side by side, for headsets.")] = None,
    ipd: Annotated[float, option(PICTURE, "Distance of the two eyes in metres.", min=0, max=1000)] = 0.063,
    device: Annotated[
        RenderDevice, option(PICTURE, "Where it renders; auto takes CUDA with gsplat, else the CPU.")
    ] = RenderDevice.auto,
    dry_run: DryRun = False,
    json_file: JsonFile = None,
    timings: Timings = False,
    fail_fast: FailFast = False,
    quiet: Quiet = False,
) -> None:
    """Film splats: orbit videos, other camera paths, frames, depth, stereo.

    What is done is skipped, and a splat that fails does not stop the others. Exit code 0, 1 if a splat failed, 2 for
    wrong use, 130 after Ctrl-C.
    """
    from sharp_cli.cli.run import choose_color, choose_jobs, run_batch, show_plan, words_of

    # Wrong use is told before torch is imported, which takes its time.
    words, kind = words_of(scenes), choose_format(out, format, alpha)
    sides, color = choose_size(size), choose_color(background)
    if kind == "gif" and fps > MOST_GIF_FPS:
        raise typer.BadParameter(f"a GIF shows at most {MOST_GIF_FPS} frames per second.", param_hint="--fps")

    import_torch()
    from sharp_cli.batch.marks import check_place
    from sharp_cli.batch.splats import check_film, ending_of, film_marks, filming, is_film_free, results_of
    from sharp_cli.cameras.camera_file import read_cameras
    from sharp_cli.cameras.trajectories import range_warning
    from sharp_cli.cli.display.report import Report
    from sharp_cli.render.backends.choose import choose_backend
    from sharp_cli.render.film import FilmSettings

    path = FilmSettings(
        trajectory=trajectory,
        frames=1 if trajectory == "still" and kind == "png" else max(1, round(seconds * fps)),
        repeat=repeat,
        max_disparity=max_disparity,
        max_zoom=max_zoom,
        look_at=look_at,
    )
    if cameras is not None:
        read_cameras(cameras, sides)  # one error, rather than one for every splat
        path = FilmSettings(cameras=cameras)
    film = replace(
        path,
        fps=fps,
        size=sides,
        up=up,
        scale=scale,
        format=kind,
        depth=depth,
        alpha=alpha,
        eye_distance=ipd if stereo else None,
        background=(0, 0, 0) if alpha else color,
    )
    jobs = choose_jobs(
        words, out, suffixes=SUFFIXES, what="splats", ending=ending_of(film), free=is_film_free(film),
        results=results_of(film), one_result=is_one_result(words, out, kind),
    )  # fmt: skip
    if save_cameras is not None:
        check_cameras_file(save_cameras, jobs, overwrite)
    if dry_run:

        def check(job: Job) -> None:
            if kind != "png":
                check_place(job.target)
            if not overwrite:
                check_film(job.target, film, film_marks(job.source, film))

        show_plan(jobs, check)
        return
    settings: dict[str, Any] = {key: str(v) if isinstance(v, Path) else v for key, v in vars(film).items()}
    debug = bool(context.find_root().params.get("debug"))
    with Report(len(jobs), "splats", "rendering", quiet=quiet, timings=timings, debug=debug) as report:
        if cameras is None and (warning := range_warning(max_disparity, max_zoom)):
            report.line(warning, style="yellow")
        backend = choose_backend(device.value, warn=lambda reason: report.line(reason, style="yellow"))
        stages = filming(film, backend, report.part, save_cameras=save_cameras, overwrite=overwrite)
        run_batch("render", jobs, stages, report, settings, json_file=json_file, fail_fast=fail_fast)


def check_cameras_file(path: Path, jobs: list[Job], overwrite: bool) -> None:
    """Refuse to write cameras for several splats, over another file, or among the frames.

    Raises:
        typer.BadParameter: which of these it is.
    """
    if len(jobs) > 1:
        raise typer.BadParameter("several splats have cameras of their own: give one.", param_hint="--save-cameras")
    if holds(path.exists) and not overwrite:
        raise typer.BadParameter(f"{path} is there already; --overwrite replaces it.", param_hint="--save-cameras")
    if any(path.absolute().parent == job.target.absolute() for job in jobs):
        raise typer.BadParameter("the frames' folder is for frames alone.", param_hint="--save-cameras")


def choose_format(out: Path | None, format: VideoFormat | None, alpha: bool) -> Format:
    """The format asked for, or that OUT's name tells.

    Raises:
        typer.BadParameter: OUT's name says another one, or the format has no transparency.
    """
    named = out.suffix.lower()[1:] if out is not None and not holds(out.is_dir) else ""
    of_name = named if named in ("mp4", "gif", "webp") else None
    chosen = format.value if format else of_name or ("png" if alpha else "mp4")
    if of_name not in (None, chosen):
        raise typer.BadParameter(f"{out} is not named as {chosen}.", param_hint="--format")
    if alpha and chosen not in ("png", "webp"):
        raise typer.BadParameter(f"{chosen} has no transparency: take png or webp.", param_hint="--alpha")
    return chosen  # type: ignore[return-value]


def is_one_result(words: list[str], out: Path | None, format: Format) -> bool:
    """Whether OUT is the result itself: a file of a video's name, or a folder for the frames of one named splat."""
    if out is None:
        return False
    if format == "png":
        return len(words) == 1 and holds(Path(words[0]).is_file)
    return out.suffix.lower() == f".{format}" and not holds(out.is_dir)


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
            f"{size!r} is no size: give the long side or WIDTHxHEIGHT, 2 to 16384 pixels.", param_hint="--size"
        )
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))
