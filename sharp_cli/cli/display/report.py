"""What a batch shows while it works and when it ends: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.table import Table

from sharp_cli.batch.events import Listener, RunSummary
from sharp_cli.cli.bundle import write_bundle
from sharp_cli.cli.display.live import Live, clock
from sharp_cli.cli.display.plain import plain
from sharp_cli.cli.remedies import explain

if TYPE_CHECKING:
    from sharp_cli.batch.task import Job, JobResult, Task
    from sharp_cli.cli.batch_options import BatchOptions


MANY = 1000
"""Parts of a job from which on they are shown in percent."""


class Report(Live, Listener):
    """Follows a run on stderr. Quiet, it shows failures only.

    Args:
        total: jobs.
    """

    def __init__(
        self, total: int, task: Task[Any, Any], options: BatchOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__("starting", total, options.quiet, clock)
        self._total, self._noun, self._doing_word, self._options = total, task.noun, task.doing, options
        self._done = self._worked = 0
        self._work_began: float | None = None
        self._part_began: float | None = None
        self._label = task.doing
        self._traces: list[str] = []

    def begun(self, job: Job) -> None:
        """Name the job that is computed."""
        self._label, self._part_began = f"{plain(job.source.name)}: {self._doing_word}", None
        self.show(doing=self._label)

    def announced(self, text: str) -> None:
        """Say what is done now."""
        if not self._worked and self._part_began is None:
            self._work_began = self._clock()  # what came before, such as loading, is done only once
        self._label = plain(text)
        self.show(doing=self._label)

    def progressed(self, job: Job, done: int, total: int) -> None:
        """Move the bar within a job."""
        now = self._clock()
        if done == 1 or self._part_began is None:
            self._part_began = now
        self._work_began = self._work_began or now
        rate = f", {(done - 1) / (now - self._part_began):.1f} a second" if done > 1 and total < MANY else ""
        part = f"{100 * done // total} %" if total >= MANY else f"{done}/{total}"
        self.show(doing=f"{self._label} {part}{rate}", done=self._done + done / total, left=self._time(done / total))

    def ended(self, result: JobResult) -> None:
        """Print a line for a job that was made or failed. What is skipped is only counted."""
        self._done += 1
        if result.status != "skipped":
            self._worked += 1
            if self._work_began is None:
                self._work_began = self._clock() - sum(result.seconds.values())
            self._print(result)
        self.show(done=self._done, left=self._time())

    def closed(self, summary: RunSummary) -> None:
        """End the display, and print the counts, seconds per stage and peak memory."""
        self.stop()
        if summary.state != "finished":
            left = summary.total - summary.done
            self.line(f"{summary.state}: {left} of {summary.total} {self._noun} are left (the same command continues)")
            if summary.problem and summary.state == "interrupted":  # else the command ends with it
                self.line(str(summary.problem), always=True)
        if self._traces:
            self.line(write_bundle(self._traces), always=True)
        if self.quiet:
            return
        if not summary.total:
            where = f"shard {self._options.shard}" if self._options.shard else "the list"
            self.line(f"nothing to do: no {self._noun} in {where}")
        elif summary.counts["skipped"] == summary.total:
            self.line(f"nothing to do: all {self._noun} are done")
        self.console.print(_table(summary, self._noun))

    def _print(self, result: JobResult) -> None:
        source = result.job.source
        if result.status == "failed":
            self.line(f"failed: {explain(result.reason or '', result.code)}", style="red", always=True)
            if self._options.debug and result.error:
                self._traces.append(f"{source}\n" + "".join(traceback.format_exception(result.error)))
                self.console.print(self._traces[-1], markup=False)
            return
        note = f" ({result.note})" if result.note else ""
        self.line(f"[{self._done}/{self._total}] {source} → {result.job.target}{note}")
        if self._options.timings:
            spent = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in result.seconds.items())
            self.line(f"{source.name}: {spent} s")

    def _time(self, part: float = 0.0) -> str:
        """The speed and the time left. Counts work alone: what is skipped takes no time.

        Args:
            part: how much of the current job is done, 0..1.
        """
        if self._work_began is None:
            return ""
        worked = self._worked + part
        each = (self._clock() - self._work_began) / max(worked, 1e-9)
        left = clock(each * (self._total - self._done - part))
        return f"{each:.1f} s each, {left} left" if worked >= 1 else f"{left} left"


def _table(summary: RunSummary, noun: str) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_row(noun, ", ".join(f"{summary.counts[status]:,} {status}" for status in ("made", "skipped", "failed")))
    if summary.gaussians:
        table.add_row("Gaussians", f"{summary.gaussians:,}")
    for stage, seconds in summary.setup_seconds.items():
        table.add_row(stage, f"{seconds:.2f} s")
    made = summary.counts["made"]
    for stage, seconds in summary.seconds.items():
        each = f", {seconds / made:.2f} s each" if made > 1 else ""
        table.add_row(stage, f"{seconds:.2f} s{each}")
    table.add_row("in all", f"{summary.elapsed:.2f} s")
    for kind, size in summary.peak_memory.items():
        table.add_row(f"peak {kind}", f"{size / 1e9:.2f} GB")
    return table
