"""Whole runs on a tiny network: they learn, stop anywhere, go on exactly, and leave what they should."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from training_runs import SIZES, posed_folder, tiny_config

from sharp_cli.errors import SharpError
from sharp_cli.training import precision
from sharp_cli.training.configfile import load_config
from sharp_cli.training.loop import train
from sharp_cli.training.state import find_checkpoints
from sharp_cli.training.teacher.labels import Labels, write_labels
from sharp_cli.weights.read import read_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def posed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return posed_folder(tmp_path_factory.mktemp("posed"))


def same(a: object, b: object) -> bool:
    """Equal to the last bit, through lists and dictionaries."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))  # type: ignore[arg-type]
    return a == b


def log_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("phase", ["full", "coarsest", "coarse", "depth"])
def test_a_run_stopped_anywhere_resumes_bit_for_bit(phase: str, posed: Path, tmp_path: Path):
    muon = {"muon": 20.0 if phase == "coarsest" else 0.0}
    config = tiny_config(posed, phase=phase, log={"validate": 3}, optimizer=muon)
    whole = train(config, tmp_path / "whole", CPU)
    for stop in (1, 2) if phase == "depth" else (2,):
        part = train(config, tmp_path / "parts", CPU, stop=lambda step, stop=stop: step == stop)
        assert part.step == stop
    parts = train(config, tmp_path / "parts", CPU)
    assert parts.step == whole.step == 3
    assert same(whole.network.state_dict(), parts.network.state_dict())
    assert same(whole.optimizer.state_dict(), parts.optimizer.state_dict())
    assert whole.mean and same(whole.mean, parts.mean)

    names = ("loss", "gradient", "lr")
    lines = [
        [(line["kind"], line["step"], [line.get(name) for name in names]) for line in log_of(tmp_path / each)]
        for each in ("whole", "parts")
    ]
    assert lines[0] == lines[1]
    assert [path.name for path in find_checkpoints(tmp_path / "parts")] == ["step-00000002.pt", "step-00000003.pt"]


def test_training_changes_what_it_should_and_learns(posed: Path, tmp_path: Path):
    config = tiny_config(
        posed, steps=6, optimizer={"lr": 5e-3, "ema": 0.0}, checkpoints={"every": 0}, log={"validate": 3}
    )
    train(config, tmp_path, CPU)
    losses = [line["loss"] for line in log_of(tmp_path) if line["kind"] == "train"]
    assert len(losses) == 6 and sum(losses[-2:]) < 0.8 * sum(losses[:2])
    validated = [line for line in log_of(tmp_path) if line["kind"] == "validation"]
    assert validated[-1]["psnr_novel"] > validated[0]["psnr_novel"]
    assert validated[0]["psnr_unchanged"] == validated[-1]["psnr_unchanged"] < 40

    weights = read_weights(tmp_path / "weights.safetensors")
    assert weights.config == SIZES
    (record,) = weights.record["training"]
    assert (record["steps"], record["samples"], record["config"]["phase"]) == (6, 6, "full")


def test_full_phase_starts_from_a_depth_phase(posed: Path, tmp_path: Path):
    train(tiny_config(posed, phase="depth", steps=1), tmp_path / "depth", CPU)
    learned = tmp_path / "depth" / "weights.safetensors"
    frozen = tiny_config(posed, steps=1, adjust_depth=True, init=str(learned), trainable="released")
    state = train(frozen, tmp_path / "full", CPU)
    before, after = (read_weights(each).tensors for each in (learned, tmp_path / "full" / "weights.safetensors"))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert "depth_alignment.scale_map_estimator.conv_out.weight" in changed
    assert not [name for name in changed if "patch_encoder" in name]
    record = read_weights(tmp_path / "full" / "weights.safetensors").record
    assert [each["config"]["phase"] for each in record["training"]] == ["depth", "full"]
    assert record["training"][1]["config"]["init"] == "weights.safetensors", "no folder is recorded"
    assert str(tmp_path) not in json.dumps(record)
    assert state.origin["name"] == "depth"
    with pytest.raises(SharpError, match="network sizes differ"):
        train(tiny_config(posed, init=str(learned), network={"embed_dim": 32}), tmp_path / "no", CPU)


