"""One way to write every format: a thread encodes frames while the next ones are rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Literal, get_args

from av.error import FFmpegError

from sharp_cli.errors import SharpError
from sharp_cli.render.encode.comment import from_comment, to_comment
from sharp_cli.render.encode.frame import Frame, kind_of
from sharp_cli.render.encode.gif import MOST_FPS, read_gif_comment, write_gif
from sharp_cli.render.encode.mp4 import read_mp4_comment, write_mp4
from sharp_cli.render.encode.png import frames_folder, read_png_comment, write_png
from sharp_cli.render.encode.webp import read_webp_comment, write_webp
from sharp_cli.runtime.files import atomic_write

Format = Literal["mp4", "gif", "webp", "png"]

WRITERS = {"mp4": write_mp4, "gif": write_gif, "webp": write_webp, "png": write_png}
READERS = {"mp4": read_mp4_comment, "gif": read_gif_comment, "webp": read_webp_comment, "png": read_png_comment}
KINDS = {"mp4": {"rgb", "planes"}, "gif": {"rgb"}, "webp": {"rgb", "rgba"}, "png": {"rgb", "rgba", "gray16"}}

AHEAD = 2
"""Most frames that wait for the encoder; a fast renderer then waits instead of filling the memory."""


@contextmanager
def open_encoder(
    path: Path,
    format: Format,
    *,
    fps: float | Fraction,
    loop: bool = True,
    facts: Mapping[str, str],
    sound: Path | None = None,
) -> Iterator[Encoder]:
    """Write an animation: give it its frames with :meth:`Encoder.add` inside the ``with`` block.

    It appears at ``path``, complete, when the block ends. After an exception or Ctrl-C, an older result at ``path`` is
    untouched and nothing else is left. Memory: a few frames, for every format.

    Args:
        path: the file, or for "png" the folder of ``frame_00000.png``, ``frame_00001.png`` and so on. A folder that
            is empty or has only frames of an earlier run is replaced.
        format: "mp4" (H.264; odd sizes are padded), "gif" (at most 50 frames per second), "webp" (lossy) or "png".
        fps: frames per second, > 0; rounded to a fraction with a denominator up to 1001, so that 29.97 and 30000/1001
            are both exact. GIF shows each frame for whole hundredths of a second, evenly on average.
        loop: whether GIF and WebP repeat forever; the other formats leave that to the player.
        facts: the file's provenance, for :func:`read_facts`.
        sound: an .m4a file to copy into an "mp4", as far as the picture lasts; other formats are silent.

    Raises:
        ValueError: an unknown format, a rate that is not positive, or no frames.
        SharpError: too high a rate for a GIF, a folder with other files in it, or a PyAV without an H.264 encoder.
        OSError: the file cannot be written; ``errno`` gives the reason, ``ENOSPC`` for a full disk.
    """
    if format not in get_args(Format):
        raise ValueError(f"format must be one of {', '.join(get_args(Format))}, not {format}")
    rate = Fraction(fps).limit_denominator(1001)
    if rate <= 0:
        raise ValueError(f"fps must be positive, not {fps}")
    if format == "gif" and rate > MOST_FPS:
        raise SharpError(f"a GIF shows at most {MOST_FPS} frames per second (choose fewer or another format)", "usage")
    with (frames_folder if format == "png" else atomic_write)(path) as temporary:
        write = partial(WRITERS[format], temporary, rate=rate, loop=loop, comment=to_comment(facts))
        if format == "mp4":
            write = partial(write, sound=sound)
        encoder = Encoder(format, write, path)
        try:
            yield encoder
            encoder._finish()
        finally:
            encoder._stop()


def read_facts(path: Path, format: Format) -> dict[str, str]:
    """The provenance that a file or folder was written with; empty for those of other tools.

    Raises:
        SharpError: incomplete, not of this format, or unreadable.
    """
    try:
        return from_comment(READERS[format](path)) or {}
    except OSError as error:
        raise SharpError(f"cannot read {path}: {error.strerror or error}") from error


class _StoppedError(Exception):
    """The frames end early because the caller stopped."""


class Encoder:
    """Takes an animation's frames; comes from :func:`open_encoder`."""

    def __init__(self, format: Format, write: Callable[[Iterator[Frame]], None], path: Path) -> None:
        self._format = format
        self._path = path
        self._shape: tuple[str | None, tuple[int, ...]] | None = None
        self._waiting: Queue[Frame | None] = Queue(AHEAD)  # None comes after the last frame
        self._stopped = False
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, args=(write,), name=f"encode {path.name}", daemon=True)
        self._thread.start()

    def add(self, frame: Frame) -> None:
        """Add the next frame. It is encoded later, so do not change the array.

        Args:
            frame: (H, W, 3) uint8 sRGB; for "webp" and "png" also (H, W, 4) uint8 with straight alpha, for "png"
                (H, W) uint16, and for "mp4" its planes. All of one kind, and but for "png" of one size.

        Raises:
            ValueError: a kind of frame that the format does not take, or a shape unlike the first frame's.
            SharpError, OSError: encoding an earlier frame failed.
        """
        kind = kind_of(frame)
        if kind not in KINDS[self._format]:
            raise ValueError(f"{self._format} takes no frames of shape {frame.shape} and type {frame.dtype}")
        shape = kind, () if self._format == "png" else frame.shape  # each .png is a file of its own
        if self._shape not in (None, shape):
            raise ValueError(f"a frame of shape {frame.shape} among frames of {self._shape}")
        self._shape = shape
        if self._error:
            raise self._error
        self._waiting.put(frame)

    def _finish(self) -> None:
        """Encode the remaining frames; raise what went wrong."""
        if self._shape is None:
            raise ValueError("an animation needs at least one frame")
        self._waiting.put(None)
        self._thread.join()
        if self._error:
            raise self._error

    def _stop(self) -> None:
        """Close the file in whatever state it is."""
        self._stopped = True
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _run(self, write: Callable[[Iterator[Frame]], None]) -> None:
        arriving = self._arriving()
        try:
            write(self._until_stopped(arriving))
        except BaseException as error:  # raised where frames are added
            self._error = _named(error, self._path)
        for _ in arriving:
            pass  # after an error, adding frames must not block

    def _arriving(self) -> Iterator[Frame]:
        while (frame := self._waiting.get()) is not None:
            yield frame

    def _until_stopped(self, arriving: Iterator[Frame]) -> Iterator[Frame]:
        for frame in arriving:
            if self._stopped:
                break
            yield frame
        if self._stopped:
            raise _StoppedError


def _named(error: BaseException, path: Path) -> BaseException:
    """The error with the file's own name: an OSError, or a SharpError if it comes from libav."""
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, error.strerror, str(path))
    if isinstance(error, FFmpegError):
        return SharpError(f"cannot encode {path}: {error.strerror}")
    return error
