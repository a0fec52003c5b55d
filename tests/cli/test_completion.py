"""Shell completion: the script of each shell, and what completes."""

from __future__ import annotations

import pytest
from commands import sharp

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell: str) -> None:
    run = sharp(env={"_SHARP_COMPLETE": f"source_{shell}"})
    assert run.returncode == 0
    assert "_SHARP_COMPLETE" in run.stdout and "sharp" in run.stdout


def complete(shell: str, line: str) -> str:
    """What a shell gets for a line with the cursor at its end."""
    words = line.split(" ")
    env = {"_SHARP_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    env |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    env["_TYPER_COMPLETE_WORD_TO_COMPLETE"] = words[-1]
    return sharp(env=env).stdout


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "wanted", "unwanted"),
    [
        ("sharp conv", "convert", "render"),
        ("sharp render --traj", "--trajectory", "--seconds"),
        ("sharp convert --device c", "cuda", "mps"),
        ("sharp weights ver", "verify", "remove"),
        ("sharp convert --weights pre", "preview", "sharp"),
        ("sharp convert --prof", "--profile", "--precision"),
    ],
)
def test_commands_options_and_values_complete(shell: str, line: str, wanted: str, unwanted: str) -> None:
    found = complete(shell, line)
    assert wanted in found
    assert unwanted not in found


def test_completion_goes_on_with_a_broken_file(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sharp.toml").write_text("broken", encoding="utf-8")
    assert "--device" in complete("bash", "sharp convert --dev")
