"""Frames of a video: times, rotation, colors, and what is damaged."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import OLD_PYAV, rewrite, sample_frames, write, write_clip, write_sizes

from sharp_cli.errors import SharpError
from sharp_cli.multiview.clip import inspect_clip, read_frames
from sharp_cli.multiview.clip_pixels import turn
from sharp_cli.multiview.clip_sound import copy_sound

CLOSED = {"g": "10", "keyint_min": "10", "sc_threshold": "0", "bf": "2"}
"""A keyframe every ten frames."""


def test_times_follow_the_clip_and_frames_come_in_order(tmp_path: Path) -> None:
    marks = [0, 1, 3, 4, 9, 10]
    clip = write_clip(tmp_path / "a.mp4", sample_frames(6), marks)
    np.testing.assert_allclose(inspect_clip(clip).seconds, np.array(marks) / 30, atol=1e-3)
    frames = list(read_frames(clip, every=2, start=2))
    assert [frame.number for frame in frames] == [2, 4]
    assert frames[0].pixels.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.avi", "libx264", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.mov", "libx264", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_every_container_gives_all_frames(name: str, codec: str, pixels: str, tmp_path: Path) -> None:
    pictures = sample_frames(8)
    clip = write_clip(tmp_path / name, pictures, codec=codec, pixels=pixels)
    assert len(inspect_clip(clip).seconds) == 8
    frames = list(read_frames(clip))
    assert [frame.number for frame in frames] == list(range(8))
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.pixels.astype(int) - picture).mean() < 10


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(SharpError, match=r"broken\.mp4"):
        inspect_clip(path)


@pytest.mark.skipif(OLD_PYAV, reason="it writes no rotation")
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotated_clip_is_upright(degrees: int, tmp_path: Path) -> None:
    frames = sample_frames(3)
    clip = write_clip(tmp_path / "a.mp4", frames, setup=lambda stream: stream.set_display_rotation(degrees))
    seen = next(read_frames(clip))
    assert np.abs(seen.pixels.astype(int) - np.rot90(frames[0], degrees // 90)).mean() < 6
    assert seen.size == (seen.pixels.shape[1], seen.pixels.shape[0])


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[1, 0], [0, 1]], [[0, 1, 2], [3, 4, 5]]),
        ([[-1, 0], [0, 1]], [[2, 1, 0], [5, 4, 3]]),
        ([[-1, 0], [0, -1]], [[5, 4, 3], [2, 1, 0]]),
        ([[0, 1], [-1, 0]], [[3, 0], [4, 1], [5, 2]]),
        ([[0, -1], [1, 0]], [[2, 5], [1, 4], [0, 3]]),
        ([[0, 1], [1, 0]], [[0, 3], [1, 4], [2, 5]]),
    ],
)
def test_display_matrices_turn_and_mirror(matrix: list[list[int]], expected: list[list[int]]) -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(turn(pixels, np.array(matrix, np.int32)), expected)


def test_pixels_become_square(tmp_path: Path) -> None:
    def narrow(stream: object) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)  # type: ignore[attr-defined]

    clip = write_clip(tmp_path / "a.mp4", sample_frames(2), setup=narrow)
    assert next(read_frames(clip)).pixels.shape == (48, 85, 3)


@pytest.mark.skipif(OLD_PYAV, reason="it changes the times of copied packets")
def test_frames_before_the_first_keyframe_are_missing_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", sample_frames(30), options={**CLOSED, "bf": "0"})
    clip = rewrite(whole, tmp_path / "late.mp4", lambda place: place >= 3)
    expected = {frame.number: frame.pixels for frame in read_frames(whole)}
    count = len(inspect_clip(clip).seconds)
    frames = list(read_frames(clip))
    assert count == 27 and len(frames) == 20
    assert [frame.number for frame in frames] == list(range(7, 27))
    np.testing.assert_array_equal(frames[0].pixels, expected[10])


def test_frames_after_a_damaged_part_are_read(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", sample_frames(60), options=CLOSED)
    expected = {frame.number: frame.pixels for frame in read_frames(clip)}
    data = bytearray(clip.read_bytes())
    media = data.index(b"mdat")
    index = data.index(b"moov")
    middle = (media + index) // 2
    data[middle - 600 : middle] = np.random.default_rng(0).bytes(600)
    clip.write_bytes(data)
    frames = list(read_frames(clip))
    assert 20 < len(frames) <= 60
    assert frames[-1].number == 59
    np.testing.assert_array_equal(frames[-1].pixels, expected[59])


def test_a_file_that_breaks_off_gives_the_frames_before(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv", sample_frames(60), options=CLOSED)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    count = len(inspect_clip(clip).seconds)
    assert 20 <= count < 60
    assert [frame.number for frame in read_frames(clip)][:20] == list(range(20))


def test_sizes_of_one_shape_become_one_and_other_shapes_stay(tmp_path: Path) -> None:
    clip = write_sizes(tmp_path / "a.mkv", [(48, 64), (96, 128), (64, 48), (48, 64)])
    frames = list(read_frames(clip))
    assert [frame.pixels.shape[:2] for frame in frames] == [(48, 64), (48, 64), (64, 48), (48, 64)]
    assert {frame.size for frame in frames} == {(64, 48)}
    assert next(read_frames(clip, start=1)).size == (64, 48)  # whichever frame is read first


def test_the_colors_of_sharps_own_films_come_back(tmp_path: Path) -> None:
    """They are BT.709, which smaller videos are not by default."""
    colors = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [128, 128, 128]], np.uint8)
    picture = np.broadcast_to(colors.repeat(16, 0), (48, 64, 3)).copy()
    clip = write(tmp_path / "a.mp4", "mp4", [picture] * 2)
    seen = next(read_frames(clip)).pixels[24, 8::16].astype(int)
    assert np.abs(seen - colors).max() <= 4


@pytest.mark.skipif(OLD_PYAV, reason="it writes no BT.2020")
@pytest.mark.parametrize(("code", "name", "gray"), [(16, "PQ", 0.5807), (18, "HLG", 0.75)])
def test_hdr_is_mapped_with_its_white_and_noted(code: int, name: str, gray: float, tmp_path: Path) -> None:
    def declare(stream: object) -> None:
        context = stream.codec_context  # type: ignore[attr-defined]
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, code, 1

    picture = np.zeros((48, 64, 3), np.uint16)
    picture[:, :32] = round(gray * 65535)
    picture[:, 32:] = np.array([0.5, 0.44, 0.44]) * 65535
    curve = {16: "smpte2084", 18: "arib-std-b67"}[code]
    options = {"x265-params": f"colorprim=bt2020:transfer={curve}:colormatrix=bt2020nc:log-level=error"}
    clip = write_clip(
        tmp_path / "a.mp4", [picture] * 2, codec="libx265", pixels="yuv420p10le", options=options, setup=declare
    )
    note = inspect_clip(clip).note
    assert note is not None and name in note and "BT.2020" in note
    pixels = next(read_frames(clip)).pixels
    assert pixels[24, 8].min() >= 250  # 203 nits are white
    red = pixels[24, 56].astype(int)
    assert red[0] > red[1] + 20 and abs(red[1] - red[2]) < 12


def test_sound_is_copied_from_the_first_picture_on(tmp_path: Path) -> None:
    silent = write_clip(tmp_path / "silent.mp4", sample_frames(3))
    assert not copy_sound(silent, tmp_path / "none.m4a")
    assert not (tmp_path / "none.m4a").exists()
    late = write_clip(tmp_path / "late.mkv", sample_frames(30), [30 + i for i in range(30)], sound=("aac", 2.5))
    assert copy_sound(late, tmp_path / "late.m4a")
    with av.open(str(tmp_path / "late.m4a")) as sound:
        assert sound.streams.audio[0].codec_context.name == "aac"
        length = sum(frame.samples for frame in sound.decode(audio=0)) / 48000
    assert length == pytest.approx(1.5, abs=0.1)


def test_sound_that_mp4_cannot_hold_becomes_aac(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", sample_frames(15), codec="mpeg4", sound=("pcm_s16le", 0.5))
    assert copy_sound(clip, tmp_path / "a.m4a")
    with av.open(str(tmp_path / "a.m4a")) as sound:
        assert sound.streams.audio[0].codec_context.name == "aac"
        assert sum(frame.samples for frame in sound.decode(audio=0)) / 48000 == pytest.approx(0.5, abs=0.06)
