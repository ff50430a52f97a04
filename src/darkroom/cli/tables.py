"""What the service says, for people: aligned tables, facts, times and GPU time. What strangers wrote cannot steer the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from darkroom.cli.plain import plain

PIPED_COLUMNS = 10_000  # a table that nobody looks at is never cut
SHORT_CHARACTERS = 8  # of an id; the end of one is random, its beginning a time
FACT_COLUMNS = 14
NOTHING = "-"


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, none: str) -> None:
    """A table on stdout; the last column gives way where the terminal is narrow. `none` is said where there are no rows."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    told = [[plain(shown(cell)) for cell in row] for row in rows]
    if not told:
        print(none)
        return
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = PIPED_COLUMNS
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        last = number == len(columns) - 1
        table.add_column(
            column, no_wrap=True, overflow="ellipsis" if last else "fold", ratio=1 if last else None
        )
    for row in told:
        table.add_row(*(Text(cell, end="") for cell in row))
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip())


def print_facts(facts: Mapping[str, object]) -> None:
    """One fact a line on stdout, their names aligned; a list of lines is set below its name."""
    for name, value in facts.items():
        if isinstance(value, list):
            print(name, *(f"  {plain(str(each))}" for each in value), sep="\n")
        else:
            print(f"{name:<{FACT_COLUMNS}} {plain(shown(value))}")


def shown(value: object) -> str:
    """A value of the API in a cell."""
    if value is None or value == "" or value == []:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def short(identifier: object) -> str:
    """The end of an id: enough to tell it by, and what commands accept."""
    return NOTHING if identifier is None else str(identifier)[-SHORT_CHARACTERS:]


def moment(text: object) -> str:
    """A time of the API in the time zone of this machine."""
    if not isinstance(text, str):
        return NOTHING
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text


def seconds_between(start: object, end: object) -> float | None:
    """From one time of the API to another; to now where the second is None, None where the first is."""
    if not isinstance(start, str):
        return None
    until = datetime.fromisoformat(end) if isinstance(end, str) else datetime.now(UTC)
    return (until - datetime.fromisoformat(start)).total_seconds()


def gpu_time(milliseconds: object) -> str:
    """GPU time as people count it: 8.4 s, 12.5 min, 15.0 h."""
    if not isinstance(milliseconds, int):
        return NOTHING
    seconds = milliseconds / 1000
    if abs(seconds) < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if abs(seconds) < 3600 else f"{seconds / 3600:.1f} h"


def duration(seconds: object) -> str:
    """Seconds as a person says them: 8 s, 3 min, 2 h."""
    if not isinstance(seconds, (int, float)):
        return NOTHING
    if seconds < 60:
        return f"{max(0, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
