"""Videos to steady frames that resume, and films of the frames."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from clips import OLD_PYAV, rewrite, sample_frames, write_clip, write_sizes, write_tone
from commands import sharp

from sharp_cli.render.encode import read_facts


def load_scale(path: Path) -> float:
    with np.load(path) as found:
        return float(found["correction"])


def fading_frames(count: int) -> list[np.ndarray]:
    """A picture that stands still and becomes darker, so that even a random network sees nearly the same."""
    picture = np.random.default_rng(3).integers(0, 256, (6, 8, 3)).repeat(8, 0).repeat(8, 1)
    return [(picture * (1 - 0.02 * index)).astype(np.uint8) for index in range(count)]


def test_a_clip_becomes_frames_that_resume_and_a_film(tiny_weights: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", fading_frames(6))
    words = ("convert", "clip.mp4", "--every", 2, "-o", "frames", "--weights", tiny_weights)
    run = sharp(*words, "--format", "ply", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    frames = sorted((tmp_path / "frames").glob("*.ply"))
    assert [path.name for path in frames] == [f"frame_{number:05d}.ply" for number in range(3)]
    assert json.loads((tmp_path / "frames" / "clip.json").read_text())["fps"] == pytest.approx(15, rel=0.01)
    whole = [path.read_bytes() for path in frames]
    frames[1].unlink()
    run = sharp(*words, "--format", "ply", cwd=tmp_path)
    assert "1 made, 2 skipped" in run.stderr
    assert [path.read_bytes() for path in frames] == whole
    run = sharp("render", "frames", "-o", "film.mp4", "--size", 64, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "source" in read_facts(tmp_path / "film.mp4", "mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 3


def test_videos_are_converted_alone(tmp_path: Path) -> None:
    run = sharp("convert", "a.mp4", "b.jpg", cwd=tmp_path)
    assert run.returncode == 2
    assert "one video" in run.stderr
    run = sharp("convert", "a.mp4", cwd=tmp_path)
    assert run.returncode == 1
    assert "a.mp4" in run.stderr and "Traceback" not in run.stderr


@pytest.mark.parametrize("sound", [("aac", 0.2), ("aac", 2.0), ("pcm_s16le", 0.2), None])
def test_films_have_the_sound_as_long_as_the_picture(
    sound: tuple[str, float] | None, tiny_weights: Path, tmp_path: Path
) -> None:
    write_clip(tmp_path / "clip.mov", sample_frames(6), sound=sound)
    run = sharp("convert", "clip.mov", "--every", 3, "-o", "frames", "--weights", tiny_weights, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "frames" / "sound.m4a").is_file() == (sound is not None)
    words = ("render", "frames", "-o", "film.mp4", "--stereo", "sbs", "--depth", "--size", 64)
    run = sharp(*words, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert film.streams.video[0].width == 128
        pictures = [frame.time for frame in film.decode(video=0)]
        assert pictures == pytest.approx([0.0, 0.1])
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert bool(film.streams.audio) == (sound is not None)
        if sound is not None:
            assert sum(frame.samples for frame in film.decode(audio=0)) / 48000 == pytest.approx(0.2, abs=0.05)
    with av.open(str(tmp_path / "film-depth.mp4")) as depth:
        assert not depth.streams.audio


def test_a_film_follows_uneven_times_and_is_made_again_when_frames_came(tiny_weights: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", sample_frames(4), [0, 3, 6, 15])
    words = ("convert", "clip.mkv", "-o", "frames", "--weights", tiny_weights)
    assert sharp(*words, cwd=tmp_path).returncode == 0
    (tmp_path / "frames" / "frame_00001.ply").unlink()
    film = ("render", "frames", "--size", 64)
    run = sharp(*film, cwd=tmp_path)
    assert "1 frames are missing" in run.stderr
    with av.open(str(tmp_path / "frames.mp4")) as video:
        assert [frame.time for frame in video.decode(video=0)] == pytest.approx([k / 10 for k in range(6)], abs=1e-3)
    assert "1 skipped" in sharp(*film, cwd=tmp_path).stderr
    assert sharp(*words, cwd=tmp_path).returncode == 0
    assert "1 made" in sharp(*film, cwd=tmp_path).stderr


def test_a_bad_frame_fails_alone(tiny_weights: Path, tmp_path: Path) -> None:
    write_sizes(tmp_path / "clip.mkv", [(48, 64), (64, 48), (48, 64)])
    run = sharp("convert", "clip.mkv", "-o", "frames", "--weights", tiny_weights, cwd=tmp_path)
    assert run.returncode == 1
    assert "frame 1 of clip.mkv: the shape changes within the clip (64 × 48 and 48 × 64)" in run.stderr
    assert sorted(path.name for path in (tmp_path / "frames").glob("*.ply")) == ["frame_00000.ply", "frame_00002.ply"]


@pytest.mark.skipif(OLD_PYAV, reason="it changes the times of copied packets")
def test_frames_before_the_first_keyframe_fail_alone(tiny_weights: Path, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", sample_frames(12), options={"g": "5", "keyint_min": "5", "bf": "0"})
    rewrite(whole, tmp_path / "late.mp4", lambda place: place >= 3)
    run = sharp("convert", "late.mp4", "--every", 4, "-o", "late", "--weights", tiny_weights, cwd=tmp_path)
    assert run.returncode == 1
    assert "cannot read frame 0 of late.mp4: it is missing or damaged" in run.stderr
    assert sorted(path.name for path in (tmp_path / "late").glob("*.ply")) == ["frame_00001.ply", "frame_00002.ply"]


def test_a_plan_writes_nothing(tiny_weights: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", sample_frames(3), sound=("aac", 0.2))
    run = sharp("convert", "clip.mp4", "--weights", tiny_weights, "--dry-run", cwd=tmp_path)
    assert run.returncode == 0 and run.stdout.count("frame_") == 3
    assert not (tmp_path / "clip_frames").exists()


@pytest.mark.parametrize(
    "words", [("--render",), ("--preview-film",), ("--open",), ("--shard", "1/2"), ("-o", "-"), ("-o", "a.ply")]
)
def test_what_a_video_cannot_have_is_refused(words: tuple[str, ...], tiny_weights: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", sample_frames(2))
    run = sharp("convert", "clip.mp4", "--weights", tiny_weights, *words, cwd=tmp_path)
    assert run.returncode == 2
    assert "video" in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


def test_a_sound_of_someone_else_stays(tiny_weights: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", sample_frames(2), sound=("aac", 0.1))
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "sound.m4a").write_bytes(b"mine")
    run = sharp("convert", "clip.mp4", "-o", "frames", "--weights", tiny_weights, cwd=tmp_path)
    assert run.returncode == 1 and "was not made by sharp" in run.stderr
    assert (tmp_path / "frames" / "sound.m4a").read_bytes() == b"mine"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_clip_goes_on_and_ends_as_if_it_had_not_been(tiny_weights: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", fading_frames(9), sound=("aac", 0.2))
    words = ["convert", "clip.mp4", "--weights", str(tiny_weights), "--device", "cpu", "-o"]
    command = [sys.executable, "-m", "sharp_cli", *words, "killed"]
    made: dict[str, int] = {}
    for _ in range(2):
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if b"frame_" in line and b"scale" in line:
                    process.kill()
                    break
            process.stderr.read()
        frames = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("frame_*.ply")}
        assert made.items() <= frames.items(), "a frame was lost or made twice"
        assert len(made) < len(frames)
        made = frames
    for folder in ("killed", "whole"):
        run = sharp(*words, folder, cwd=tmp_path)
        assert run.returncode == 0, run.stderr
    frames = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("frame_*.ply")}
    assert made.items() <= frames.items() and len(frames) == 9

    def contents(folder: str) -> dict[str, bytes]:
        files = [path for path in (tmp_path / folder).rglob("*") if path.is_file() and path.suffix != ".m4a"]
        return {str(path.relative_to(tmp_path / folder)): path.read_bytes() for path in files}

    assert contents("killed") == contents("whole")
    scales = [load_scale(tmp_path / "whole" / "steady" / f"frame_{number:05d}.npz") for number in range(1, 9)]
    assert 0.0 not in scales, "the frames had nothing to do with each other"


def test_a_black_frame_keeps_the_scale_and_a_video_of_sound_alone_is_refused(
    tiny_weights: Path, tmp_path: Path
) -> None:
    frames = fading_frames(5)
    frames[2] = np.zeros_like(frames[2])
    write_clip(tmp_path / "clip.mp4", frames)
    words = ("--weights", tiny_weights, "--json", "run.json")
    run = sharp("convert", "clip.mp4", *words, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    items = json.loads((tmp_path / "run.json").read_text())["items"]
    scales = [item["log_scale"] for item in items]
    assert scales[2] == scales[1] != 0.0
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        write_tone(container, "aac", 0.2)
    run = sharp("convert", "sound.mp4", *words, cwd=tmp_path)
    assert run.returncode == 1
    assert "cannot use sound.mp4: it has no video" in run.stderr
