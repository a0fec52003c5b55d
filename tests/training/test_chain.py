"""Chains: several trainings as one command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import string
from pathlib import Path

import pytest
from features import write_resnet
from hypothesis import given
from hypothesis import strategies as st
from measured import write_measured
from training_runs import CPU_RUN, SIZES, posed_folder
from typer.testing import CliRunner

from sharp_cli.cli import app
from sharp_cli.errors import SharpError
from sharp_cli.training.chain import NOTE, ChainConfig, fill, run_chain
from sharp_cli.training.configfile import Table
from sharp_cli.training.recipes import build_recipe, load_recipe
from sharp_cli.training.signals import stop_signals
from sharp_cli.weights.read import read_weights

PHOTOS = str(Path(__file__).parent)
"""Any folder."""
THREE = {"first": {"a": 1}, "second": {"init": "{first}/made"}, "third": {"init": ["{second}", "{photos}"]}}


class Runs:
    """Stands for the trainings: keeps what was asked for, and is stopped at one stage."""

    def __init__(self, stop_at: str = "", content: str = "") -> None:
        self.stop_at, self.content = stop_at, content
        self.asked: list[tuple[str, Table]] = []

    def __call__(self, table: Table, folder: Path) -> Path | None:
        self.asked.append((folder.name, table))
        folder.mkdir(exist_ok=True)
        if folder.name == self.stop_at:
            return None
        (folder / "made").write_text(self.content)
        return folder / "made"


def plain(table: Table) -> Table:
    """Stands for a training's configuration."""
    return table


def chain(**inputs: str) -> ChainConfig:
    return ChainConfig(inputs={"photos": PHOTOS, **inputs}, stages=THREE)


def test_stages_run_in_order_and_read_what_earlier_ones_made(tmp_path: Path) -> None:
    runs, lines = Runs(), []
    assert run_chain(chain(), tmp_path, plain, runs, lines.append) == tmp_path / "third/made"
    assert runs.asked == [
        ("first", {"a": 1}),
        ("second", {"init": f"{tmp_path}/first/made"}),
        ("third", {"init": [f"{tmp_path}/second", PHOTOS]}),
    ]
    assert lines == ["first, stage 1 of 3", "second, stage 2 of 3", "third, stage 3 of 3"]


def test_a_stopped_chain_goes_on_where_it_stopped(tmp_path: Path) -> None:
    lines: list[str] = []
    assert run_chain(chain(), tmp_path, plain, Runs(stop_at="second"), lines.append) is None
    again = Runs()
    assert run_chain(chain(), tmp_path, plain, again, lines.append) == tmp_path / "third/made"
    assert [name for name, _ in again.asked] == ["second", "third"]
    assert "first, stage 1 of 3: finished before" in lines
    (tmp_path / "third/made").unlink()
    last = Runs()
    run_chain(chain(), tmp_path, plain, last, lines.append)
    assert [name for name, _ in last.asked] == ["third"], "its result is gone"


def test_a_stage_finished_with_other_settings_is_not_taken(tmp_path: Path) -> None:
    run_chain(chain(), tmp_path, plain, Runs(), print)
    with pytest.raises(SharpError, match="third was begun with other settings"):
        run_chain(chain(photos=str(Path(__file__).parents[1])), tmp_path, plain, Runs(), print)
    begun = {"settings": {"a": 1}, "from": {}}
    finished = {**begun, "result": "made", "sha256": "0"}
    damaged = ([], {**begun, "from": []}, {**begun, "result": "made"}, {**finished, "result": "../second/made"})
    for note in ("{", *map(json.dumps, (*damaged, {**finished, "result": 3}, {**finished, "sha256": None}))):
        (tmp_path / "first" / NOTE).write_text(note)
        with pytest.raises(SharpError, match="cannot read"):
            run_chain(chain(), tmp_path, plain, Runs(), print)


def test_a_stage_from_another_run_of_an_earlier_one_is_not_taken(tmp_path: Path) -> None:
    run_chain(chain(), tmp_path, plain, Runs(), print)
    shutil.rmtree(tmp_path / "first")
    again = Runs()
    run_chain(chain(), tmp_path, plain, again, print)
    assert [name for name, _ in again.asked] == ["first"], "it made the same, so the others stand"
    shutil.rmtree(tmp_path / "first")
    for _ in range(2):
        with pytest.raises(SharpError, match="second was begun from another first"):
            run_chain(chain(), tmp_path, plain, Runs(content="other"), print)
    shutil.rmtree(tmp_path / "second")
    with pytest.raises(SharpError, match="third was begun from another second"):
        run_chain(chain(), tmp_path, plain, Runs(content="another"), print)


