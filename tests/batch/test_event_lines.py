"""A run as lines of JSON while it goes on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from copying import Copy

from sharp_cli.batch.event_lines import EventLines
from sharp_cli.batch.pipeline import run
from sharp_cli.batch.task import Job, Work
from sharp_cli.errors import SharpError

RECIPES = Path(__file__).parents[2] / "docs" / "recipes.md"


def documented() -> dict[str, set[str]]:
    """Fields by event, as docs/recipes.md has them."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", RECIPES.read_text(encoding="utf-8"), re.MULTILINE)
    fields = {event: set(re.findall(r"`(\w+)`", listed)) for event, _, listed in rows}
    fields["failed"] |= fields["done"]
    return fields


def test_every_event_is_a_line_and_progress_is_not_a_flood() -> None:
    lines: list[dict[str, Any]] = []
    seconds = 0.0

    def compute(work: Work, item: str) -> str:
        nonlocal seconds
        for done in range(1, 101):
            work.progress(done, 100)
            seconds += 0.1
        if item == "1":
            raise SharpError("no good", "not_finite")
        return item

    jobs = [Job(Path(f"{i}.jpg"), Path(f"{i}.ply")) for i in range(3)]
    task = Copy(compute=compute, status=lambda job: () if job.source.stem == "2" else (job.target,))
    events = EventLines(lambda line: lines.append(json.loads(line)), "convert", {"weights": "x"}, 3, lambda: seconds)
    run(jobs, task, [events])

    assert lines[0]["event"] == "started" and lines[0]["total"] == 3 and lines[0]["settings"] == {"weights": "x"}
    ended = {line["input"]: line for line in lines if line["event"] in ("done", "failed")}
    assert [ended[f"{i}.jpg"]["status"] for i in range(3)] == ["made", "failed", "skipped"]
    assert (ended["1.jpg"]["reason"], ended["1.jpg"]["code"]) == ("no good", "not_finite")
    of_first = [line["done"] for line in lines if line["event"] == "progress" and line["input"] == "0.jpg"]
    assert of_first == sorted(of_first) and 8 <= len(of_first) <= 12
    for line in lines:
        assert line.keys() - {"event", "item"} <= documented()[line["event"]], line
    for event, fields in documented().items():
        seen = {name for line in lines if line["event"] == event for name in line}
        assert fields - seen <= {"gaussians", "seconds", "problem"}, (
            event
        )  # splats, timed stages, a run that ended early
    summary = lines[-1]
    assert summary["event"] == "summary" and summary["state"] == "finished"
    assert [summary[status] for status in ("made", "skipped", "failed")] == [1, 1, 1]


def test_names_that_are_not_text_come_back() -> None:
    lines: list[str] = []
    events = EventLines(lines.append, "convert", {}, 1)
    run([Job(Path("\udcff\n.jpg"), Path("b.ply"))], Copy(), [events])
    assert all(line.isascii() and line.count("\n") == 1 for line in lines)
    assert json.loads(lines[-2])["input"] == "\udcff\n.jpg"
