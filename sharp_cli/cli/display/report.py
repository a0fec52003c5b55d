"""What a batch shows while it works and when it ends: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.table import Table

from sharp_cli.cli.display.live import Live, clock
from sharp_cli.cli.display.plain import plain
from sharp_cli.cli.remedies import explain
from sharp_cli.runtime.timing import peak_memory

if TYPE_CHECKING:
    from sharp_cli.batch.pipeline import Job, Outcome


class Report(Live):
    """Follows a batch on stderr; quiet, it tells of failures only."""

    def __init__(
        self, total: int, noun: str, doing: str, *, quiet: bool = False, timings: bool = False, debug: bool = False
    ) -> None:
        super().__init__("starting", total, quiet)
        self.total, self.noun, self.doing, self.timings, self.debug = total, noun, doing, timings, debug
        self.counts: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.startup: dict[str, float] = {}
        """Seconds of what is done once, by name; shown in the table."""
        self.closing = ""
        """A sentence on the results, told last."""
        self.gaussians = 0
        self.start = time.monotonic()
        self._work_began: float | None = None
        self._part_began: float | None = None

    def begun(self, job: Job) -> None:
        """A job has reached the middle of the pipeline."""
        self.show(doing=f"{plain(job.source.name)}: {self.doing}")

    def part(self, job: Job, done: int, total: int) -> None:
        """A job that is worked on in parts has finished one more of them."""
        now = time.monotonic()
        if done == 1 or self._part_began is None:
            self._part_began = now
        self._work_began = self._work_began or now
        rate = f", {(done - 1) / (now - self._part_began):.1f} a second" if done > 1 else ""
        doing = f"{plain(job.source.name)}: {self.doing} {done}/{total}{rate}"
        self.show(doing=doing, done=self._done + done / total, left=self._left(done / total))

    def ended(self, outcome: Outcome) -> None:
        """Count an outcome and tell of it."""
        self.counts[outcome.status] += 1
        self.seconds.update(outcome.seconds)
        self.gaussians += outcome.facts.get("gaussians", 0)
        done = self._done
        if outcome.status != "skipped" and self._work_began is None:
            self._work_began = time.monotonic() - sum(outcome.seconds.values())
        if outcome.status == "failed":
            code = getattr(outcome.error, "code", "failed" if isinstance(outcome.error, OSError) else "unexpected")
            self.line(f"failed: {explain(outcome.reason or '', code)}", style="red", always=True)
            if self.debug and outcome.error:
                self.console.print("".join(traceback.format_exception(outcome.error)), markup=False)
        else:
            what = "done before" if outcome.status == "skipped" else f"→ {outcome.job.target}"
            note = f" ({outcome.note})" if outcome.note else ""
            self.line(f"[{done}/{self.total}] {outcome.job.source} {what}{note}")
        if self.timings and outcome.status == "made":
            spent = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in outcome.seconds.items())
            self.line(f"{outcome.job.source.name}: {spent} s")
        self.show(done=done, left=self._left())

    def close(self, state: str) -> None:
        """End the display, and print what became of the inputs, seconds per stage and peak memory."""
        self.stop()
        if state != "finished":
            left = self.total - self._done
            self.line(f"{state}: {left} of {self.total} {self.noun} are left; the same command goes on with them.")
        if self.quiet:
            return
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_column(style="bold")
        counts = ", ".join(f"{self.counts[status]:,} {status}" for status in ("made", "skipped", "failed"))
        table.add_row(self.noun, counts)
        if self.gaussians:
            table.add_row("Gaussians", f"{self.gaussians:,}")
        for stage, seconds in self.startup.items():
            table.add_row(stage, f"{seconds:.2f} s")
        made = self.counts["made"]
        for stage, seconds in self.seconds.items():
            each = f", {seconds / made:.2f} s each" if made > 1 else ""
            table.add_row(stage, f"{seconds:.2f} s{each}")
        table.add_row("in all", f"{time.monotonic() - self.start:.2f} s")
        for kind, size in peak_memory().items():
            table.add_row(f"peak {kind}", f"{size / 1e9:.2f} GB")
        self.console.print(table)
        if self.closing and self.counts["made"]:
            self.line(self.closing)

    def totals(self) -> dict[str, Any]:
        """The table's figures, for a record."""
        seconds = {stage: round(spent, 3) for stage, spent in {**self.startup, **self.seconds}.items()}
        return {**self.counts, "gaussians": self.gaussians, "seconds": seconds, "peak_memory": peak_memory()}

    @property
    def _done(self) -> int:
        return sum(self.counts.values())

    def _left(self, part: float = 0.0) -> str:
        """How fast it goes and how long it will take, from the work alone: what is skipped takes no time.

        Args:
            part: what is done of the job at hand, 0..1.
        """
        if self._work_began is None:
            return ""
        worked = self.counts["made"] + self.counts["failed"] + part
        each = (time.monotonic() - self._work_began) / max(worked, 1e-9)
        left = clock(each * (self.total - self._done - part))
        return f"{each:.1f} s each, {left} left" if worked >= 1 else f"{left} left"
