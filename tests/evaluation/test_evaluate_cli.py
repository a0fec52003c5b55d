"""`sharp evaluate` with random weights: it measures noise, but the output is complete."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from stereo_folders import make_booster, make_middlebury
from truths import write_scene
from typer.testing import CliRunner, Result

from sharp_cli.cli import app
from sharp_cli.metrics.image import psnr, ssim

FEW_METRICS = {"psnr": psnr, "ssim": ssim}


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """LPIPS and DISTS would fetch their networks."""
    monkeypatch.setattr("sharp_cli.evaluation.evaluate.load_available", lambda device: FEW_METRICS)


def sharp(*words: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def test_a_synthetic_scene_end_to_end(tiny_weights: Path, tmp_path: Path) -> None:
    run = sharp(
        "synthetic", "--limit", 1, "--weights", tiny_weights, "--device", "cpu", "--precision", "fp32",
        "--json", tmp_path / "new" / "r.json", "--sheets", tmp_path / "sheets",
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert run.stdout.startswith("| 1 samples | PSNR ↑ | SSIM ↑ |\n")
    assert run.stdout.count("\n\n") == 3
    assert "[1/1] test-0: PSNR novel " in run.stderr
    record = json.loads((tmp_path / "new" / "r.json").read_text(), parse_constant=pytest.fail)
    assert record["state"] == "finished"
    assert record["settings"]["precision"] == "fp32"
    (sample,) = record["samples"]
    assert set(record["kinds"]) == {sample["kind"]}
    assert f"| {sample['kind'].replace('_', ' ')} | 1 |" in run.stdout
    assert set(sample["scores"]) == {"novel", "photo", "plane", "input", "depth"}
    assert record["means"] == sample["scores"]
    assert record["against"]["plane"]["scenes"] == 1
    gain = sample["scores"]["novel"]["psnr"] - sample["scores"]["plane"]["psnr"]
    assert record["against"]["plane"]["gain_db"] == pytest.approx(gain)
    assert sample["scores"]["depth"]["abs_rel_aligned"] > 0
    with Image.open(tmp_path / "sheets" / "0001-test-0.png") as sheet:
        assert sheet.width > 4 * 480


def test_each_data_set_by_its_name(tiny_weights: Path, tmp_path: Path) -> None:
    make_middlebury(tmp_path / "middlebury" / "Wall-perfect")
    make_booster(tmp_path / "booster" / "Wall")
    write_scene(tmp_path / "pairs", [0.0, 0.1])
    names = {"middlebury": "Wall-perfect", "booster": "Wall/im0", "pairs": "0-1"}
    for data, name in names.items():
        run = sharp(data, tmp_path / data, "--limit", 1, "--weights", tiny_weights, "--json", "-", "--quiet", "--mask",
                    "--privileged-depth")  # fmt: skip
        assert run.exit_code == 0, run.output
        record = json.loads(run.stdout)
        assert [sample["name"] for sample in record["samples"]] in ([name], ["1-0"])
        assert record["settings"]["mask"] is True
        assert record["settings"]["privileged_depth"] is True
        assert run.stderr == ""


def test_a_failed_sample_is_exit_code_1_and_the_others_are_scored(tiny_weights: Path, tmp_path: Path) -> None:
    make_middlebury(tmp_path / "a")
    make_middlebury(tmp_path / "b")
    (tmp_path / "a" / "im1.png").write_bytes(b"no picture")
    run = sharp("middlebury", tmp_path, "--weights", tiny_weights)
    assert run.exit_code == 1
    assert run.stdout.startswith("| 1 samples, 1 failed |")
    assert "failed: a: " in run.stderr
    assert "im1.png" in run.stderr
    assert "[2/2] b: PSNR" in run.stderr


def test_ctrl_c_keeps_what_is_done(tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sharp_cli.predictor import Predictor

    make_booster(tmp_path / "Wall")
    predict, calls = Predictor.predict, []

    def once(self: Predictor, photo: object, *rest: object) -> object:
        calls.append(photo)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return predict(self, photo, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "predict", once)
    run = sharp("booster", tmp_path, "--weights", tiny_weights, "--json", tmp_path / "r.json")
    assert run.exit_code == 130
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["state"] == "interrupted"
    assert [sample["name"] for sample in record["samples"]] == ["Wall/im0"]
    assert record["scored"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "DATA"),
        (["kitti"], "kitti"),
        (["synthetic", "folder"], "takes no PATH"),
        (["middlebury"], "needs the PATH"),
        (["synthetic", "--limit", "0"], "limit"),
        (["synthetic", "--device", "tpu"], "tpu"),
    ],
)
def test_wrong_use_is_exit_code_2(words: list[str], message: str) -> None:
    run = sharp(*words)
    assert run.exit_code == 2
    assert message in run.stderr.replace("\n", " ")


def test_failed_work_gives_one_sentence_and_exit_code_1(tiny_weights: Path, tmp_path: Path) -> None:
    for words, message in (
        (["middlebury", tmp_path / "none"], "does not exist"),
        (["middlebury", tmp_path, "--weights", tiny_weights], "no Middlebury scenes in"),
        (["synthetic", "--weights", tmp_path / "none.safetensors"], "none.safetensors"),
    ):
        command = [sys.executable, "-m", "sharp_cli", "evaluate", *map(str, words)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert run.returncode == 1
        assert message in run.stderr
        assert "Traceback" not in run.stderr
        assert run.stdout == ""
