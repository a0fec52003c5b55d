"""The task of ``sharp convert`` for a video: each frame a splat, with a steady scale."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sharp_cli.batch.convert import ConvertTask, Network, Recipe
from sharp_cli.batch.provenance import Provenance, check_place, is_done, make_provenance, settings_text
from sharp_cli.batch.splats import fitted, write_result
from sharp_cli.batch.task import Job, Work
from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import can_read, read_splat
from sharp_cli.runtime.files import atomic_write
from sharp_cli.runtime.timing import Stopwatch

if TYPE_CHECKING:
    from sharp_cli.gaussians.gaussians import Gaussians
    from sharp_cli.multiview.clip import ClipFrame
    from sharp_cli.multiview.steady import Steadier
    from sharp_cli.photo import Photo

RECORD = "clip.json"
"""In the folder of the frames: what they are made of, and when each is shown."""
STEADY = "steady"
"""The key under which a frame's splat records its log scale and how many frames it goes back."""


class ClipTask(ConvertTask):
    """Frames of one video to numbered splats.

    Args:
        clip: the video.
        every: take every N-th frame.
        folder: where the splats go.
    """

    noun, doing = "frames", "network"
    keeps_values = False

    def __init__(
        self, clip: Path, every: int, folder: Path, recipe: Recipe, network: Network, *, overwrite: bool = False
    ) -> None:
        super().__init__(recipe, network, overwrite=overwrite)
        self.clip, self.every, self.folder = clip, every, folder
        self._frames: Iterator[ClipFrame] | None = None
        self._size: tuple[int, int] | None = None
        self._steadier: Steadier | None = None
        self._last = -1
        """Number of the job whose splat the steadier has followed."""

    def jobs(self) -> list[Job]:
        """One for each frame, in the order of the film; writes the record of the clip.

        Raises:
            SharpError: the clip cannot be read.
        """
        from sharp_cli.multiview.clip import frame_times

        times = frame_times(self.clip)[:: self.every]
        names = [self._file(number) for number in range(len(times))]
        rate = (len(times) - 1) / times[-1] if times[-1] > 0 else 30.0
        record = {"clip": self.clip.name, "every": self.every, "fps": rate, "seconds": times, "frames": names}
        with atomic_write(self.folder / RECORD) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        return [Job(self.clip, self.folder / name) for name in names]

    def _file(self, number: int) -> str:
        """The name of a frame's splat; :func:`number_of` reads it."""
        return f"frame_{number:05d}{self.recipe.suffix}"

    def outputs(self, target: Path) -> list[Path]:
        """The splat."""
        return [target]

    def status(self, job: Job) -> tuple[Path, ...]:
        """The splat, or nothing."""
        check_place(job.target)
        done = not self.overwrite and is_done(job.target, job.source, self._settings_of(job))
        return () if done else (job.target,)

    def read(self, work: Work) -> Photo:
        """Decode up to the job's frame; frames are read in their order."""
        from sharp_cli.multiview.clip import read_frames
        from sharp_cli.photo import photo_from_array

        work.provenance = replace(self._provenance, settings=self._settings_of(work.job))
        wanted = number_of(work.job) * self.every
        with Stopwatch(work.result.seconds).stage("decode"):
            if self._frames is None:
                self._frames = read_frames(self.clip, self.every, start=wanted)
            frame = next((frame for frame in self._frames if frame.number >= wanted), None)
        if frame is None or frame.number != wanted:
            self._frames = None
            raise SharpError(f"cannot read frame {wanted} of {self.clip}: it is missing or damaged")
        size = frame.pixels.shape[1], frame.pixels.shape[0]
        self._size = self._size or size
        if size != self._size:
            sizes = " and ".join(f"{width} × {height}" for width, height in (self._size, size))
            raise SharpError(f"cannot use frame {wanted} of {self.clip}: the size changes within the clip ({sizes})")
        photo = photo_from_array(frame.pixels, focal=self.recipe.focal)
        work.result.facts |= {"width": photo.width, "height": photo.height, "focal_px": round(photo.focal_px, 3)}
        return photo

    def write(self, work: Work, item: Photo, output: Callable[[], Gaussians]) -> None:  # type: ignore[override]
        """Steady the splat's scale and write it."""
        gaussians = output()
        steadier = self._steadier_before(number_of(work.job))
        scale = steadier.follow(gaussians)
        self._last = number_of(work.job)
        watch = Stopwatch(work.result.seconds)
        with watch.stage("write"):
            factor = math.exp(scale)
            facts = {**gaussians.facts, STEADY: f"{scale:.6f},{steadier.count}"}
            gaussians = replace(
                gaussians, means=gaussians.means * factor, scales=gaussians.scales * factor, facts=facts
            )
            gaussians = fitted(gaussians, self.recipe.fit)
            assert work.provenance is not None
            provenance = replace(work.provenance, gaussians=str(len(gaussians)))
            write_result(work.job.target, gaussians, self.recipe.ply_layout, provenance.facts(), self.recipe.axes)
        work.result.facts |= {"gaussians": len(gaussians), "log_scale": round(scale, 6)}
        work.result.note = f"scale {factor:.3f}"

    def _steadier_before(self, number: int) -> Steadier:
        """The state after the frame before: of this run, or from its splat."""
        from sharp_cli.multiview.steady import Steadier, log_disparity

        self._steadier = self._steadier or Steadier()
        if self._last != number - 1:
            before = self.folder / self._file(number - 1)
            if number > 0 and before.is_file() and can_read(before):  # else the last one that did not fail
                gaussians = read_splat(before)
                scale, _, count = gaussians.facts.get(STEADY, "0,0").partition(",")
                self._steadier = Steadier(log_disparity(gaussians) + float(scale), float(scale), int(count or 0))
        return self._steadier

    @cached_property
    def _provenance(self) -> Provenance:
        return make_provenance(self.clip, "")

    def _settings_of(self, job: Job) -> str:
        return f"{self._settings} frame={number_of(job) * self.every}"

    @cached_property
    def _settings(self) -> str:
        return settings_text({**self.network.settings(), **self.recipe.settings(), "steady": 1})


def number_of(job: Job) -> int:
    """The number in the name of a job's target."""
    return int(job.target.name.split(".")[0].removeprefix("frame_"))