def test_another_configuration_does_not_resume(posed: Path, tmp_path: Path):
    train(tiny_config(posed, phase="depth", steps=1), tmp_path, CPU)
    with pytest.raises(SharpError, match=r"another optimizer\.lr, seed"):
        train(tiny_config(posed, phase="depth", steps=1, seed=1, optimizer={"lr": 2e-3}), tmp_path, CPU)
    assert train(tiny_config(posed, phase="depth", steps=2, log={"every": 2}), tmp_path, CPU).step == 2


def test_a_checkpoint_without_a_newer_field_resumes(posed: Path, tmp_path: Path):
    train(tiny_config(posed, phase="depth", steps=1), tmp_path, CPU)
    (path,) = find_checkpoints(tmp_path)
    stored = torch.load(path, weights_only=True)
    del stored["config"]["data"]["scenes"]["layouts"], stored["config"]["optimizer"]["muon"]
    torch.save(stored, path)
    assert train(tiny_config(posed, phase="depth", steps=2), tmp_path, CPU).step == 2


def test_a_damaged_checkpoint_is_named(posed: Path, tmp_path: Path):
    train(tiny_config(posed, phase="depth", steps=1), tmp_path, CPU)
    (path,) = find_checkpoints(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SharpError, match=path.name):
        train(tiny_config(posed, phase="depth", steps=2), tmp_path, CPU)


@pytest.mark.parametrize(
    "change", [{"network": {}}, {"network": None}, {"optimizer": {}}, {"mean": {"no": torch.zeros(1)}}, {"step": "x"}]
)
def test_a_checkpoint_of_other_content_is_named(change: dict[str, object], posed: Path, tmp_path: Path):
    train(tiny_config(posed, phase="depth", steps=1), tmp_path, CPU)
    (path,) = find_checkpoints(tmp_path)
    torch.save({**torch.load(path, weights_only=True), **change}, path)
    with pytest.raises(SharpError, match=path.name):
        train(tiny_config(posed, phase="depth", steps=2), tmp_path, CPU)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_after_the_step_with_a_checkpoint(name: str, posed: Path, tmp_path: Path):
    def strike(step: int) -> bool:
        if step == 1:
            os.kill(os.getpid(), getattr(signal, name))
        return False

    before = signal.getsignal(getattr(signal, name))
    state = train(tiny_config(posed, phase="depth"), tmp_path, CPU, stop=strike)
    assert state.step < 3
    assert [path.name for path in find_checkpoints(tmp_path)] == [f"step-{state.step:08}.pt"]
    assert (tmp_path / "weights.safetensors").exists()
    assert signal.getsignal(getattr(signal, name)) is before


def test_a_loss_that_is_not_finite_names_its_samples(posed: Path, tmp_path: Path):
    config = tiny_config(posed, phase="depth", optimizer={"lr": 1e30, "clip": 0.0})
    with pytest.raises(
        SharpError, match=r"step \d: the (loss|gradient) is not finite: .* on pairs number \d+ of the data"
    ):
        train(config, tmp_path, CPU)


def test_workers_bring_the_same_samples(posed: Path, tmp_path: Path):
    states = [
        train(
            tiny_config(posed, phase="depth", steps=1, batch=3, data={"workers": workers}),
            tmp_path / str(workers),
            CPU,
        )
        for workers in (0, 2)
    ]
    assert same(*(state.network.state_dict() for state in states))


def test_the_end_of_a_cluster_job_does_not_end_the_workers_first(posed: Path, tmp_path: Path):
    def end(step: int) -> bool:
        for worker in multiprocessing.active_children():
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGTERM)
        return False

    config = tiny_config(posed, phase="coarse", steps=8, data={"workers": 1})  # more than are made ready ahead
    assert train(config, tmp_path, CPU, stop=end).step == 8


