"""Options from variables, profiles and files: which one counts, and what is said of bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import Finished, sharp

FILE = """
weights = "of-file"
device = "cpu"

[convert]
max-gaussians = 100
min_opacity = 0.1
quiet = true

[profiles.quest]
precision = "fp32"

[profiles.quest.convert]
format = "spz"
max-gaussians = 200
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a file, and a user's file beside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "sharp.toml").write_text(FILE, encoding="utf-8")
    user = tmp_path / "user ü.toml"
    user.write_text('background = "red"\n[convert]\nmax-gaussians = 1\n', encoding="utf-8")
    monkeypatch.setenv("SHARP_CONFIG", str(user))
    return folder


def shown(folder: Path, *words: str, env: dict[str, str] | None = None) -> dict[str, tuple[Any, str]]:
    run = sharp("config", "show", "convert", "--json", *words, cwd=folder, env=env)
    assert run.returncode == 0, run.stderr
    return {row["option"]: (row["value"], row["from"]) for row in json.loads(run.stdout)}


def test_the_stronger_place_counts(place: Path) -> None:
    values = shown(place)
    assert values["max-gaussians"] == (100, "sharp.toml")
    assert values["min-opacity"] == (0.1, "sharp.toml")
    assert values["weights"] == ("of-file", "sharp.toml")
    assert values["background"][0] == "red" and values["background"][1].endswith("user ü.toml")
    assert values["precision"] == ("auto", "default")
    assert values["format"] == (None, "default")

    values = shown(place, "--profile", "quest")
    assert values["max-gaussians"] == (200, "profile quest in sharp.toml")
    assert values["precision"] == ("fp32", "profile quest in sharp.toml")
    assert values["weights"] == ("of-file", "sharp.toml")

    env = {"SHARP_PROFILE": "quest", "SHARP_CONVERT_MAX_GAUSSIANS": "300", "SHARP_WEIGHTS": "of-env"}
    values = shown(place, env=env)
    assert values["max-gaussians"] == ("300", "SHARP_CONVERT_MAX_GAUSSIANS")
    assert values["weights"] == ("of-env", "SHARP_WEIGHTS")
    values = shown(place, env={**env, "SHARP_CONVERT_WEIGHTS": "own"})
    assert values["weights"] == ("own", "SHARP_CONVERT_WEIGHTS")


def test_an_options_own_variable_counts_beside_the_one_of_its_name(place: Path) -> None:
    for env, value in (
        ({"SHARP_TOKEN": "short"}, ("short", "SHARP_TOKEN")),
        ({"SHARP_TOKEN": "short", "SHARP_SERVE_TOKEN": "full"}, ("full", "SHARP_SERVE_TOKEN")),
    ):
        run = sharp("config", "show", "serve", "--json", cwd=place, env=env)
        assert run.returncode == 0, run.stderr
        assert value in [(row["value"], row["from"]) for row in json.loads(run.stdout) if row["option"] == "token"]


@pytest.mark.parametrize("of_file", [False, True])
def test_a_value_for_all_commands_counts_where_it_is_known(place: Path, of_file: bool) -> None:
    def device_of(command: str, value: str) -> tuple[Any, str]:
        (place / "sharp.toml").write_text(f'device = "{value}"\n' if of_file else "", encoding="utf-8")
        words = ("config", "show", command, "--json")
        run = sharp(*words, cwd=place, env={} if of_file else {"SHARP_DEVICE": value})
        assert run.returncode == 0, run.stderr
        return next((row["value"], row["from"]) for row in json.loads(run.stdout) if row["option"] == "device")

    origin = "sharp.toml" if of_file else "SHARP_DEVICE"
    assert device_of("convert", "mps") == ("mps", origin)
    assert device_of("render", "mps") == ("auto", "default")
    assert device_of("render", "WebGPU") == ("WebGPU", origin)
    assert device_of("convert", "webgpu") == ("auto", "default")
    assert device_of("render", "cpu") == ("cpu", origin)
    assert device_of("render", "gpu") == ("gpu", origin)  # of no command: refused when it is used


def test_a_value_for_one_command_that_it_does_not_know_is_refused(place: Path) -> None:
    assert plan(place, env={"SHARP_DEVICE": "webgpu"}).returncode == 0
    for name, value in (("SHARP_CONVERT_DEVICE", "webgpu"), ("SHARP_DEVICE", "gpu")):
        run = plan(place, env={name: value})
        assert run.returncode == 2 and name in run.stderr


