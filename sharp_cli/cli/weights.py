"""``sharp weights``: list, download, verify, convert and remove weights files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sharp_cli.cli.display.live import PLAIN_SECONDS
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.errors import SharpError
from sharp_cli.gaussians.facts import LICENSE
from sharp_cli.runtime.files import Progress, sha256_of
from sharp_cli.weights import store
from sharp_cli.weights.catalog import KNOWN, Bundled, Checkpoint, known, published_sha256
from sharp_cli.weights.resolve import resolve

app = typer.Typer(help="List, download, verify and convert weights.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Known weights; `sharp weights list` shows them.")]
Weights = Annotated[str, typer.Argument(help="Known weights, or a .safetensors, .pt or .pth file.")]


class Dtype(StrEnum):
    """Number format of stored values."""

    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"


@app.command("list")
def list_known() -> None:
    """List the known weights, their files on this machine, and their licenses."""
    from rich.filesize import decimal

    for weights in KNOWN.values():
        file = store.find(weights)
        if isinstance(weights, Checkpoint):
            size, missing = weights.size, f"not on this machine (run sharp weights download {weights.name})"
        else:
            size, missing = file.stat().st_size if file else 0, "missing from this installation"
        typer.echo(f"{weights.name}: {weights.note}" + (f", {decimal(size)}" if size else ""))
        typer.echo(f"  license: {weights.license}")
        typer.echo(f"  file: {file or missing}")


@app.command()
def download(name: Name = "sharp") -> None:
    """Download known weights if they are not on this machine, and print the file's path."""
    typer.echo(resolve(known(name).name, download=download_shown))


@app.command()
def path(name: Name = "sharp") -> None:
    """Print the path of known weights on this machine."""
    typer.echo(resolve(known(name).name, download=absent))


@app.command()
def verify(weights: Weights = "sharp") -> None:
    """Verify the sha256 of downloaded weights, and the tensors of any file against its config."""
    import_torch()
    from sharp_cli.weights.read import read_weights

    file = resolve(weights, download=absent)
    with progress_bar("Checking") as progress:
        sha256 = sha256_of(file, progress).hexdigest()
    published = published_sha256(weights)
    if published and sha256 != published:
        raise SharpError(
            f"{file} is damaged: its sha256 is {sha256}, not {published} "
            f"(delete it, then run sharp weights download {weights})"
        )
    tensors = read_weights(file).tensors
    typer.echo(f"{file}: {len(tensors)} tensors, which fit its config.")
    typer.echo(f"sha256 {sha256}: {known_as(sha256)}.")


@app.command()
def convert(
    source: Weights,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .safetensors file; default: SOURCE-DTYPE.safetensors in this folder."),
    ] = None,
    dtype: Annotated[Dtype, typer.Option(help="Number format; fp16 and bf16 halve the file size.")] = Dtype.fp32,
    name: Annotated[str | None, typer.Option(help="Name of the weights, recorded in results.")] = None,
    license: Annotated[
        str | None,
        typer.Option("--license", "--licence", help="License of the weights, recorded in results."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUTPUT if it exists.")] = False,
) -> None:
    """Convert weights to safetensors, without the parts that the network never uses, and print the path.

    Known weights are downloaded first if they are not on this machine.
    """
    from rich.console import Console

    if output and output.suffix != ".safetensors":
        raise typer.BadParameter("weights are written as .safetensors", param_hint="--output")
    target = output or Path(f"{Path(source).stem}-{dtype.value}.safetensors")
    if target.exists() and not overwrite:
        raise SharpError(f"{target} exists (name another file with --output)", "exists")
    file = resolve(source, download=download_shown)

    import_torch()
    from sharp_cli.model.precision import DTYPES
    from sharp_cli.weights import write

    with Console(stderr=True).status(f"Converting {file.name} to {dtype.value}"):
        record = {key: value for key, value in (("name", name), (LICENSE, license)) if value is not None}
        write.convert(file, target, DTYPES[dtype.value], record)
    typer.echo(target)


@app.command()
def remove(name: Name) -> None:
    """Delete our cached copy of known weights, complete or not; other programs' copies stay."""
    checkpoint, folder = known(name), store.cache_folder()
    if isinstance(checkpoint, Bundled):
        raise SharpError(f"cannot remove the weights {name}: they are part of sharp-cli (uninstall it to remove them)")
    typer.echo(f"Removed {name} from {folder}." if store.remove(checkpoint) else f"No {name} in {folder}.")
    if theirs := store.hub_path(checkpoint):
        typer.echo(
            f"The model hub's cache has a copy, too: {theirs} (hf cache rm model/{checkpoint.hub_repo} deletes it)"
        )


def download_shown(checkpoint: Checkpoint) -> Path:
    """Download, with the license and a progress bar on stderr."""
    from sharp_cli.weights.download import download

    typer.echo(f"Downloading {checkpoint.name}: {checkpoint.note}. {checkpoint.license}", err=True)
    with progress_bar("Downloading") as progress:
        return download(checkpoint, progress)


def absent(checkpoint: Checkpoint) -> Path:
    """For commands that do not download: raises SharpError."""
    name = checkpoint.name
    raise SharpError(f"the weights {name} are not on this machine (run sharp weights download {name})")


def known_as(sha256: str) -> str:
    """Which known weights a file of this sha256 is."""
    for weights in KNOWN.values():
        if isinstance(weights, Checkpoint):
            found = weights.sha256 == sha256
        else:
            found = (file := store.find(weights)) is not None and sha256_of(file).hexdigest() == sha256
        if found:
            return f"the known weights {weights.name!r}"
    return "not of any known weights"


@contextmanager
def progress_bar(doing: str) -> Iterator[Progress]:
    """A progress bar on stderr, from the first byte to the last; without a terminal a line every few seconds."""
    from rich import progress as bars
    from rich.console import Console
    from rich.filesize import decimal

    columns = [bars.TextColumn(doing), bars.BarColumn(), bars.DownloadColumn()]
    columns += [bars.TransferSpeedColumn(), bars.TimeRemainingColumn()]
    console, said = Console(stderr=True), time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal said
        bar.update(task, completed=done, total=total, visible=True)
        if not console.is_terminal and time.monotonic() - said >= PLAIN_SECONDS:
            said = time.monotonic()
            typer.echo(f"{doing}: {decimal(done)} of {decimal(total)}", err=True)

    with bars.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=None, visible=False)
        yield show
