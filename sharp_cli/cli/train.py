"""``sharp train``: train a network from nothing, or go on from weights there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharp_cli.cli.choices import Device
from sharp_cli.cli.interrupts import import_torch
from sharp_cli.cli.options import OUTPUT, option
from sharp_cli.cli.values import check_folder

TRAINING = "Training"


def train(
    config: Annotated[
        str,
        typer.Argument(
            help="A preset, such as preview, teacher or finetune (an unknown name lists all), or a .toml file."
        ),
    ],
    out: Annotated[
        Path,
        option(
            OUTPUT,
            "Folder of the run. If it holds checkpoints of this configuration, the run goes on from the newest.",
            "--out",
            "-o",
            metavar="FOLDER",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        option(
            TRAINING, "Change one value, such as optimizer.lr=1e-4. May be given often.", "--set", metavar="KEY=VALUE"
        ),
    ] = None,
    steps: Annotated[int | None, option(TRAINING, "Steps in all.", "--steps", min=1)] = None,
    device: Annotated[Device, option(TRAINING, "Where to train.", "--device", case_sensitive=False)] = Device.auto,
    quiet: Annotated[bool, option(OUTPUT, "Print nothing but failures.", "--quiet", "-q")] = False,
) -> None:
    """Train the network. Ctrl-C stops after the current step; the same command resumes from there.

    Several GPUs or processes: torchrun --nproc-per-node N -m sharp_cli train …
    """
    check_folder(out, "--out")
    import_torch()
    from sharp_cli.cli.display.train import show_training
    from sharp_cli.runtime.devices import choose_device
    from sharp_cli.training.chain import ChainConfig, run_chain
    from sharp_cli.training.config import TrainConfig
    from sharp_cli.training.loop import train as run
    from sharp_cli.training.recipes import StageConfig, build_recipe, load_recipe, run_recipe

    def log(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    def train_one(chosen: TrainConfig | StageConfig, folder: Path) -> Path | None:
        """The file that it made, or None where it was stopped."""
        if isinstance(chosen, TrainConfig):
            with show_training(chosen, quiet) as listener:
                state = run(chosen, folder, choose_device(device.value), listener=listener)
            return folder / "weights.safetensors" if state.step >= chosen.steps else None
        return run_recipe(chosen, folder, log)

    # --steps comes last, so that it wins over --set.
    chosen = load_recipe(config, [*(settings or []), *([f"steps={steps}"] if steps else [])])
    if isinstance(chosen, ChainConfig):
        result = run_chain(chosen, out, build_recipe, train_one, log)
    else:
        result = train_one(chosen, out)
    if result is None:
        raise typer.Exit(130)
    typer.echo(result)
