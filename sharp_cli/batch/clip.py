"""The task of ``sharp convert`` for a video: each frame a splat, with a steady scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sharp_cli.batch.clip_record import SOUND, ClipRecord, is_clip, write_record
from sharp_cli.batch.convert import ConvertTask, Network, Recipe
from sharp_cli.batch.provenance import Provenance, check_place, is_done, make_provenance, settings_text
from sharp_cli.batch.splats import fitted, write_result
from sharp_cli.batch.task import Job, Work
from sharp_cli.errors import SharpError
from sharp_cli.formats.registry import can_read, read_splat
from sharp_cli.runtime.files import holds
from sharp_cli.runtime.timing import Stopwatch

if TYPE_CHECKING:
    from sharp_cli.gaussians.gaussians import Gaussians
    from sharp_cli.multiview.clip import Clip, ClipFrame
    from sharp_cli.multiview.steady import Steadier
    from sharp_cli.photo import Photo

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
        self._ahead: ClipFrame | None = None
        """Decoded, but of a later job: the frames between are missing."""
        self._steadier: Steadier | None = None
        self._last = -1
        """Number of the job whose splat the steadier has followed."""

    def jobs(self) -> list[Job]:
        """One for each frame, in the order of the film.

        Raises:
            SharpError: the clip cannot be read.
        """
        return [Job(self.clip, self.folder / self._file(number)) for number in range(len(self._seconds))]

    def write_record(self) -> None:
        """Write what films of the frames need: the record of the clip, and its sound.

        Raises:
            SharpError: the clip cannot be read.
            OSError: a file cannot be written.
        """
        from sharp_cli.multiview.clip_sound import copy_sound

        names = [job.target.name for job in self.jobs()]
        if holds((self.folder / SOUND).is_file) and not is_clip(self.folder):
            raise SharpError(f"{self.folder / SOUND} exists and was not made by sharp", "exists")
        sound = SOUND if copy_sound(self.clip, self.folder / SOUND) else None
        write_record(self.folder, ClipRecord(self.clip.name, self.every, self._seconds, names, sound))

    @cached_property
    def _clip(self) -> Clip:
        from sharp_cli.multiview.clip import inspect_clip

        return inspect_clip(self.clip)

    @property
    def _seconds(self) -> list[float]:
        """When the chosen frames are shown."""
        return self._clip.seconds[:: self.every]

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
        from sharp_cli.photo import photo_from_array

        work.provenance = replace(self._provenance, settings=self._settings_of(work.job))
        wanted = number_of(work.job) * self.every
        with Stopwatch(work.result.seconds).stage("decode"):
            frame = self._frame(wanted)
        if frame.size != (size := (frame.pixels.shape[1], frame.pixels.shape[0])):
            sizes = " and ".join(f"{width} × {height}" for width, height in (frame.size, size))
            raise SharpError(f"cannot use frame {wanted} of {self.clip}: the shape changes within the clip ({sizes})")
        photo = photo_from_array(frame.pixels, focal=self.recipe.focal)
        work.result.facts |= {"width": photo.width, "height": photo.height, "focal_px": round(photo.focal_px, 3)}
        return photo

    def _frame(self, wanted: int) -> ClipFrame:
        """Decode up to a frame.

        Raises:
            SharpError: the frame is missing, or the clip cannot be read.
        """
        from sharp_cli.multiview.clip import read_frames

        if self._frames is None:
            self._frames = read_frames(self.clip, self.every, start=wanted)
        while self._ahead is None or self._ahead.number < wanted:
            self._ahead = next(self._frames, None)
            if self._ahead is None:
                break
        if self._ahead is None or self._ahead.number != wanted:
            raise SharpError(f"cannot read frame {wanted} of {self.clip}: it is missing or damaged")
        return self._ahead

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
        notes = [f"scale {factor:.3f}"]
        if number_of(work.job) == 0 and self._clip.note:
            notes.append(self._clip.note)
        work.result.note = "; ".join(notes)

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
