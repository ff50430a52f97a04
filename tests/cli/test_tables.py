"""What people read: tables that are aligned and never cut where nobody looks, times and GPU time in words."""

from __future__ import annotations

import pytest

from darkroom.cli.tables import (
    duration,
    gpu_time,
    moment,
    print_facts,
    print_table,
    seconds_between,
    short,
    shown,
)


def test_tables_are_aligned_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 60
    print_table(("ID", "PROMPT"), [("a", long), ("bbbb", "x\x1b[31m"), (None, "[bold]y")], none="nothing")
    assert capsys.readouterr().out.splitlines() == [
        "ID    PROMPT",
        f"a     {long}".rstrip(),
        "bbbb  x\\x1b[31m",
        "-     [bold]y",
    ]
    print_table(("ID",), [], none="nothing")
    assert capsys.readouterr().out == "nothing\n"


def test_facts(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"name": "ada\x1b", "none": None, "lines": ["one", "two"]})
    assert capsys.readouterr().out == "name           ada\\x1b\nnone           -\nlines\n  one\n  two\n"


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0.0 s"),
        (8_440, "8.4 s"),
        (-8_440, "-8.4 s"),
        (750_000, "12.5 min"),
        (54_000_000, "15.0 h"),
        (None, "-"),
    ],
)
def test_gpu_time(milliseconds: int | None, words: str) -> None:
    assert gpu_time(milliseconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "0 s"), (8.4, "8 s"), (150, "2 min"), (7200, "2.0 h"), (None, "-")]
)
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_moments_and_what_lies_between() -> None:
    start, end = "2026-05-01T12:00:00Z", "2026-05-01T12:01:30.5Z"
    assert seconds_between(start, end) == 90.5
    assert seconds_between(None, end) is None
    assert (seconds_between(start, None) or 0) > 0
    assert len(moment(start)) == len("2026-05-01 12:00:00")
    assert (moment(None), moment("soon")) == ("-", "soon")


def test_cells() -> None:
    assert [shown(value) for value in (None, "", [], True, False, ["a", "b"], 7)] == [
        *("-", "-", "-", "yes", "no", "a, b", "7")
    ]
    assert (short("019de368-f600-710e-ae72-1467f293dba3"), short(None)) == ("f293dba3", "-")
