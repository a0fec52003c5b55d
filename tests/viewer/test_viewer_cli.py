"""`sharp export` and `sharp view` as people run them."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sharp_cli import Gaussians, write_ply
from sharp_cli.cli.export import export
from sharp_cli.cli.view import view

app = typer.Typer()
app.command("export")(export)
app.command("view")(view)

VIEW = "import typer; from sharp_cli.cli.view import view; typer.run(view)"


@pytest.fixture
def scene(relief: Gaussians, tmp_path: Path) -> Path:
    path = tmp_path / "my <scene>.ply"
    write_ply(path, relief, layout="sharp")  # the layout with the elements that viewers refuse
    return path


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_export_writes_beside_the_scene_and_prints_where(scene: Path) -> None:
    result = run("export", scene)
    page = scene.with_suffix(".html")
    assert result.exit_code == 0
    assert result.stdout.strip() == str(page)
    assert "<title>my &lt;scene&gt;</title>" in page.read_text(encoding="utf-8")


def test_export_replaces_a_file_only_with_overwrite(scene: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "page.html"
    assert run("export", scene, out).exit_code == 0
    out.write_text("mine")
    refused = run("export", scene, out)
    assert refused.exit_code == 1 and "--overwrite" in refused.stderr
    assert out.read_text() == "mine"
    assert run("export", scene, out, "--overwrite").exit_code == 0
    assert out.stat().st_size > 3_000_000
    assert [path.name for path in out.parent.iterdir()] == ["page.html"]


def test_export_refuses_another_ending(scene: Path, tmp_path: Path) -> None:
    assert run("export", scene, tmp_path / "page.png").exit_code == 2


@pytest.mark.parametrize("command", ["export", "view"])
def test_an_unreadable_scene_is_refused_before_anything_is_written(command: str, tmp_path: Path) -> None:
    (tmp_path / "scene.ply").write_bytes(b"no splat")
    for name in ("scene.ply", "missing.ply"):
        result = run(command, tmp_path / name)
        assert result.exit_code == 1 and name in (result.stderr if command == "export" else str(result.exception))
    assert [path.name for path in tmp_path.iterdir()] == ["scene.ply"]


def test_a_page_that_cannot_be_written_is_reported(scene: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("export", scene, tmp_path / "file" / "page.html")
    assert result.exit_code == 1 and "cannot write" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_view_prints_its_address_serves_and_ends_on_ctrl_c(scene: Path) -> None:
    command = [sys.executable, "-c", VIEW, str(scene), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert b"my &lt;scene&gt;" in answer.read()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "")
    assert "Stopped." in err and "Traceback" not in err


def test_view_opens_the_browser_unless_asked_not_to(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(server: object) -> None:
        raise KeyboardInterrupt

    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sharp_cli.viewer.server.ViewerServer.serve_forever", interrupted)
    result = run("view", scene)
    assert result.exit_code == 0
    assert opened == [result.stdout.splitlines()[0]]
    assert run("view", scene, "--no-open").exit_code == 0
    assert len(opened) == 1
