"""The task of ``sharp convert`` for a video: each frame a splat, with a steady scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sharp_cli.batch.clip_record import SOUND, ClipRecord, is_clip, write_record
from sharp_cli.batch.convert import ConvertTask, Recipe
from sharp_cli.batch.network import Network
from sharp_cli.batch.provenance import Provenance, check_place, is_done, make_provenance, settings_text
from sharp_cli.batch.splats import fitted, write_result
from sharp_cli.batch.task import Job, Work
from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import holds, remove_leftovers
from sharp_cli.runtime.timing import Stopwatch

if TYPE_CHECKING:
    from sharp_cli.gaussians.gaussians import Gaussians
    from sharp_cli.multiview.clip import Clip, ClipFrame
    from sharp_cli.multiview.steady import Glance
    from sharp_cli.photo import Photo

MEMORY = "steady"
"""Folder beside the frames: what a run that goes on later must know of them."""
REMEMBERED = 24
"""How many frames back a frame's scale may depend on."""


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
        self._glances: dict[int, Glance] = {}
        """What is remembered of the last frames, by number."""

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
        remove_leftovers(self.folder / MEMORY)
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
            self._frames = read_frames(self.clip, self.every, wanted, self._clip)
        while self._ahead is None or self._ahead.number < wanted:
            self._ahead = next(self._frames, None)
            if self._ahead is None:
                break
        if self._ahead is None or self._ahead.number != wanted:
            raise SharpError(f"cannot read frame {wanted} of {self.clip}: it is missing or damaged")
        return self._ahead

    def write(self, work: Work, item: Photo, output: Callable[[], Gaussians]) -> None:  # type: ignore[override]
        """Steady the splat's scale and write it."""
        from sharp_cli.gaussians.fitting import scaled
        from sharp_cli.multiview.steady import correction_after, glance_of, save_glance

        gaussians, number = output(), number_of(work.job)
        watch = Stopwatch(work.result.seconds)
        with watch.stage("steady"):
            glance = glance_of(item.pixels, gaussians)
            scale = correction_after(self._past(number), glance)
            self._glances[number] = replace(glance, correction=scale)
            save_glance(self._memory(number), self._glances[number], self._key(number))
        with watch.stage("write"):
            factor = math.exp(scale)
            gaussians = fitted(scaled(gaussians, factor), self.recipe.fit)
            assert work.provenance is not None
            provenance = replace(work.provenance, gaussians=str(len(gaussians)))
            write_result(work.job.target, gaussians, self.recipe.ply_layout, provenance.facts(), self.recipe.axes)
        work.result.facts |= {"gaussians": len(gaussians), "log_scale": round(scale, 6)}
        notes = [f"scale {factor:.3f}"]
        if number == 0 and self._clip.note:
            notes.append(self._clip.note)
        work.result.note = "; ".join(notes)

    def _past(self, number: int) -> list[Glance]:
        """What is remembered of the frames before one: by this run, or by an earlier one on the disk."""
        from sharp_cli.multiview.steady import load_glance

        first = max(0, number - REMEMBERED)
        self._glances = {n: glance for n, glance in self._glances.items() if n >= first}
        for n in range(first, number):
            if n not in self._glances and (glance := load_glance(self._memory(n), self._key(n))):
                self._glances[n] = glance
        return [self._glances[n] for n in range(first, number) if n in self._glances]

    def _memory(self, number: int) -> Path:
        """Where a frame is remembered."""
        return self.folder / MEMORY / f"frame_{number:05d}.npz"

    def _key(self, number: int) -> str:
        """Of what a frame is made, besides the form of its file."""
        settings = {**self.network.settings(), "focal": self.recipe.settings()["focal"]}
        return f"{self._provenance.source_sha256} {settings_text(settings)} frame={number * self.every}"

    @cached_property
    def _provenance(self) -> Provenance:
        return make_provenance(self.clip, "")

    def _settings_of(self, job: Job) -> str:
        return f"{self._settings} frame={number_of(job) * self.every}"

    @cached_property
    def _settings(self) -> str:
        return settings_text({**self.network.settings(), **self.recipe.settings(), "steady": 2})


def number_of(job: Job) -> int:
    """The number in the name of a job's target."""
    return int(job.target.name.split(".")[0].removeprefix("frame_"))