def test_a_result_that_was_changed_is_not_taken(tmp_path: Path) -> None:
    run_chain(chain(), tmp_path, plain, Runs(), print)
    (tmp_path / "first/made").write_text("changed")
    with pytest.raises(SharpError, match="was changed since its stage finished"):
        run_chain(chain(), tmp_path, plain, Runs(), print)


def test_the_folder_of_the_chain_stands_for_all_stages(tmp_path: Path) -> None:
    config = ChainConfig(stages={"first": {"a": 1}, "second": {"init": "{out}/first/made"}})
    run_chain(config, tmp_path, plain, Runs(), print)
    shutil.rmtree(tmp_path / "first")
    with pytest.raises(SharpError, match="second was begun from another first"):
        run_chain(config, tmp_path, plain, Runs(content="other"), print)


def test_a_stage_that_was_begun_from_another_run_does_not_go_on(tmp_path: Path) -> None:
    run_chain(chain(), tmp_path, plain, Runs(stop_at="second"), print)
    shutil.rmtree(tmp_path / "first")
    with pytest.raises(SharpError, match="second was begun from another first"):
        run_chain(chain(), tmp_path, plain, Runs(content="other"), print)


def test_a_finished_chain_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ChainConfig(
        inputs={"photos": "."}, stages={**THREE, "last": {"init": "{out}/third", "rate": float("nan")}}
    )
    run_chain(config, tmp_path / "runs", plain, Runs(), print)
    (tmp_path / "runs").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    runs = Runs()
    assert run_chain(config, Path("moved"), plain, runs, print) == Path("moved/last/made")
    assert runs.asked == []


def test_all_stages_are_checked_before_the_first_one_runs(tmp_path: Path) -> None:
    teacher = {"recipe": "teacher"}
    runs = Runs()
    for wrong, reason in (
        ({"recipe": "teachr"}, "unknown recipe"),
        ({"recipe": ["x"]}, "unknown recipe"),
        ({"base": "none"}, "unknown training preset"),
        ({"recipe": "labels", "teachers": [3]}, "teachers must have the type str"),
        ({"recipe": "sight", "init": "{third}"}, "stands for nothing"),
    ):
        with pytest.raises(SharpError, match=reason):
            run_chain(ChainConfig(stages={"first": teacher, "second": wrong}), tmp_path, build_recipe, runs, print)
    assert runs.asked == [] and not any(tmp_path.iterdir())


def test_an_input_that_does_not_exist_is_found_first(tmp_path: Path) -> None:
    runs = Runs()
    with pytest.raises(SharpError, match=r"there is no .*nowhere \(check --set inputs"):
        run_chain(chain(features=str(tmp_path / "nowhere")), tmp_path / "runs", plain, runs, print)
    assert not runs.asked


def test_a_base_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('base = "teacher"\nsteps = 7')
    (tmp_path / "chain.toml").write_text('recipe = "chain"\n[stages.first]\nbase = "own.toml"')
    config = load_recipe(str(tmp_path / "chain.toml"))
    assert isinstance(config, ChainConfig)
    runs = Runs()
    run_chain(config, tmp_path / "runs", plain, runs, print)
    assert runs.asked == [("first", {"recipe": "teacher", "kind": "resnet", "steps": 7})]


def test_a_signal_in_a_stage_that_ends_all_the_same_stops_the_chain(tmp_path: Path) -> None:
    class Struck(Runs):
        def __call__(self, table: Table, folder: Path) -> Path | None:
            with stop_signals():
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__call__(table, folder)

    struck = Struck()
    assert run_chain(chain(), tmp_path, plain, struck, print) is None
    assert [name for name, _ in struck.asked] == ["first"]
    again = Runs()
    assert run_chain(chain(), tmp_path, plain, again, print)
    assert [name for name, _ in again.asked] == ["second", "third"]


def test_one_process_runs_a_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SharpError, match="without torchrun"):
        run_chain(chain(), tmp_path, plain, Runs(), print)


@given(st.text(alphabet=string.ascii_letters + "_/. ", max_size=12), st.text(alphabet="ab{", max_size=6))
def test_only_names_in_braces_are_replaced(value: str, around: str) -> None:
    known = {"photos": value}
    assert fill({"x": [f"{around}", 3, True]}, known, "s") == {"x": [around, 3, True]}
    assert fill("{photos}/a", known, "s") == f"{value}/a"


