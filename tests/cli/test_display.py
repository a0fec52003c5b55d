"""The bar and the lines that long commands show."""

from pathlib import Path

import pytest
from copying import Copy
from hypothesis import given
from hypothesis import strategies as st

from sharp_cli.batch.task import Job
from sharp_cli.cli.batch_options import BatchOptions
from sharp_cli.cli.display.live import Live, clock
from sharp_cli.cli.display.report import Report


def test_lines_stay_lines_and_quiet_shows_only_what_must_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (False, True):
        with Live("working", 2, quiet) as live:
            live.show(done=1, left="0:01 left")
            live.line("one\x1b[2J of [red]two[/]")
            live.line("failed: x", "red", always=True)
    line = "one\\x1b[2J of [red]two[/]\n"
    assert capsys.readouterr().err == f"{line}failed: x\nfailed: x\n"


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with Live("starting", 3) as live:
        live.show(doing="a [b].jpg: network", done=2, left="0:07 left")
    shown = capsys.readouterr().err
    assert "a [b].jpg: network" in shown
    assert "2/3" in shown
    assert "0:07 left" in shown


@given(seconds=st.floats(0, 1e6))
def test_the_clock_shows_whole_seconds(seconds: float) -> None:
    *hours, minutes, rest = (int(part) for part in clock(seconds).split(":"))
    assert rest < 60
    assert minutes < 60
    assert 3600 * sum(hours) + 60 * minutes + rest == round(seconds)


class Ticking:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_there_is_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (False, True):
        clock = Ticking()
        with Live("working", 1, quiet, clock) as live:
            for second in range(25):
                clock.now = second
                live.show(doing=f"a.jpg: network {second} %", left="0:07 left")
    assert capsys.readouterr().err.splitlines() == [
        "a.jpg: network 10 %, 0:07 left",
        "a.jpg: network 20 %, 0:07 left",
    ]


def test_one_photo_has_a_stage_a_share_and_a_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Ticking()
    options = BatchOptions(None, timings=False, fail_fast=False, quiet=False, debug=False)
    job = Job(Path("a.jpg"), Path("a.ply"))
    with Report(1, Copy(), options, clock) as report:
        report.begun(job)
        clock.now = 5.0
        report.announced("loading the network")
        clock.now = 8.0
        report.announced("a.jpg (12.2 MP): network")
        for done in (100, 250, 500):
            clock.now = 8.0 + done / 10
            report.progressed(job, done, 1000)
    assert capsys.readouterr().err.splitlines() == [
        "a.jpg (12.2 MP): network 10 %, 1:30 left",
        "a.jpg (12.2 MP): network 25 %, 1:15 left",
        "a.jpg (12.2 MP): network 50 %, 0:50 left",
    ]
