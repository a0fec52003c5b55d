"""``sharp evaluate``: how close the network's scenes are to the truth, on synthetic scenes and on data sets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharp_cli.cli.choices import Device, Precision
from sharp_cli.cli.evaluate_outputs import check_record, prepare_sheets, sheet_path, write_text
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.options import OUTPUT, NetworkDevice, NetworkPrecision, Quiet, Weights, option
from sharp_cli.cli.streams import is_stdout
from sharp_cli.cli.weights import download_shown
from sharp_cli.errors import SharpError
from sharp_cli.weights.resolve import resolve

if TYPE_CHECKING:
    from sharp_cli.datasets.samples import Sample
    from sharp_cli.evaluation.evaluate import SampleResult
    from sharp_cli.evaluation.results import Results
    from sharp_cli.evaluation.score import SampleImages
    from sharp_cli.predictor import Predictor

PROTOCOL = "Protocol"


class DataSet(StrEnum):
    """What can be evaluated on."""

    synthetic = "synthetic"
    middlebury = "middlebury"
    booster = "booster"
    pairs = "pairs"
    depth = "depth"


Data = Annotated[
    DataSet,
    typer.Argument(
        metavar="DATA",
        help="synthetic: scenes that no training sees. middlebury (2014), booster: as downloaded, left "
        "predicts right. pairs: posed pictures with depth. depth: photos with measured depth (index.csv).",
    ),
]
JsonRecord = Annotated[
    Path | None,
    option(
        OUTPUT,
        "Every sample's numbers and their means; - prints them in place of the table.",
        "--json",
        metavar="FILE",
    ),
]


def evaluate(
    data: Data,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="The data set's folder; pairs and depth also take a transforms.json."),
    ] = None,
    json_file: JsonRecord = None,
    sheets: Annotated[
        Path | None,
        option(OUTPUT, "A picture for every sample: input, prediction, truth, error, depth.", metavar="FOLDER"),
    ] = None,
    limit: Annotated[
        int | None, option(PROTOCOL, "The first so many samples. Default: 64 of synthetic, else all.", min=1)
    ] = None,
    mask: Annotated[
        bool, option(PROTOCOL, "Count only what the input camera could have in its picture.", "--mask")
    ] = False,
    privileged_depth: Annotated[
        bool, option(PROTOCOL, "Scale each prediction to the true median depth.", "--privileged-depth")
    ] = False,
    weights: Weights = "sharp",
    device: NetworkDevice = Device.auto,
    precision: NetworkPrecision = Precision.auto,
    quiet: Quiet = False,
) -> None:
    """Compare predicted scenes with true pictures and depth, and with baselines that need no network.

    Prints Markdown tables: PSNR, SSIM, and LPIPS and DISTS where torchmetrics is installed; depth; and of synthetic
    scenes the same by kind. With depth as DATA: correlation of inverse depth, AbsRel and δ, beside a plane and a ramp.
    A sample that fails does not stop the others. Exit code 0, 1 if a sample failed, 2 for wrong use, 130 after
    Ctrl-C.
    """
    check_words(data, path, only_views=bool(mask or privileged_depth or sheets))
    check_record(json_file, weights)
    import_torch()
    samples = [] if path is None or data is DataSet.depth else find_samples(data, path)[:limit]
    file = resolve(weights, download=download_shown)

    from sharp_cli.evaluation.synthetic import SCENES, synthetic_samples
    from sharp_cli.predictor import load_predictor

    predictor = load_predictor(file, device.value, precision.value)
    if path is None:
        samples = synthetic_samples(predictor.network.config.resolution, limit or SCENES)
    if sheets is not None:
        prepare_sheets(sheets, samples)
    settings: dict[str, Any] = {"data": data.value, "path": path and str(path), "weights": weights}
    settings |= {"device": str(predictor.device), "precision": precision.value}
    if data is DataSet.depth and path is not None:
        evaluate_depth(predictor, path, settings, json_file=json_file, limit=limit, quiet=quiet)
        return
    settings |= {"mask": mask, "privileged_depth": privileged_depth}
    if run(predictor, samples, settings, json_file=json_file, sheets=sheets, quiet=quiet).failed:
        raise typer.Exit(1)


def check_words(data: DataSet, path: Path | None, only_views: bool) -> None:
    """Refuse words that make no sense together.

    Args:
        only_views: whether an option is given that only pairs of views have.

    Raises:
        typer.BadParameter: which of them.
        SharpError: there is nothing at ``path``.
    """
    if (path is None) != (data is DataSet.synthetic):
        reason = "takes no PATH: its scenes are synthetic" if path else "needs the PATH of its files"
        raise typer.BadParameter(f"{data.value} {reason}", param_hint="PATH")
    if path is not None and not path.exists():
        raise SharpError(f"{path} does not exist")
    if data is DataSet.depth and only_views:
        raise typer.BadParameter("depth takes no --mask, --privileged-depth or --sheets", param_hint="DATA")


def evaluate_depth(
    predictor: Predictor,
    folder: Path,
    settings: dict[str, Any],
    *,
    json_file: Path | None,
    limit: int | None,
    quiet: bool,
) -> None:
    """Evaluate depth alone, and print or write what comes out.

    Raises:
        SharpError: no photo has measured depth, or a file cannot be written.
        typer.Exit: with code 1, if a photo failed.
    """
    from sharp_cli.cli.evaluate_depth import run_depth
    from sharp_cli.render.backends.choose import choose_backend

    on_cuda = predictor.device.type == "cuda"
    backend = choose_backend("auto" if on_cuda else "cpu", warn=lambda reason: typer.echo(reason, err=True))
    table, record, failed = run_depth(predictor, folder, settings, backend, limit, quiet)
    to_stdout = is_stdout(json_file)
    if json_file is not None and not to_stdout:
        write_text(json_file, record)
    typer.echo(record if to_stdout else table, nl=False)
    if failed:
        raise typer.Exit(1)


def find_samples(data: DataSet, path: Path) -> list[Sample]:
    """All samples of a data set in files.

    Raises:
        SharpError: there are none.
    """
    from sharp_cli.datasets.booster import booster_samples
    from sharp_cli.datasets.middlebury import middlebury_samples
    from sharp_cli.datasets.pairs import pair_samples

    find: dict[DataSet, Callable[[Path], list[Sample]]] = {
        DataSet.middlebury: middlebury_samples,
        DataSet.booster: booster_samples,
        DataSet.pairs: pair_samples,
    }
    return find[data](path)


def run(
    predictor: Predictor,
    samples: list[Sample],
    settings: dict[str, Any],
    *,
    json_file: Path | None,
    sheets: Path | None,
    quiet: bool,
) -> Results:
    """Evaluate, and say and write what comes out; also of a run that is interrupted.

    Raises:
        SharpError: a file cannot be written.
    """
    from sharp_cli.evaluation.evaluate import evaluate, sum_up
    from sharp_cli.evaluation.record import to_json
    from sharp_cli.evaluation.sheets import write_sheet
    from sharp_cli.evaluation.table import to_markdown
    from sharp_cli.render.backends.choose import choose_backend

    on_cuda = predictor.device.type == "cuda"
    backend = choose_backend("auto" if on_cuda else "cpu", warn=lambda reason: typer.echo(reason, err=True))
    outcomes: list[SampleResult] = []
    state = "interrupted"
    try:
        with watching(len(samples), quiet) as watch:

            def ended(outcome: SampleResult, pictures: SampleImages | None) -> None:
                outcomes.append(outcome)
                watch(outcome)
                if sheets is not None and pictures is not None:
                    write_sheet(sheet_path(sheets, len(outcomes), outcome.name), pictures)

            evaluate(
                predictor.predict,
                samples,
                mask=settings["mask"],
                privileged_depth=settings["privileged_depth"],
                backend=backend,
                device="cuda" if on_cuda else "cpu",
                ended=ended,
            )
        state = "finished"
    finally:
        results = sum_up(outcomes)
        record = to_json(outcomes, results, settings, state)
        if json_file is not None and not is_stdout(json_file):
            write_text(json_file, record)
    typer.echo(record if is_stdout(json_file) else to_markdown(results), nl=False)
    return results


@contextmanager
def watching(total: int, quiet: bool) -> Iterator[Callable[[SampleResult], None]]:
    """Follow samples on stderr: a bar on a terminal, a line for each elsewhere; quiet, failures only."""
    from sharp_cli.cli.display.live import Live, clock

    with Live("evaluating", total, quiet) as live:
        done, begun = 0, time.monotonic()

        def ended(outcome: SampleResult) -> None:
            nonlocal done
            done += 1
            live.show(done=done, left=f"{clock((time.monotonic() - begun) / done * (total - done))} left")
            if outcome.reason:
                live.line(f"failed: {outcome.reason}", "red", always=True)
            else:
                live.line(f"[{done}/{total}] {outcome.name}: {in_short(outcome)}")

        yield ended


def in_short(outcome: SampleResult) -> str:
    """The PSNR of each picture, and how long it took."""
    parts = [f"{what} {values['psnr']:.2f}" for what, values in outcome.scores.items() if "psnr" in values]
    return f"PSNR {', '.join(parts)} dB; {sum(outcome.seconds.values()):.1f} s"
