"""The events of a training run, and what the command line shows of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_runs import posed_folder, tiny_config

from sharp_cli.cli.display.train import show_training
from sharp_cli.errors import SharpError
from sharp_cli.training.events import Event, Report, Started, StepDone, Stopped
from sharp_cli.training.loop import train


def test_a_run_emits_its_events_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tiny_config(posed_folder(tmp_path / "posed"), phase="coarse", steps=2, log={"validate": 2})
    events: list[Event] = []
    train(config, tmp_path / "out", torch.device("cpu"), listener=events.append, stop=lambda step: step == 1)
    assert [type(event) for event in events] == [Started, StepDone, Report, Stopped]
    events.clear()
    train(config, tmp_path / "out", torch.device("cpu"), listener=events.append)
    assert [type(event) for event in events] == [Started, StepDone, Report, Report]
    assert events[0].step == 1 and events[3].kind == "validation"  # type: ignore[union-attr]
    assert capsys.readouterr() == ("", ""), "the library prints nothing"


def test_the_display_shows_reports_and_time_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tiny_config(tmp_path, steps=61)
    events = [
        Started(tmp_path, 0, "", 1200, 3400),
        StepDone(1, 0.5),
        Report("train", 1, {"loss": 0.25}),
        Report("validation", 1, {"psnr": 20.0}),
        Stopped(1),
    ]
    for quiet in (True, False):
        with show_training(config, quiet) as listener:
            for event in events:
                listener(event)
    start, report, validation, stopped = capsys.readouterr().err.splitlines()
    assert "1,200 of 3,400" in start and "random weights" in start
    assert report == "[1/61] train: loss 0.25, 2:00 left"
    assert validation == "[1/61] validation: psnr 20"
    assert "resume" in stopped


def test_training_loads_no_command_line():
    code = "import sys, sharp_cli.training.loop; print([m for m in sys.modules if m.startswith('sharp_cli.cli')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": {"lr": float("nan")}},
        {"optimizer": {"clip": float("inf")}},
        {"data": {"workers": -1}},
        {"log": {"every": -1}},
        {"checkpoints": {"every": -2}},
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict, tmp_path: Path) -> None:
    with pytest.raises(SharpError, match="must be"):
        tiny_config(tmp_path, **changes)


def test_a_run_into_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SharpError, match="it is a file"):
        train(tiny_config(posed_folder(tmp_path / "data")), tmp_path / "file", torch.device("cpu"))
    assert (tmp_path / "file").read_text() == "mine"
