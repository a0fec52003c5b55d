"""`sharp convert` on real photos, with the small network of random weights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import sharp

from sharp_cli import read_ply


def test_photos_become_splats_beside_them_and_a_broken_one_does_not_stop_the_run(
    data: Path, small_weights: Path, tmp_path: Path
) -> None:
    for name in ("china.jpg", "chelsea.png"):
        (tmp_path / name).write_bytes((data / name).read_bytes())
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    run = sharp(
        "convert", "broken.jpg", "china.jpg", "chelsea.png", "--weights", small_weights, "--timings", cwd=tmp_path
    )
    assert run.returncode == 1
    assert run.stderr.count("broken.jpg") >= 1
    assert "Traceback" not in run.stderr
    assert "2,359,296" in run.stderr
    for stage in ("load", "decode", "network", "decompose", "write", "peak process"):
        assert stage in run.stderr
    assert len(read_ply(tmp_path / "china.ply")) == 1_179_648
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "broken.jpg", "chelsea.ply", "chelsea.png", "china.jpg", "china.ply",
    ]  # fmt: skip


def test_one_photo_to_a_named_file_in_the_published_layout(data: Path, small_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "my splat.PLY"
    run = sharp(
        "convert", data / "china.jpg", "-o", out, "--weights", small_weights,
        "--focal-px", 550, "--precision", "fp32", "--ply-layout", "sharp",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
    assert b"element intrinsic 9" in out.read_bytes()[:2000]
    camera = read_ply(out).camera
    assert camera is not None
    assert camera.focal_px == 550


def test_an_unwritable_file_is_explained(data: Path, small_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    run = sharp("convert", data / "china.jpg", "-o", tmp_path / "file" / "x.ply", "--weights", small_weights)
    assert run.returncode == 1
    assert "cannot write" in run.stderr
    assert "bug" not in run.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["convert"], "INPUT"),
        (["convert", "a.jpg", "--fov", "60", "--focal-mm", "30"], "once"),
        (["convert", "a.jpg", "--background", "no-color"], "no-color"),
        (["convert", "a.jpg", "--precision", "fp8"], "fp8"),
        (["convert", "a.jpg", "--focal-px", "-3"], "focal-px"),
        (["convert", "a.jpg", "b.jpg", "-o", "one.ply"], "folder"),
        (["unknown"], "unknown"),
    ],
)
def test_wrong_use_is_exit_code_2(words: list[str], message: str) -> None:
    run = sharp(*words)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_failed_work_gives_one_sentence_and_exit_code_1(data: Path, tmp_path: Path) -> None:
    photo = shutil.copy(data / "china.jpg", tmp_path / "a.jpg")
    run = sharp("convert", photo, "--weights", tmp_path / "none.safetensors")
    assert run.returncode == 1
    assert "none.safetensors" in run.stderr
    assert "Traceback" not in run.stderr
    for words in (("--debug", "convert", photo), ("convert", photo, "--debug")):
        debug = sharp(*words, "--weights", tmp_path / "none.safetensors")
        assert "Traceback" in debug.stderr


def test_help_and_version_are_printed() -> None:
    for words in (["--version"], ["--help"], ["convert", "--help"], ["weights", "--help"]):
        run = sharp(*words)
        assert (run.returncode, run.stderr) == (0, "")
        assert "sharp" in run.stdout


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, contextlib\n"
        "sys.argv = ['sharp', '--help']\n"
        "from sharp_cli.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "heavy = {'torch', 'timm', 'numpy', 'PIL', 'plyfile', 'huggingface_hub', 'numba', 'gsplat', 'httpx'}\n"
        "sys.exit(f'imported: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(("given", "kept"), [(None, "passive"), ("active", "active")])
def test_waiting_threads_sleep_unless_the_user_wants_otherwise(given: str | None, kept: str) -> None:
    script = (
        "import os, sys, contextlib\n"
        "from sharp_cli.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--version'])\n"
        "sys.exit(os.environ['OMP_WAIT_POLICY'])\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert run.stderr.strip() == kept
