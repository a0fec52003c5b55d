"""Videos among the inputs of ``sharp convert`` and ``sharp render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.network_batches import run_network_batch
from sharp_cli.cli.streams import is_stdout
from sharp_cli.multiview.suffixes import CLIP_SUFFIXES

if TYPE_CHECKING:
    from sharp_cli.batch.convert import Recipe
    from sharp_cli.batch.network import Network


def is_video(inputs: list[str]) -> bool:
    """Whether the inputs are one video.

    Raises:
        typer.BadParameter: a video among others.
    """
    videos = [word for word in inputs if Path(word).suffix.lower() in CLIP_SUFFIXES]
    if videos and len(inputs) > 1:
        raise typer.BadParameter(f"{videos[0]} is a video (convert one video at a time)", param_hint="INPUT")
    return bool(videos)


def convert_clip(
    clip: Path,
    every: int,
    out: Path | None,
    recipe: Recipe,
    network: Network,
    batch: BatchOptions,
    *,
    overwrite: bool,
    dry_run: bool,
    settings: dict[str, Any],
) -> None:
    """Convert the frames of a video into a folder.

    Raises:
        typer.BadParameter: the folder's name is that of a file, or an option that a video cannot have.
        typer.Exit: with code 1, a frame failed.
    """
    from sharp_cli.batch.clip import ClipTask

    if batch.shard is not None or batch.ray is not None:
        option = "--shard" if batch.shard is not None else "--ray"
        raise typer.BadParameter("the frames of a video follow each other on one machine", param_hint=option)
    if is_stdout(out):
        raise typer.BadParameter("the frames of a video need a folder, not stdout", param_hint="--out")
    folder = out or clip.with_name(f"{clip.stem}_frames")
    if folder.suffix and not folder.is_dir():
        raise typer.BadParameter(f"the frames of a video need a folder, not {folder}", param_hint="--out")
    task = ClipTask(clip, every, folder, recipe, network, overwrite=overwrite)
    jobs = task.jobs()
    if not dry_run:
        task.write_record()
    run_network_batch("convert", task, jobs, {**settings, "every": every}, batch, dry_run=dry_run)
