"""Written animations, decoded again: what holds for every format, and how writing fails."""

from __future__ import annotations

import errno
import os
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import FACTS, sample_frames, write

from sharp_cli.errors import SharpError
from sharp_cli.render.encode import encoder as encoding
from sharp_cli.render.encode import open_encoder, read_facts
from sharp_cli.render.encode.encoder import KINDS, READERS
from sharp_cli.runtime.files import atomic_write

FORMATS = list(READERS)


@pytest.fixture(params=FORMATS)
def format(request: pytest.FixtureRequest) -> str:
    return request.param


def test_facts_come_back(tmp_path: Path, format: str) -> None:
    assert read_facts(write(tmp_path / "clip", format, sample_frames()), format) == FACTS
    assert read_facts(write(tmp_path / "one", format, sample_frames(1)), format) == FACTS
    assert read_facts(write(tmp_path / "bare", format, sample_frames(), facts={}), format) == {}


def test_the_same_frames_give_the_same_bytes(tmp_path: Path, format: str) -> None:
    first, second = (write(tmp_path / name, format, sample_frames()) for name in "ab")
    if format == "mp4":
        # x264's threads were once seen to decide otherwise on a busy machine: the same pictures, other bytes.
        films = [
            np.stack([f.to_ndarray(format="rgb24") for f in av.open(str(p)).decode(video=0)]) for p in (first, second)
        ]
        np.testing.assert_allclose(films[0].astype(int), films[1], atol=3)
        return
    files = [sorted(path.iterdir()) if path.is_dir() else [path] for path in (first, second)]
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]


def test_missing_folders_are_created(tmp_path: Path, format: str) -> None:
    assert write(tmp_path / "some" / "where" / "clip", format, sample_frames(2)).exists()


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("after", [0, 1, 5])
def test_nothing_is_left_of_an_interrupted_clip(
    tmp_path: Path, format: str, interruption: type[BaseException], after: int
) -> None:
    path = write(tmp_path / "clip", format, sample_frames(2), facts={"version": "old"})
    threads = threading.active_count()
    with pytest.raises(interruption), open_encoder(path, format, fps=30, facts=FACTS) as encoder:
        for frame in sample_frames(after):
            encoder.add(frame)
        raise interruption
    assert read_facts(path, format) == {"version": "old"}
    assert list(tmp_path.iterdir()) == [path]
    assert threading.active_count() == threads


def test_an_older_clip_is_replaced(tmp_path: Path, format: str) -> None:
    path = write(tmp_path / "clip", format, sample_frames(5), facts={"version": "old"})
    write(path, format, sample_frames(2))
    assert read_facts(path, format) == FACTS
    assert list(tmp_path.iterdir()) == [path]


def test_a_clip_without_frames_is_an_error(tmp_path: Path, format: str) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        write(tmp_path / "clip", format, [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_not_a_clip(tmp_path: Path, format: str, kept: float) -> None:
    path = write(tmp_path / "clip", format, sample_frames())
    file = path / "frame_00000.png" if format == "png" else path
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * kept)])
    with pytest.raises(SharpError, match=r"not a"):
        read_facts(path, format)


def test_a_file_of_another_kind_is_an_error(tmp_path: Path, format: str) -> None:
    path = tmp_path / "clip"
    path.write_bytes(b"A letter to a friend, and not an image." * 20)
    with pytest.raises(SharpError):
        read_facts(path, format)
    with pytest.raises(SharpError, match="cannot read"):
        read_facts(tmp_path / "missing", format)


def test_frames_must_be_of_one_kind_and_size(tmp_path: Path, format: str) -> None:
    for wrong in (np.zeros((48, 64, 3), np.float32), np.zeros((50, 64), np.uint8), np.zeros((48, 64, 2), np.uint8)):
        with pytest.raises(ValueError, match="takes no frames"):
            write(tmp_path / "clip", format, [wrong])
    if format != "png":  # whose frames are files of their own
        with pytest.raises(ValueError, match="among frames of"):
            write(tmp_path / "clip", format, [*sample_frames(2), *sample_frames(1, height=50)])
    for kind, frame in {"rgba": np.zeros((4, 4, 4), np.uint8), "gray16": np.zeros((4, 4), np.uint16)}.items():
        if kind not in KINDS[format]:
            with pytest.raises(ValueError, match="takes no frames"):
                write(tmp_path / "clip", format, [frame])
    assert not list(tmp_path.iterdir())


def test_formats_and_rates_are_checked_first(tmp_path: Path, format: str) -> None:
    with pytest.raises(ValueError, match="fps must be positive"):
        write(tmp_path / "clip", format, sample_frames(1), fps=0)
    with pytest.raises(ValueError, match="format must be"):
        write(tmp_path / "clip", "avi", sample_frames(1))


def test_a_full_disk_gives_its_errno(tmp_path: Path, format: str) -> None:
    """A limit on file sizes instead of a full disk: the error takes the same path."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0).integers(0, 256, (6, 128, 128, 3), np.uint8)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match="large") as caught:
            write(tmp_path / "clip", format, list(noise))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert not list(tmp_path.iterdir())


def test_an_error_reaches_a_renderer_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding more frames after an error never blocks."""

    def fail(path: Path, frames: Any, **options: Any) -> None:
        next(frames)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setitem(encoding.WRITERS, "mp4", fail)
    with pytest.raises(OSError, match="clip") as caught:  # the clip's name, not the temporary one
        write(tmp_path / "clip", "mp4", sample_frames(1) * 50)
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_a_comment_of_another_tool_holds_no_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    monkeypatch.setattr(encoding, "to_comment", lambda facts: '{"made": ["elsewhere"]}')
    assert read_facts(write(tmp_path / "clip", format, sample_frames(2)), format) == {}


def test_frames_are_encoded_while_others_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is bounded, and the temporary file is the one that the caller's thread will rename."""
    seen = threading.Event()

    def watch(path: Path, frames: Any, **options: Any) -> None:
        for _ in frames:
            seen.set()
        path.write_bytes(b"done")

    monkeypatch.setitem(encoding.WRITERS, "gif", watch)
    with open_encoder(tmp_path / "clip", "gif", fps=10, facts={}) as encoder:
        encoder.add(sample_frames(1)[0])
        assert seen.wait(5)
        assert not (tmp_path / "clip").exists()
    assert (tmp_path / "clip").read_bytes() == b"done"


def test_the_contract_of_temporary_files_is_kept(tmp_path: Path) -> None:
    """Writers fill the very file that atomic_write made and locked, rather than one put in its place."""
    for format in ("mp4", "gif", "webp"):
        with atomic_write(tmp_path / "clip") as temporary:
            temporary.touch()
            number = temporary.stat().st_ino
            frames = iter(sample_frames(2))
            encoding.WRITERS[format](temporary, frames, rate=Fraction(30), loop=True, comment="{}")
            assert temporary.stat().st_ino == number
