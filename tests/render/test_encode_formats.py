"""What each format promises, checked with its decoder."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from clips import FACTS, sample_frames, write
from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.render.encode import mp4, open_encoder, read_facts


def decoded(path: Path) -> tuple[np.ndarray, av.VideoFrame]:
    """All frames as RGB by their own color tags, and the first as decoded."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert {(f.colorspace, f.color_range) for f in frames} == {(1, 1)}
    pictures = [f.to_ndarray(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG") for f in frames]
    return np.stack(pictures), frames[0]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * math.log10(255**2 / max(np.square(a.astype(float) - b).mean(), 1e-9))


@pytest.mark.parametrize("fps", [30, Fraction(30000, 1001), 12.5])
def test_an_mp4_is_what_players_want(tmp_path: Path, fps: float | Fraction) -> None:
    frames = sample_frames(25)
    path = write(tmp_path / "clip.mp4", "mp4", frames, fps)
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height, video.frames) == (64, 48, 25)
        assert video.average_rate == rate
        assert video.duration is not None and video.time_base is not None
        assert video.duration * video.time_base == 25 / rate
        context = video.codec_context
        assert (context.colorspace, context.color_range) == (1, 1)
        assert (context.color_primaries, context.color_trc) == (1, 1)
    pictures, _ = decoded(path)
    assert pictures.shape == (25, 48, 64, 3)
    assert psnr(pictures, np.stack(frames)) > 30  # 4:2:0 lets the yellow square bleed into blue


def test_an_mp4_has_its_index_in_front(tmp_path: Path) -> None:
    data = write(tmp_path / "clip.mp4", "mp4", sample_frames()).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert b"nclx" in data  # the colors are marked in the container too


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)])
def test_flat_colors_come_back_from_an_mp4(tmp_path: Path, color: tuple[int, int, int]) -> None:
    """Taking BT.601 for BT.709 somewhere would move red and green by 20 and more."""
    frame = np.full((64, 64, 3), color, np.uint8)
    _, first = decoded(write(tmp_path / "clip.mp4", "mp4", [frame] * 3))
    planes = first.to_ndarray()  # by the standard's formulas, not by the converter that wrote it
    y = (planes[:64].astype(float) - 16) / 219
    u, v = ((planes[64:].reshape(2, -1).astype(float) - 128) / 224).reshape(2, 32, 32)
    y, red, blue = y[::2, ::2], 1.5748 * v, 1.8556 * u
    green = -(0.2126 * red + 0.0722 * blue) / 0.7152
    rgb = 255 * np.stack([y + red, y + green, y + blue], axis=-1)
    assert np.abs(rgb - color).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(63, 48), (64, 47), (63, 47), (1, 1)])
def test_odd_sizes_of_an_mp4_are_padded_without_a_shift(tmp_path: Path, width: int, height: int) -> None:
    frames = sample_frames(3, width=width, height=height)
    margin = ((0, height % 2), (0, width % 2), (0, 0))
    padded = [np.pad(frame, margin, mode="edge") for frame in frames]
    found, _ = decoded(write(tmp_path / "odd.mp4", "mp4", frames))
    expected, _ = decoded(write(tmp_path / "even.mp4", "mp4", padded))
    assert found.shape[1:3] == (height + height % 2, width + width % 2)
    assert (found == expected).all()


def test_without_x264_another_encoder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4, "ENCODERS", ("x264-that-is-missing", "mpeg4"))
    path = write(tmp_path / "clip.mp4", "mp4", sample_frames())
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
        assert len(list(container.decode(video=0))) == 5
    monkeypatch.setattr(mp4, "ENCODERS", ("x264-that-is-missing",))
    with pytest.raises(SharpError, match="has no H"):
        write(tmp_path / "other.mp4", "mp4", sample_frames())


@pytest.mark.parametrize(("format", "quality"), [("gif", 30), ("webp", 26)])
@pytest.mark.parametrize("fps", [7, 30, Fraction(30000, 1001), 50])
def test_frames_and_times_of_animated_images(tmp_path: Path, format: str, quality: float, fps: float) -> None:
    frames = sample_frames(12, width=96)  # the frame before or after instead has 17 dB
    with Image.open(write(tmp_path / "clip", format, frames, fps)) as image:
        assert (image.n_frames, image.size) == (12, (96, 48))  # type: ignore[attr-defined]
        assert image.info["loop"] == 0
        durations = []
        for index, frame in enumerate(frames):
            image.seek(index)
            assert psnr(np.asarray(image.convert("RGB")), frame) > quality
            durations.append(image.info["duration"])
    step = 10 if format == "gif" else 2
    assert max(durations) - min(durations) <= step
    assert abs(sum(durations) - 12_000 / fps) <= step


