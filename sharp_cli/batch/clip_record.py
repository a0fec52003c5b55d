"""The record beside the frames of a video: what they are made of, and when each is shown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import atomic_write, holds

RECORD = "clip.json"
SOUND = "sound.m4a"
"""In the same folder: the sound of the clip, if it has any."""

UNEVEN = 0.5
"""How far a frame may be from its place at an even rate, in frames, before the film is timed anew."""
MOST_FPS = 60.0
"""Of a film whose frames come unevenly."""


@dataclass(frozen=True)
class ClipRecord:
    """What is known of a folder of frames."""

    clip: str
    """The video's file name."""
    every: int
    """Every N-th of its frames was taken."""
    seconds: list[float]
    """When each frame is shown, from the first one on."""
    frames: list[str]
    """The file of each."""
    sound: str | None = None
    """The file of the sound."""


def is_clip(folder: Path) -> bool:
    """Whether a folder holds the frames of a video, as ``sharp convert`` makes them."""
    return holds((folder / RECORD).is_file)


def write_record(folder: Path, record: ClipRecord) -> None:
    """Write the record into the folder of the frames.

    Raises:
        OSError: it cannot be written.
    """
    with atomic_write(folder / RECORD) as temporary:
        text = json.dumps({**asdict(record), "fps": film_order(record.seconds)[0]}, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_record(path: Path) -> ClipRecord:
    """Read a record.

    Raises:
        SharpError: it cannot be read, or is none.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        seconds = [float(value) for value in record["seconds"]]
        frames = [Path(str(name)).name for name in record["frames"]]
        sound = record.get("sound") and Path(str(record["sound"])).name
        if not frames or len(frames) != len(seconds):
            raise ValueError("it names no frames, or not one for each time")
        return ClipRecord(str(record["clip"]), int(record["every"]), seconds, frames, sound)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SharpError(f"cannot read {path}: not the record of a clip ({error}; convert the clip again)") from error


def film_order(seconds: list[float]) -> tuple[float, list[int]]:
    """How a film of even rate shows frames at their times: its frames a second, and which frame each of its is.

    Frames that come unevenly are shown for longer, or skipped.

    Args:
        seconds: when each is shown, in order, the first at 0.
    """
    times, count = np.array(seconds), len(seconds)
    if count < 2 or times[-1] <= 0:
        return 30.0, list(range(count))
    rate = (count - 1) / times[-1]
    if np.abs(times * rate - np.arange(count)).max() < UNEVEN:
        return float(rate), list(range(count))
    rate = min(1 / np.median(np.diff(times)), MOST_FPS)
    ticks = np.arange(round(times[-1] * rate) + 1) / rate
    return float(rate), (np.searchsorted(times, ticks + 0.5 / rate) - 1).tolist()
