"""What `imagine` was asked for, and what it leaves behind: shared by drawing here and by asking a server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from darkroom.cli import failures
from darkroom.cli.plain import plain
from darkroom.cli.spoken import spoken

FORMATS = {"png": ("png",), "webp": ("webp",), "both": ("png", "webp")}
"""What `--format` may name, and the formats that it writes."""

Files = Mapping[str, Path]
"""The files of one picture, by format."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The command line, understood but for the prompt. `indices` are the images to keep, counted from 0; None for all that a job
    has."""

    out: Path
    formats: tuple[str, ...]
    indices: tuple[int, ...] | None
    quiet: bool
    lane: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one job: the object that `--json` prints, its files in order, and why it failed ("" where it did not)."""

    canonical: str
    object: Mapping[str, object]
    files: tuple[Files, ...] = ()
    failure: str = ""


def paths(outcomes: Iterable[Outcome]) -> Iterable[Path]:
    """Every file, in order."""
    for outcome in outcomes:
        for files in outcome.files:
            yield from files.values()


def names(files: Files) -> dict[str, str]:
    """Files as JSON prints them."""
    return {name: str(path) for name, path in files.items()}


def count(jobs: int, images_each: int) -> str:
    """`2 jobs, 8 images`"""
    images = jobs * images_each
    return f"{jobs} job{'s' * (jobs != 1)}, {images} image{'s' * (images != 1)}"


def tell_failures(outcomes: Iterable[Outcome]) -> int:
    """A sentence on stderr for each job that failed; the exit code."""
    failed = [outcome for outcome in outcomes if outcome.failure]
    for outcome in failed:
        click.echo(f"darkroom: {plain(outcome.canonical)}: {plain(spoken(outcome.failure))}", err=True)
    return failures.FAILED if failed else failures.DONE