@pytest.mark.parametrize("format", ["gif", "webp"])
def test_an_animation_may_play_once(tmp_path: Path, format: str) -> None:
    with Image.open(write(tmp_path / "clip", format, sample_frames(), loop=False)) as image:
        assert image.info.get("loop", 1) == 1


def test_still_frames_keep_their_time_in_a_gif(tmp_path: Path) -> None:
    with Image.open(write(tmp_path / "clip", "gif", sample_frames(1) * 20, 10)) as image:
        total = 0
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(index)
            total += image.info["duration"]
    assert total == 2000


def test_a_gif_takes_a_new_palette_for_a_new_scene(tmp_path: Path) -> None:
    one = sample_frames(1)[0]
    other = np.ascontiguousarray(one[..., ::-1])
    with Image.open(write(tmp_path / "clip", "gif", [one, one, other])) as image:
        image.seek(2)
        assert psnr(np.asarray(image.convert("RGB")), other) > 30


def test_a_gif_has_a_highest_rate(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match="at most 50 frames"):
        write(tmp_path / "clip.gif", "gif", sample_frames(), fps=60)


def clear_frames(count: int) -> list[np.ndarray]:
    """A square at half alpha and one that moves 4 px per frame, and nothing else."""
    frames = np.zeros((count, 32, 32, 4), np.uint8)
    frames[:, :16, 16:] = 180, 90, 60, 128
    for i in range(count):
        frames[i, 20:28, 4 * i : 4 * i + 8] = 20, 200, 90, 255
    return list(frames)


@pytest.mark.parametrize("count", [1, 4])
def test_webp_keeps_straight_alpha(tmp_path: Path, count: int) -> None:
    path = write(tmp_path / "clip.webp", "webp", clear_frames(count))
    assert read_facts(path, "webp")
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == count
        description = "".join(ElementTree.fromstring(image.info["xmp"]).itertext())
        assert json.loads(description) == {"sharp": FACTS}
        for index in range(count):
            image.seek(index)
            pixels = np.asarray(image.convert("RGBA")).astype(int)
            assert (pixels[..., 3] == clear_frames(count)[index][..., 3]).all()
            assert np.abs(pixels[4:12, 20:28, :3] - (180, 90, 60)).max() <= 10


@pytest.mark.parametrize("frames", [sample_frames(3), clear_frames(3)], ids=["rgb", "rgba"])
def test_png_frames_are_exact(tmp_path: Path, frames: list[np.ndarray]) -> None:
    folder = write(tmp_path / "clip", "png", frames)
    assert sorted(p.name for p in folder.iterdir()) == ["frame_00000.png", "frame_00001.png", "frame_00002.png"]
    for path, frame in zip(sorted(folder.iterdir()), frames, strict=True):
        with Image.open(path) as image:
            assert (np.asarray(image) == frame).all()


def test_png_keeps_16_bits_of_depth(tmp_path: Path) -> None:
    depth = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    folder = write(tmp_path / "depth", "png", [depth, depth[::-1].copy()])
    with Image.open(folder / "frame_00000.png") as first, Image.open(folder / "frame_00001.png") as second:
        assert first.mode == "I;16"
        assert (np.asarray(first) == depth).all()
        assert (np.asarray(second) == depth[::-1]).all()


def test_a_folder_of_frames_is_replaced_whole(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", "png", sample_frames(4))
    (folder / ".DS_Store").touch()
    write(folder, "png", sample_frames(2))
    assert len(list(folder.iterdir())) == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    write(empty, "png", sample_frames(2))
    assert len(list(empty.iterdir())) == 2


def test_files_of_others_in_the_folder_are_safe(tmp_path: Path) -> None:
    ours = write(tmp_path / "ours", "png", sample_frames(2))
    (ours / "notes.txt").write_text("mine")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    Image.new("RGB", (2, 2)).save(foreign / "frame_00000.png")
    for folder in (ours, foreign):
        before = sorted(folder.iterdir())
        with pytest.raises(SharpError, match="contains other files"):
            write(folder, "png", sample_frames(2))
        assert sorted(folder.iterdir()) == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SharpError, match="it is a file"):
        write(tmp_path / "file", "png", sample_frames(2))
    assert read_facts(foreign, "png") == {}


def test_files_that_come_while_frames_are_made_are_safe_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", "png", sample_frames(2), facts={"version": "old"})
    with (
        pytest.raises(SharpError, match="contains other files"),
        open_encoder(folder, "png", fps=30, facts={}) as encoder,
    ):
        encoder.add(sample_frames(1)[0])
        (folder / "notes.txt").write_text("mine")
    assert (folder / "notes.txt").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [folder]


def test_missing_frames_are_noticed(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", "png", sample_frames(4))
    (folder / "frame_00002.png").unlink()
    with pytest.raises(SharpError, match="1 of its 4 frames"):
        read_facts(folder, "png")
    write(folder, "png", sample_frames(4))  # and writing it again repairs it
    assert read_facts(folder, "png")
