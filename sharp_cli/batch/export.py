"""The task of ``sharp export``: splats to splats of other formats, or to pages that show them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sharp_cli.batch.provenance import check_place, is_done, is_free, make_provenance, settings_text
from sharp_cli.batch.splats import SPLAT_SUFFIXES, axes_settings, fit_settings, is_export, write_result
from sharp_cli.batch.task import Job, Work
from sharp_cli.formats.registry import read_stored, reader_of
from sharp_cli.runtime.timing import Stopwatch

if TYPE_CHECKING:
    from sharp_cli.formats.ply_layout import PlyLayout
    from sharp_cli.formats.stored import StoredSplat
    from sharp_cli.gaussians.axes import Axes
    from sharp_cli.gaussians.fit import Fit

PAGE = ".html"


class ExportTask:
    """Splats to files of another format.

    Args:
        suffix: of the results: a format of :data:`sharp_cli.formats.registry.FORMATS`, or ``.html``.
        fit: what to keep; None keeps everything.
        ply_layout: of .ply results.
        axes: of the results; pages and formats with axes of their own do not follow.
        overwrite: make again what is done, and replace files that sharp has not made.
    """

    noun, doing = "splats", "exporting"
    suffixes = SPLAT_SUFFIXES

    def __init__(
        self,
        suffix: str,
        fit: Fit | None = None,
        ply_layout: PlyLayout = "standard",
        axes: Axes = "opencv",
        *,
        overwrite: bool = False,
    ) -> None:
        self.ending, self.fit, self.ply_layout, self.axes, self.overwrite = suffix, fit, ply_layout, axes, overwrite
        self.setup_seconds: dict[str, float] = {}

    def outputs(self, target: Path) -> list[Path]:
        """The file alone."""
        return [target]

    def is_result(self, path: Path) -> bool:
        """Whether a splat is itself an export of one beside it, or has the format that is asked for."""
        return path.name.lower().endswith(self.ending) or is_export(path)

    def is_free(self, target: Path, source: Path) -> bool:
        """Whether no export of another splat is there."""
        return is_free(target, source)

    def status(self, job: Job) -> tuple[Path, ...]:
        """The file, unless it is done."""
        reader_of(job.source)
        check_place(job.target)
        if not self.overwrite and is_done(job.target, job.source, self._settings):
            return ()
        return (job.target,)

    def read(self, work: Work) -> StoredSplat:
        """The splat."""
        work.provenance = make_provenance(work.job.source, self._settings)
        with Stopwatch(work.result.seconds).stage("read"):
            return read_stored(work.job.source, warn=work.announce)

    def compute(self, work: Work, item: StoredSplat) -> StoredSplat:
        """What is kept of it."""
        with Stopwatch(work.result.seconds).stage("fit"):
            if self.fit is None:
                return item
            from sharp_cli.formats.tensors import to_gaussians, to_stored  # torch: only where something is left out
            from sharp_cli.gaussians.fitting import fit

            return to_stored(fit(to_gaussians(item), self.fit))

    def write(self, work: Work, item: StoredSplat, output: StoredSplat) -> None:
        """The file."""
        target, result = work.job.target, work.result
        assert work.provenance is not None
        provenance = replace(work.provenance, gaussians=str(len(output))).facts()
        with Stopwatch(result.seconds).stage("write"):
            if self.ending == PAGE:
                from sharp_cli.viewer.export import write_html

                write_html(target, output, work.job.source.stem, provenance)
            else:
                write_result(target, output, self.ply_layout, provenance, self.axes)
        before, after = work.job.source.stat().st_size, target.stat().st_size
        result.facts |= {"gaussians": len(output), "bytes": after}
        kept = "" if len(output) == len(item) else f", {len(output):,} of {len(item):,} Gaussians"
        result.note = f"{after / 1e6:.1f} MB, was {before / 1e6:.1f} MB{kept}"

    @property
    def fingerprint(self) -> str:
        """All settings that decide the results."""
        return self._settings

    @cached_property
    def _settings(self) -> str:
        settings = {"format": self.ending, "layout": self.ply_layout}
        return settings_text({**settings, **fit_settings(self.fit), **axes_settings(self.axes)})