def plan(folder: Path, *words: str, env: dict[str, str] | None = None) -> Finished:
    (folder / "a.jpg").touch()
    return sharp("convert", "a.jpg", "--dry-run", "--weights", "preview", *words, cwd=folder, env=env)


def test_the_command_line_counts_most(place: Path) -> None:
    assert "→ a.ply" in plan(place).stdout
    assert "→ a.spz" in plan(place, "--profile", "quest").stdout
    env = {"SHARP_CONVERT_FORMAT": "sog"}
    assert "→ a.sog" in plan(place, "--profile", "quest", env=env).stdout
    assert "→ a.glb" in plan(place, "--profile", "quest", "--format", "glb", env=env).stdout


def test_flags_may_be_variables(place: Path) -> None:
    (place / "a.jpg").touch()
    for value, code in (("1", 0), ("true", 0), ("0", 1)):
        (place / "a.ply").unlink(missing_ok=True)
        words = ("convert", "a.jpg", "--weights", "preview")
        run = sharp(*words, cwd=place, env={"SHARP_CONVERT_DRY_RUN": value})
        assert (run.returncode, "make" in run.stdout) == (code, code == 0), run.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[convert]\nmax-gausians = 1\n", ("max-gausians", "did you mean max-gaussians", "sharp.toml")),
        ("wieghts = 'preview'\n", ("wieghts", "did you mean weights")),
        ("[convrt]\nquiet = true\n", ("convrt", "did you mean convert")),
        ("[profiles.quest.convert]\nformt = 'spz'\n", ("formt", "did you mean format", "profile quest")),
        ("[profiles]\nquest = 3\n", ("profile quest", "not a table")),
        ("weights = \n", ("cannot read sharp.toml",)),
        ("[convert]\nformat = 'spx'\n", ("spx", "did you mean spz", "set by sharp.toml")),
    ],
)
def test_a_bad_file_is_named_with_what_is_meant(place: Path, content: str, words: tuple[str, ...]) -> None:
    (place / "sharp.toml").write_text(content, encoding="utf-8")
    run = plan(place)
    assert run.returncode == 2
    said = " ".join(run.stderr.replace("│", " ").split())
    for word in words:
        assert word in said


def test_unknown_profiles_commands_and_choices_suggest_the_nearest(place: Path) -> None:
    for words, meant in (
        (("convert", "a.jpg", "--profile", "qest"), "did you mean quest"),
        (("convret", "a.jpg"), "Did you mean 'convert'"),
        (("weights", "verfy"), "Did you mean 'verify'"),
        (("render", "a.ply", "--trajectory", "orbti"), "did you mean orbit"),
        (("convert", "a.jpg", "--devise", "cpu"), "--device"),
        (("config", "show", "convret"), "no such command"),
    ):
        run = sharp(*words, cwd=place)
        assert run.returncode == 2
        assert meant in " ".join(run.stderr.replace("│", " ").split())


def test_a_bad_variable_is_named(place: Path) -> None:
    run = plan(place, env={"SHARP_CONVERT_DEVICE": "gpu"})
    assert run.returncode == 2
    assert "SHARP_CONVERT_DEVICE" in run.stderr


def test_files_of_windows_editors_are_read(place: Path) -> None:
    (place / "sharp.toml").write_bytes(b"\xef\xbb\xbf[convert]\r\nformat = 'sog'\r\n")
    assert "→ a.sog" in plan(place).stdout


def test_config_show_without_a_command_prints_what_differs(place: Path) -> None:
    run = sharp("config", "show", cwd=place)
    assert run.returncode == 0
    assert "convert --max-gaussians" in run.stdout and "convert --out" not in run.stdout
    assert "read: sharp.toml" in run.stderr


def test_the_documented_places_of_the_users_file_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    from platformdirs.macos import MacOS
    from platformdirs.unix import Unix

    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for system in (Unix, MacOS):
        place = Path(system("sharp-cli", appauthor=False).user_config_dir)
        assert f"`~/{place.relative_to(Path.home()).as_posix()}/sharp.toml`" in page
    assert "`%LOCALAPPDATA%\\sharp-cli\\sharp.toml`" in page
