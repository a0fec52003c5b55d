"""What a batch does with each file: a task, its jobs, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Literal, Protocol, TypeVar

from sharp_cli.batch.provenance import Provenance
from sharp_cli.errors import SharpError

Item = TypeVar("Item")
Output = TypeVar("Output")


@dataclass(frozen=True)
class Job:
    """One input and the file it becomes."""

    source: Path
    target: Path
    problem: str | None = None
    """Why the input cannot be used, if that is known before the run."""
    key: str = ""
    """Names the input among those of its batch, alike on every machine."""


@dataclass
class JobResult:
    """What became of a job. The stages add facts and seconds."""

    job: Job
    status: Literal["made", "skipped", "failed"] = "made"
    reason: str | None = None
    """Why it failed, in one line."""
    error: Exception | None = None
    note: str | None = None
    """What a user should know about the result, in a few words."""
    facts: dict[str, Any] = field(default_factory=dict)
    """JSON values for the record of the run."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Per stage."""

    @property
    def code(self) -> str:
        """The kind of failure, as :data:`sharp_cli.errors.Code`."""
        if isinstance(self.error, SharpError):
            return self.error.code
        return "failed" if isinstance(self.error, OSError) else "unexpected"

    def record(self) -> dict[str, Any]:
        """The result as JSON values: its status, facts, reason and seconds."""
        record = {"status": self.status, **self.facts}
        if self.reason:
            record |= {"reason": self.reason, "code": self.code}
        if self.seconds:
            record["seconds"] = {stage: round(spent, 4) for stage, spent in self.seconds.items()}
        return record


@dataclass
class Work:
    """A job on its way through the stages."""

    job: Job
    result: JobResult
    progress: Callable[[int, int], None] = lambda done, total: None
    """For long stages to call with the parts done and their total."""
    announce: Callable[[str], None] = lambda text: None
    """For stages to say what they are doing, if it is out of the ordinary."""
    stop: Event = field(default_factory=Event)
    """Set when the run ends early: what takes long should be given up."""
    missing: tuple[Path, ...] = ()
    """The outputs to make, from :meth:`Task.status`."""
    provenance: Provenance | None = None
    """Of the outputs; set when the source is read."""
    rows: Callable[[], Any] | None = None
    """Of the splat's file, if a GPU packs them ahead of the writing; set with the output."""


class StopRun(SharpError):  # noqa: N818  what it does
    """The failure would hit every other job too: the run ends, and can be started again."""


class Task(Protocol[Item, Output]):
    """One kind of work on many files: photos to splats, splats to films.

    A job passes ``status``, ``read``, ``compute`` and ``write`` in this order. Each may raise SharpError or OSError,
    which fails this job alone, or :class:`StopRun`, which ends the run. Any value may be an Item or an Output, None
    included.
    """

    noun: str
    """The inputs' name in the plural, for people."""
    doing: str
    """What ``compute`` does, for people."""
    suffixes: frozenset[str]
    """Inputs that a search of folders finds: lower case, with the dot."""
    ending: str
    """What the name of a target ends in: a suffix, or ``-frames`` for a folder."""
    setup_seconds: dict[str, float]
    """Time spent once for all jobs, by name."""
    overwrite: bool
    """Whether what is done is made again, and files that sharp has not made are replaced."""

    @property
    def fingerprint(self) -> str:
        """All settings that decide the results: equal on every machine that makes the same of a source.

        Raises:
            SharpError: what they depend on, such as the weights, cannot be read.
        """
        ...

    def outputs(self, target: Path) -> list[Path]:
        """All files and folders that a job with this target writes, the target first."""
        ...

    def is_result(self, path: Path) -> bool:
        """Whether a file found by searching is a result of this program, so not an input."""
        ...

    def is_free(self, target: Path, source: Path) -> bool:
        """Whether a target's name may be used for this source: no result of another source has it."""
        ...

    def status(self, job: Job) -> tuple[Path, ...]:
        """The outputs that are still to be made; none if the job is done.

        Raises:
            SharpError: an output cannot be written, or something that must not be replaced stands there.
        """
        ...

    def read(self, work: Work) -> Item:
        """Read the source. Runs in a thread of its own, ahead of the others."""
        ...

    def compute(self, work: Work, item: Item) -> Output:
        """Do the work. Runs in the thread that called :func:`~sharp_cli.batch.pipeline.run`."""
        ...

    def write(self, work: Work, item: Item, output: Output) -> None:
        """Complete the outputs. Runs in a thread of its own, behind the others."""
        ...
