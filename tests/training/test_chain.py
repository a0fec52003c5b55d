"""Chains: several trainings as one command."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_runs import CPU_RUN, posed_folder
from typer.testing import CliRunner

from sharp_cli.cli import app
from sharp_cli.errors import SharpError
from sharp_cli.training.chain import FINISHED, ChainConfig, fill, run_chain
from sharp_cli.training.configfile import Table
from sharp_cli.weights.read import read_weights

THREE = {"first": {"a": 1}, "second": {"init": "{first}/made"}, "third": {"init": ["{second}", "{photos}"]}}


class Runs:
    """Stands for the trainings: keeps what was asked for, and is stopped at one stage."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at = stop_at
        self.asked: list[tuple[str, Table]] = []

    def __call__(self, table: Table, folder: Path) -> Path | None:
        self.asked.append((folder.name, table))
        folder.mkdir(exist_ok=True)
        if folder.name == self.stop_at:
            return None
        (folder / "made").touch()
        return folder / "made"


def chain(**inputs: str) -> ChainConfig:
    return ChainConfig(inputs={"photos": "my photos", **inputs}, stages=THREE)


def test_stages_run_in_order_and_read_what_earlier_ones_made(tmp_path: Path) -> None:
    runs, lines = Runs(), []
    assert run_chain(chain(), tmp_path, runs, lines.append) == tmp_path / "third/made"
    assert runs.asked == [
        ("first", {"a": 1}),
        ("second", {"init": f"{tmp_path}/first/made"}),
        ("third", {"init": [f"{tmp_path}/second", "my photos"]}),
    ]
    assert lines == ["first, stage 1 of 3", "second, stage 2 of 3", "third, stage 3 of 3"]


def test_a_stopped_chain_goes_on_where_it_stopped(tmp_path: Path) -> None:
    lines: list[str] = []
    assert run_chain(chain(), tmp_path, Runs(stop_at="second"), lines.append) is None
    again = Runs()
    assert run_chain(chain(), tmp_path, again, lines.append) == tmp_path / "third/made"
    assert [name for name, _ in again.asked] == ["second", "third"]
    assert "first, stage 1 of 3: finished before" in lines
    (tmp_path / "third/made").unlink()
    last = Runs()
    run_chain(chain(), tmp_path, last, lines.append)
    assert [name for name, _ in last.asked] == ["third"], "its result is gone"


def test_a_stage_finished_with_other_settings_is_not_taken(tmp_path: Path) -> None:
    run_chain(chain(), tmp_path, Runs(), print)
    with pytest.raises(SharpError, match="third was finished with other settings"):
        run_chain(chain(photos="others"), tmp_path, Runs(), print)
    (tmp_path / "first" / FINISHED).write_text("[]")
    with pytest.raises(SharpError, match="cannot read"):
        run_chain(chain(), tmp_path, Runs(), print)


@given(st.text(alphabet=string.ascii_letters + "_/. ", max_size=12), st.text(alphabet="ab{", max_size=6))
def test_only_names_in_braces_are_replaced(value: str, around: str) -> None:
    known = {"photos": value}
    assert fill({"x": [f"{around}", 3, True]}, known, "s") == {"x": [around, 3, True]}
    assert fill("{photos}/a", known, "s") == f"{value}/a"


def test_names_that_stand_for_nothing_are_refused(tmp_path: Path) -> None:
    config = ChainConfig(stages={"first": {"init": "{second}/made"}, "second": {}})
    with pytest.raises(SharpError, match=r"stage first: \{second\} stands for nothing \(known: out\)"):
        run_chain(config, tmp_path, Runs(), print)


@pytest.mark.parametrize("name", ["out", "photos", "../up", "a b", ""])
def test_names_that_a_stage_cannot_have(name: str) -> None:
    with pytest.raises(SharpError, match="no stage can have the name"):
        ChainConfig(inputs={"photos": "p"}, stages={name: {}})


@pytest.mark.parametrize(("stage", "reason"), [({"base": 3}, "not 3"), ({"recipe": "chain"}, "chain itself")])
def test_stages_that_are_no_training_are_refused(stage: Table, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SharpError, match=reason):
        run_chain(ChainConfig(stages={"first": stage}), tmp_path, Runs(), print)


def test_what_a_chain_lacks_is_named() -> None:
    with pytest.raises(SharpError, match=r"no photos, depth \(add --set inputs.photos=FOLDER --set "):
        ChainConfig(inputs={"photos": "", "depth": ""}, stages={"first": {}})
    with pytest.raises(SharpError, match="no stages"):
        ChainConfig()


def test_a_chain_of_trainings_by_the_command(tmp_path: Path) -> None:
    run = {**CPU_RUN, "steps": 1, "data": {"kind": "posed", "path": "{views}", "workers": 0}}
    stages = {
        "one": run,
        "two": {**run, "seed": 1, "init": "{one}/weights.safetensors"},
        "mean": {"base": "mix", "init": "{two}/weights.safetensors", "other": "{one}/weights.safetensors"},
    }
    lines = ['recipe = "chain"', "[inputs]", 'views = ""']
    for name, table in stages.items():
        lines += [f"[stages.{name}]", *(f"{key} = {inline(value)}" for key, value in table.items())]
    (tmp_path / "chain.toml").write_text("\n".join(lines))
    words = ["train", str(tmp_path / "chain.toml"), "--out", str(tmp_path / "runs"), "--device", "cpu"]
    refused = CliRunner().invoke(app, words)
    assert "the chain has no views (add --set inputs.views=FOLDER)" in str(refused.exception)

    words += ["--set", f"inputs.views={posed_folder(tmp_path / 'views')}", "--set", "stages.mean.share=0.25"]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.exception
    made = tmp_path / "runs/mean/weights.safetensors"
    assert first.stdout.strip() == str(made)
    history = read_weights(made).record["training"]
    assert [entry["config"].get("recipe", "train") for entry in history] == ["train", "train", "mix"]
    before = made.stat().st_mtime_ns
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0 and again.stderr.count("finished before") == 3
    assert made.stat().st_mtime_ns == before


def inline(value: object) -> str:
    """As TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(entry)}" for key, entry in value.items()) + "}"
    return json.dumps(value)