def test_the_depth_loss_can_go_on_in_the_full_phase(posed: Path, tmp_path: Path):
    config = tiny_config(posed, steps=1, depth_in_full=0.5, losses={"margin": 1.3}, log={"every": 1})
    train(config, tmp_path, CPU)
    (line,) = log_of(tmp_path)
    terms = {name: line[f"depth_{name}"] for name in ("scale", "shape", "edges", "hidden")}
    paper = {name: line[name] for name in asdict(config.losses.weights) if name in line}
    total = sum(getattr(config.losses.weights, name) * value for name, value in paper.items())
    total += 0.5 * sum(getattr(config.depth, name) * value for name, value in terms.items())
    assert line["loss"] == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("phase", ["full", "depth"])
def test_photos_can_be_learned_from_beside_scenes(phase: str, posed: Path, tmp_path: Path):
    labels = Labels(
        torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.zeros(2, 16, 16), torch.zeros(2, 1, 2, 2), torch.arange(2)
    )
    write_labels(tmp_path / "labels.safetensors", labels, {})
    runs = [{}, {"labels": str(tmp_path / "labels.safetensors")}]
    for index, sight in enumerate(runs):
        config = tiny_config(posed, phase=phase, steps=1, log={"every": 1, "validate": 1}, sight=sight)
        train(config, tmp_path / str(index), CPU)
    (alone, validated), (beside, validated_beside) = (log_of(tmp_path / str(index)) for index in range(2))
    more = {name: value for name, value in beside.items() if name.startswith("photos_")}
    assert more
    assert beside["loss"] == pytest.approx(alone["loss"] + sum(more.values()), rel=1e-4)
    assert validated.keys() == validated_beside.keys()


def test_auto_trains_in_bf16_only_where_the_hardware_has_it(monkeypatch: pytest.MonkeyPatch):
    for native, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(precision, "has_native_bf16", lambda device, native=native: native)
        assert precision.choose_training_dtype("auto", CPU) == expected
    assert precision.choose_training_dtype("bf16", CPU) == torch.bfloat16
    assert precision.choose_training_dtype("fp32", CPU) == torch.float32


def test_the_preview_presets_leave_the_precision_to_the_machine():
    for preset in ("preview-coarsest", "preview-coarse", "preview-depth", "preview"):
        assert load_config(preset).precision == "auto"


def test_bf16_backbone_trains(posed: Path, tmp_path: Path):
    state = train(tiny_config(posed, steps=1, precision="bf16"), tmp_path, CPU)
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in state.network.parameters())


def test_self_supervision_on_photos(posed: Path, tmp_path: Path):
    config = tiny_config(posed, phase="self", steps=2, data={"kind": "photos"})
    train(config, tmp_path / "whole", CPU)
    train(config, tmp_path / "parts", CPU, stop=lambda step: step == 1)
    train(config, tmp_path / "parts", CPU)
    terms = log_of(tmp_path / "whole")[0]
    assert [line["loss"] for line in log_of(tmp_path / "whole")] == [
        line["loss"] for line in log_of(tmp_path / "parts")
    ]
    assert terms["color"] > 0 and "scale" not in terms


def test_tensorboard_has_numbers_and_pictures(posed: Path, tmp_path: Path):
    pytest.importorskip("tensorboard")
    train(tiny_config(posed, steps=1, log={"tensorboard": True, "validate": 1}), tmp_path, CPU)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"train/loss", "validation/psnr_novel"} <= set(events.Tags()["scalars"])
    wanted = ("photo", "depth", "depth_true", "novel", "novel_true")
    assert all(any(tag.startswith(name) for tag in events.Tags()["images"]) for name in wanted)


def test_a_missing_tensorboard_is_reported(posed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SharpError, match=r"'\.\[train\]'"):
        train(tiny_config(posed, steps=1, log={"tensorboard": True}), tmp_path, CPU)
