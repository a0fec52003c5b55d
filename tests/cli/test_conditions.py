"""Conditions of a machine that are nobody's bug: one sentence each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from splats import random_splat

from sharp_cli import write_splat
from sharp_cli.runtime import user_folders
from sharp_cli.weights import store
from sharp_cli.weights.catalog import RELEASED
from tests.helpers.commands import sharp

HERE = Path(__file__).parents[2]


def run(words: list[str], cwd: Path, limit: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sharp_cli", *words]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300, preexec_fn=limit
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space")
@pytest.mark.parametrize("megabytes", [200, 400, 1000])
@pytest.mark.parametrize("words", [["render", "a.ply"], ["convert", "a.jpg", "--weights", "preview"]])
def test_exhausted_memory_is_one_sentence(words: list[str], megabytes: int, data: Path, tmp_path: Path) -> None:
    import resource

    shutil.copy(data / "china.jpg", tmp_path / "a.jpg")
    limit = megabytes << 20
    done = run(words, tmp_path, lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert done.returncode == 1
    assert "not enough memory" in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space")
@pytest.mark.parametrize("megabytes", [200, 250])
def test_a_splat_too_large_for_memory_is_one_sentence(megabytes: int, tmp_path: Path) -> None:
    import resource

    write_splat(tmp_path / "a.ply", random_splat(1_000_000))
    limit = megabytes << 20
    done = run(["inspect", "a.ply"], tmp_path, lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert done.returncode == 1
    assert done.stderr.startswith("sharp: ") and "not enough memory" in done.stderr and done.stderr.count("\n") == 1


def test_users_without_a_home_folder(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under a number that no list of users knows."""

    def nowhere(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("SHARP_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    for place in (nowhere, lambda *_, **__: Path("~/.cache")):
        for name in ("user_cache_path", "user_config_path"):
            monkeypatch.setattr(user_folders.platformdirs, name, place)
        assert store.find(RELEASED) is None
        for words in (["weights", "list"], ["convert", data / "china.jpg", "--weights", "preview", "--dry-run"]):
            assert sharp(*words).returncode == 0
        for words in (["weights", "download"], ["weights", "remove", "sharp"]):
            done = sharp(*words)
            assert done.returncode == 1
            assert "SHARP_CACHE" in done.stderr
            assert "bug" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps folders that are in use")
def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = "import os, sys; os.rmdir(os.getcwd()); from sharp_cli.cli import main; main(sys.argv[1:])"
    for words in (
        ["formats"],
        ["convert", "a.jpg", "--weights", "preview", "--dry-run"],
        ["weights", "convert", "none"],
    ):
        (tmp_path / "gone").mkdir(exist_ok=True)
        command = [sys.executable, "-c", script, *words]
        environment = {**os.environ, "PYTHONPATH": str(HERE)}
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "gone", env=environment)
        assert "Traceback" not in done.stderr, done.stderr
        assert "bug" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [["train", "preview", "-o", "-"], ["demo", "-o", "-"], ["weights", "convert", "preview", "-o", "-"]],
    ids=lambda words: words[0],
)
def test_a_folder_or_file_that_is_stdout_gets_a_hint(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sharp(*words).returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGHUP is POSIX")
def test_an_ignored_hangup_stays_ignored(tmp_path: Path) -> None:
    script = (
        "import signal, sys\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from sharp_cli.cli import main, network_batches\n"
        "network_batches.prepare = lambda jobs: signal.raise_signal(signal.SIGHUP)\n"
        "main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", script, "convert", "none.jpg", "--weights", "preview"]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 1, done.stderr
    assert "none.jpg" in done.stderr