def test_names_that_stand_for_nothing_are_refused(tmp_path: Path) -> None:
    config = ChainConfig(stages={"first": {"init": "{second}/made"}, "second": {}})
    with pytest.raises(SharpError, match=r"stage first: \{second\} stands for nothing \(known: out\)"):
        run_chain(config, tmp_path, plain, Runs(), print)


def test_names_that_are_one_folder_on_some_systems() -> None:
    with pytest.raises(SharpError, match="no stage can have the name"):
        ChainConfig(stages={"a": {}, "A": {}})


@pytest.mark.parametrize("name", ["out", "photos", "../up", "a b", ""])
def test_names_that_a_stage_cannot_have(name: str) -> None:
    with pytest.raises(SharpError, match="no stage can have the name"):
        ChainConfig(inputs={"photos": "."}, stages={name: {}})


@pytest.mark.parametrize(("stage", "reason"), [({"base": 3}, "not 3"), ({"recipe": "chain"}, "chain itself")])
def test_stages_that_are_no_training_are_refused(stage: Table, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SharpError, match=reason):
        run_chain(ChainConfig(stages={"first": stage}), tmp_path, plain, Runs(), print)


def test_what_a_chain_lacks_is_named() -> None:
    with pytest.raises(SharpError, match=r"no photos, depth \(add --set inputs.photos=FOLDER --set "):
        ChainConfig(inputs={"photos": "", "depth": ""}, stages={"first": {}})
    with pytest.raises(SharpError, match="no input can have the name out"):
        ChainConfig(inputs={"out": "a"}, stages={"first": {}})
    with pytest.raises(SharpError, match="no stages"):
        ChainConfig()


def test_settings_of_a_stage_are_not_taken_for_the_chains() -> None:
    with pytest.raises(SharpError, match=r"a chain has no steps of its own \(use --set stages.NAME.steps=VALUE\)"):
        load_recipe("preview-chain", ["steps=3"])


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


def test_the_stages_of_the_preview_fit_together(tmp_path: Path) -> None:
    config = load_recipe("preview-chain", [f"inputs.{name}={tmp_path}" for name in ("photos", "features", "measured")])
    assert isinstance(config, ChainConfig)
    names: list[str] = []

    def run(stage: object, folder: Path) -> Path:
        names.append(folder.name)
        (folder / "made").touch()
        return folder / "made"

    assert run_chain(config, tmp_path, build_recipe, run, print) == tmp_path / "full" / "made"
    assert names == ["coarsest", "coarse", "teacher", "labels", "distill", "sight", "depth", "full"]


@pytest.mark.slow
def test_the_whole_training_of_a_preview_in_small(tmp_path: Path) -> None:
    write_resnet(tmp_path / "features")
    write_measured(tmp_path / "measured", {f"hall-{i}": "train" for i in range(7)})
    (tmp_path / "photos").mkdir()
    for name in ("a", "b", "c"):
        shutil.copy(Path(__file__).parents[1] / "data" / "china.jpg", tmp_path / "photos" / f"{name}.jpg")
    settings = [f"inputs.{name}={tmp_path / name}" for name in ("photos", "features", "measured")]
    small = {"steps": 1, "batch": 1, "micro_batch": 1, "data.workers": 0, "log.validate": 0, "network": SIZES.to_dict()}
    taught = {"steps": 1, "batch": 2, "drawn.pairs": 4, "drawn.workers": 1}
    student = {**taught, "synthetic_batch": 1, "measured_batch": 1}
    stages: dict[str, dict[str, object]] = dict.fromkeys(("coarsest", "coarse", "depth", "full"), small)
    stages |= {"teacher": taught, "labels": {"views": 1, "views_of_varied": 1}, "distill": student, "sight": student}
    settings += [
        f"stages.{name}.{key}={inline(value)}" for name, table in stages.items() for key, value in table.items()
    ]
    words = ["train", "preview-chain", "--out", str(tmp_path / "runs"), "--device", "cpu"]
    run = CliRunner().invoke(app, [*words, *(word for setting in settings for word in ("--set", setting))])
    assert run.exit_code == 0, run.exception
    record = read_weights(tmp_path / "runs" / "full" / "weights.safetensors").record
    assert [entry["steps"] for entry in record["training"]] == [1] * 6  # all stages but the teacher and its labels
