"""A photo on stdin, a splat on stdout, photos from the web, and what opens at the end."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from commands import Finished, sharp, sharp_process
from PIL import Image

from sharp_cli import read_splat
from sharp_cli.cli import convert as command


def photo_bytes(kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


PHOTO = photo_bytes()


@pytest.fixture
def convert(tiny_weights: Path, tmp_path: Path):
    def run(*words: object, stdin: bytes = b"") -> Finished:
        options = ("--weights", tiny_weights, "--device", "cpu")
        return sharp("convert", *words, *options, cwd=tmp_path, stdin=stdin)

    return run


class Photos(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()
        self.wfile.write(PHOTO)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Photos) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_a_photo_on_stdin_is_known_by_its_content(kind: str) -> None:
    from sharp_cli.cli.elsewhere import is_photo

    assert is_photo(photo_bytes(kind))


def test_a_list_is_not_a_photo() -> None:
    from sharp_cli.cli.elsewhere import is_photo

    for text in (b"", b"a.jpg\nb.jpg\n", b"\xff\xfea\0.\0j\0p\0g\0", b"\xef\xbb\xbfa.jpg", b"a.jpg\0b.jpg\0"):
        assert not is_photo(text)


def test_a_photo_goes_from_stdin_to_a_file(convert, tmp_path: Path) -> None:
    run = convert("-", "-o", "a.spz", stdin=PHOTO)
    assert run.returncode == 0, run.stderr
    assert len(read_splat(tmp_path / "a.spz")) == 131_072
    assert [path.name for path in tmp_path.iterdir()] == ["a.spz"]


def test_a_photo_goes_from_stdin_to_stdout(tiny_weights: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    words = ["convert", "-", "-o", "-", "--format", "splat", "--weights", str(tiny_weights), "--device", "cpu"]
    run = subprocess.run([sys.executable, "-m", "sharp_cli", *words], input=PHOTO, capture_output=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout) == 131_072 * 32
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "stdin", "reason"),
    [
        (("-",), PHOTO, "--out"),
        (("-", "a.jpg", "-o", "x"), PHOTO, "alone"),
        (("a.jpg", "b.jpg", "-o", "-"), b"", "one photo"),
        (("a.jpg", "-o", "-", "--json", "-"), b"", "stdout"),
        (("a.jpg", "-o", "-", "--render"), b"", "stdout"),
        (("a.jpg", "--render", "--preview-film"), b"", "--render"),
        (("a.jpg", "b.jpg", "--open"), b"", "name one"),
        (("a.jpg", "https://x.org/a.jpg"), b"", "--out"),
    ],
)
def test_what_makes_no_sense_is_refused(convert, words: tuple[str, ...], stdin: bytes, reason: str) -> None:
    run = convert(*words, stdin=stdin)
    assert run.returncode == 2
    assert reason in run.stderr


def test_photos_from_the_web_become_splats_here_and_a_missing_one_does_not_stop_them(
    convert, server: str, tmp_path: Path
) -> None:
    addresses = [f"{server}/a%20b.jpg", f"{server}/missing.jpg"]
    plan = convert(*addresses, "--dry-run")
    assert plan.stdout.splitlines()[0] == f"make  {addresses[0]} → a b.ply"
    run = convert(*addresses, "--json", "-")
    assert run.returncode == 1
    assert "404" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a b.ply"]
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert {line["event"] for line in events} == {"started", "progress", "done", "failed", "summary"}
    again = convert(addresses[0])
    assert again.returncode == 0
    assert "nothing to do" in again.stderr


def test_one_photo_that_is_missing_from_the_web_fails_in_one_line(convert, server: str, tmp_path: Path) -> None:
    for out in ("a.ply", "-"):
        run = convert(f"{server}/missing.jpg", "-o", out)
        assert (run.returncode, run.stdout) == (1, "")
        assert run.stderr.count("404") == 1
    assert list(tmp_path.iterdir()) == []


def test_open_shows_the_splat(convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Path] = []
    monkeypatch.setattr(command, "show", shown.append)
    (tmp_path / "a.jpg").write_bytes(PHOTO)
    assert convert("a.jpg", "--open", "--preview-film").returncode == 0
    assert shown == [Path("a.ply")]
    assert (tmp_path / "a.mp4").stat().st_size > 1000


def test_debug_writes_a_file_for_bug_reports(tmp_path: Path) -> None:
    env = {"TMPDIR": str(tmp_path)}
    run = sharp_process("inspect", "none.ply", "--debug", cwd=tmp_path, env=env)
    assert run.returncode == 1
    assert "Traceback" in run.stderr and "for a bug report" in run.stderr
    (bundle,) = tmp_path.glob("sharp-*.txt")
    text = bundle.read_text(encoding="utf-8")
    assert "inspect none.ply" in text and "Traceback" in text and '"subject": "device"' in text
