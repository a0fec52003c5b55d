"""The bar and the lines that long commands show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharp_cli.cli.display.live import Live, clock


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
