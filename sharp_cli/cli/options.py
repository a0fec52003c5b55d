"""Options that several commands have, and a short way to write options down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sharp_cli.cli.choices import Device, Precision

OUTPUT, BATCH, NETWORK = "Output", "Batch", "Network"
"""Groups of ``--help``."""


def option(panel: str, help: str, *names: str, **limits: Any) -> Any:
    """A typer option in a group of ``--help``."""
    return typer.Option(*names, help=help, rich_help_panel=panel, **limits)


Weights = Annotated[str, option(NETWORK, "Known weights (`sharp weights list`), or a .safetensors or .pt file.")]
NetworkDevice = Annotated[Device, option(NETWORK, "Where it runs; auto takes CUDA, else MPS, else CPU.")]
NetworkPrecision = Annotated[
    Precision, option(NETWORK, "What the backbone computes in; auto is the fastest faithful one.")
]

Overwrite = Annotated[
    bool,
    option(
        OUTPUT,
        "Do again what is done, and replace files of other tools. Without it, results already made from the same input "
        "with the same settings are skipped.",
        "--overwrite",
    ),
]
DryRun = Annotated[bool, option(BATCH, "Print what would be done, and do nothing.", "--dry-run")]
JsonFile = Annotated[
    Path | None,
    option(
        BATCH,
        "Keep a record of the run: inputs, outputs, timings, errors; - prints it at the end.",
        "--json",
        metavar="FILE",
    ),
]
Timings = Annotated[bool, option(BATCH, "Print seconds per stage for every input.", "--timings")]
FailFast = Annotated[bool, option(BATCH, "End after the first input that fails.", "--fail-fast")]
Quiet = Annotated[bool, option(BATCH, "Print nothing but failures.", "--quiet", "-q")]
