"""Videos to steady frames: times, rotation, a scale that does not flicker, resuming, and films of the frames."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import sample_frames
from commands import sharp
from panoramas import splat_of_depth

from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import read_splat
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.multiview.clip import frame_times, read_frames
from sharp_cli.multiview.steady import Steadier
from sharp_cli.render.encode import read_facts


def write_clip(path: Path, frames: list[np.ndarray], marks: list[int] | None = None) -> Path:
    """An .mp4 whose frames are shown at ``marks`` thirtieths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 30)
        for mark, frame in zip(marks or range(len(frames)), frames, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = mark, Fraction(1, 30)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def room_splat(scale: float, shift: float = 0.0) -> Gaussians:
    x, y = np.meshgrid(np.linspace(-1, 1, 96), np.linspace(-1, 1, 64))
    depth = 3 + np.sin(3 * x + shift) + 0.5 * y
    return splat_of_depth(np.full((64, 96, 3), 128, np.uint8), scale * depth, 80.0)


def test_times_follow_the_clip_and_frames_come_in_order(tmp_path: Path) -> None:
    marks = [0, 1, 3, 4, 9, 10]
    clip = write_clip(tmp_path / "a.mp4", sample_frames(6), marks)
    np.testing.assert_allclose(frame_times(clip), np.array(marks) / 30, atol=1e-3)
    frames = list(read_frames(clip, every=2, start=2))
    assert [frame.number for frame in frames] == [2, 4]
    assert frames[1].seconds == pytest.approx(9 / 30, abs=1e-3)
    assert frames[0].pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(SharpError, match=r"broken\.mp4"):
        frame_times(path)


def test_flicker_is_removed_and_slow_motion_stays() -> None:
    rng = np.random.default_rng(0)
    flicker = rng.normal(0, 0.1, 60)
    steadier = Steadier()
    left = [
        float(value + steadier.follow(room_splat(np.exp(value), shift=0.01 * index)))
        for index, value in enumerate(flicker)
    ]
    assert np.std(left[5:]) < 0.25 * np.std(flicker[5:])


def test_a_cut_starts_anew() -> None:
    steadier = Steadier()
    steadier.follow(room_splat(1.0))
    assert steadier.follow(room_splat(1.3)) != 0
    assert steadier.follow(room_splat(1.0, shift=3.0)) == 0.0


def test_a_clip_becomes_frames_that_resume_and_a_film(tiny_weights: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", sample_frames(6))
    words = ("convert", "clip.mp4", "--every", 2, "-o", "frames", "--weights", tiny_weights)
    run = sharp(*words, "--format", "ply", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    frames = sorted((tmp_path / "frames").glob("*.ply"))
    assert [path.name for path in frames] == [f"frame_{number:05d}.ply" for number in range(3)]
    assert json.loads((tmp_path / "frames" / "clip.json").read_text())["fps"] == pytest.approx(15, rel=0.01)
    whole = [path.read_bytes() for path in frames]
    frames[2].unlink()
    run = sharp(*words, "--format", "ply", cwd=tmp_path)
    assert "1 made, 2 skipped" in run.stderr
    again = read_splat(frames[2])
    frames[1].write_bytes(whole[1])
    frames[2].write_bytes(whole[2])
    np.testing.assert_allclose(again.means, read_splat(frames[2]).means, rtol=1e-3, atol=1e-5)
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
