"""`sharp convert` on folders: broken photos, killed runs, odd names, lists and plans."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import Finished, sharp
from PIL import Image

from sharp_cli import read_ply

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals, links and names as POSIX has them")


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "sharp_cli", "convert", *map(str, words)]


def convert(*words: object, cwd: Path, stdin: bytes = b"") -> Finished:
    return sharp("convert", *words, cwd=cwd, stdin=stdin)


def ended(run: Finished) -> list[dict[str, str]]:
    """The photos of a run with ``--json -``, in the order of their names."""
    events = map(json.loads, run.stdout.splitlines())
    return sorted((line for line in events if line["event"] in ("done", "failed")), key=lambda line: line["input"])


def encoded(seed: int, kind: str = "JPEG") -> bytes:
    """A small photo of its own."""
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def fill(folder: Path, count: int) -> None:
    """Photos in three folders, and ten that are broken in ten ways."""
    for index in range(count):
        place = folder / ("", "2024", "2024/june")[index % 3]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"photo {index:03}.jpg").write_bytes(encoded(index))
    png = encoded(0, "PNG")
    broken = {
        "b0 empty.jpg": b"",
        "b1 cut.jpg": encoded(0)[:300],
        "b2 text.jpg": b"no picture at all",
        "b3 header only.png": png[:20],
        "b4 bomb.png": png[:16] + (60_000).to_bytes(4, "big") * 2 + png[24:],
        "b5 damaged.png": png[:60] + b"\0" * 40 + png[100:],
        "b6 riff.webp": b"RIFF\x10\0\0\0WEBPVP8 \0\0\0\0",
        "b7 page.tif": b"II*\0\x08\0\0\0\xff\xff",
    }
    for name, data in broken.items():
        (folder / name).write_bytes(data)
    (folder / "b8 folder.jpg").mkdir()
    (folder / "b9 link.jpg").symlink_to("nowhere.jpg")


@posix
@pytest.mark.slow
def test_broken_photos_are_reported_one_by_one_and_a_killed_run_is_resumed(tiny_weights: Path, tmp_path: Path) -> None:
    count = 15
    fill(tmp_path / "in", count)
    words = ("in", "-o", "out", "--weights", tiny_weights, "--json", "record.json", "--device", "cpu")
    chance = random.Random(7)
    made_at: dict[Path, float] = {}
    for _ in range(3):
        with subprocess.Popen(command(*words), cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stderr is not None
            made = 0
            while made < chance.randint(1, 3):  # a line for every splat
                line = process.stderr.readline()
                assert line, "it ended by itself"
                made += line.startswith(b"[")
            process.kill()
            process.communicate()
        for path in tmp_path.glob("out/**/*.ply"):
            assert made_at.setdefault(path, path.stat().st_mtime_ns) == path.stat().st_mtime_ns, "made twice"
        record = json.loads((tmp_path / "record.json").read_text())
        assert record["state"] == "running"
        assert len(record["items"]) == count + 10
    assert 0 < len(made_at) < count

    run = convert(*words, cwd=tmp_path)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    reasons = [line for line in run.stderr.splitlines() if line.startswith("failed: ")]
    assert len(reasons) == 10
    assert sorted(line.split("in/")[1][:2] for line in reasons) == [f"b{i}" for i in range(10)]

    outputs = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert [p.relative_to(tmp_path / "out") for p in outputs] == sorted(
        p.relative_to(tmp_path / "in").with_suffix(".ply") for p in (tmp_path / "in").rglob("photo*.jpg")
    )
    for path in outputs:
        assert made_at.setdefault(path, path.stat().st_mtime_ns) == path.stat().st_mtime_ns, "made twice"
    assert len(read_ply(outputs[0])) == 131_072
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["state"] == "finished"
    statuses = [item["status"] for item in record["items"]]
    assert (statuses.count("failed"), statuses.count("pending")) == (10, 0)
    assert statuses.count("made") + statuses.count("skipped") == count
    assert all(item["reason"] for item in record["items"] if item["status"] == "failed")


@posix
def test_odd_names_lists_and_settings(tiny_weights: Path, tmp_path: Path) -> None:
    """One process after another, each with what the one before has left."""
    names = ["-dash.jpg", "😀 b.jpg", "n" * 251 + ".jpg", os.fsdecode(b"\xff.jpg"), "two\nlines.jpg"]
    for index, name in enumerate(names):
        (tmp_path / name).write_bytes(encoded(index))
    (tmp_path / "😀 b.png").write_bytes(encoded(9, "PNG"))
    options = ("--weights", tiny_weights, "--device", "cpu")

    listed = b"\0".join(os.fsencode(name) for name in names)
    run = convert("-", *options, cwd=tmp_path, stdin=listed)
    assert run.returncode == 0, run.stderr
    assert "→ 😀 b.ply (focal length 28 px: none in EXIF, 30 mm equivalent assumed)" in run.stderr
    assert {p.name for p in tmp_path.glob("*.ply")} == {name.removesuffix(".jpg") + ".ply" for name in names}

    plan = convert(".", "--dry-run", *options, cwd=tmp_path)
    assert plan.returncode == 0
    assert sorted(line[:4] for line in plan.stdout.splitlines()) == ["make"] + ["skip"] * 5
    assert "make  😀 b.png → 😀 b.png.ply" in plan.stdout

    run = convert("-q", *options, "--json", "-", "--", "-dash.jpg", "😀 b.*", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert [(item["input"], item["status"]) for item in ended(run)] == [
        ("-dash.jpg", "skipped"), ("😀 b.jpg", "skipped"), ("😀 b.png", "made"),
    ]  # fmt: skip

    before = (tmp_path / "-dash.ply").read_bytes()
    assert convert("-q", *options, "--overwrite", "./-dash.jpg", cwd=tmp_path).returncode == 0
    assert (tmp_path / "-dash.ply").read_bytes() == before, "the same photo, weights and settings"
    assert convert("-q", *options, "--fov", "60", "./-dash.jpg", cwd=tmp_path).returncode == 0
    camera = read_ply(tmp_path / "-dash.ply").camera
    assert camera is not None
    assert camera.focal_px == pytest.approx(16 / np.tan(np.radians(30)))


def test_only_a_complete_splat_of_ours_counts_as_done(tiny_weights: Path, tmp_path: Path) -> None:
    photo, splat = tmp_path / "a.jpg", tmp_path / "a.ply"
    photo.write_bytes(encoded(0))
    options = ("a.jpg", "--weights", tiny_weights, "--device", "cpu", "--json", "-")

    def status() -> tuple[str, str]:
        (item,) = ended(convert(*options, cwd=tmp_path))
        return item["status"], item.get("reason", "")

    assert status() == ("made", "")
    whole = splat.read_bytes()
    splat.write_bytes(whole[:-1])
    assert status() == ("made", "")
    assert splat.read_bytes() == whole
    photo.write_bytes(encoded(1))
    assert status() == ("made", "")
    foreign = b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n"
    splat.write_bytes(foreign)
    assert status()[0] == "failed"
    assert "exists" in status()[1]
    assert splat.read_bytes() == foreign


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_reports_what_is_left(tiny_weights: Path, tmp_path: Path, number: int, code: int) -> None:
    for index in range(200):
        (tmp_path / f"{index}.jpg").write_bytes(encoded(index))
    words = command(".", "-o", "out", "--weights", tiny_weights, "--device", "cpu", "--json", "record.json")
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("[1/200]"):
            assert "network" in line, "only how far it is comes before, on a slow machine"
        process.send_signal(number)
        shown = process.communicate(timeout=120)[1]
    assert process.returncode == code
    assert "Traceback" not in shown
    assert "of 200 photos are left" in shown
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["state"] == "interrupted"
    made = [item["output"] for item in record["items"] if item["status"] == "made"]
    assert sorted(made) == sorted(f"out/{p.name}" for p in (tmp_path / "out").iterdir())


def test_weights_that_do_not_load_end_the_run_at_once(tmp_path: Path) -> None:
    for index in range(3):
        (tmp_path / f"{index}.jpg").write_bytes(encoded(index))
    (tmp_path / "w.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    run = convert(".", "--weights", "w.safetensors", cwd=tmp_path)
    assert run.returncode == 1
    assert run.stderr.count("w.safetensors") == 1
    assert "3 of 3 photos are left" in run.stderr
