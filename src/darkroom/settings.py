"""What an operator may set: environment variables, read once, in `bootstrap`. Standard library only; loads nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from darkroom.core.errors import DarkroomError

THREADS_MAX = 1024
JOBS_MAX = 256  # jobs of four images that one engine takes in at once
PATH_MAX_CHARACTERS = 4096


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One environment variable: `default` is what its absence means, in words for the docs."""

    name: str
    default: str
    meaning: str


WEIGHTS = Variable(
    name="DARKROOM_WEIGHTS",
    default="the weights in the package",
    meaning="Folder with the built-in model's weights.",
)
REGISTRY = Variable(
    name="DARKROOM_REGISTRY",
    default="the registry in the package",
    meaning="TOML file that lists the models.",
)
THREADS = Variable(
    name="DARKROOM_THREADS",
    default="the cores of this machine",
    meaning="Threads that the model computes with. Another number may change the last bits of an image.",
)
OUT = Variable(
    name="DARKROOM_OUT", default="`out`", meaning="Folder for finished images where `-o` names none."
)
MAX_JOBS = Variable(
    name="DARKROOM_MAX_JOBS",
    default="40",
    meaning="The most jobs that one prompt may expand to (permutations x repeats).",
)
VARIABLES = (WEIGHTS, REGISTRY, THREADS, OUT, MAX_JOBS)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process. `weights` and `registry` are None for those in the package."""

    weights: Path | None = None
    registry: Path | None = None
    threads: int
    out: Path = Path("out")
    max_jobs: int = 40


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that an environment holds. DarkroomError names the variable and what would be right."""
    return Settings(
        weights=_path(environ, WEIGHTS),
        registry=_path(environ, REGISTRY),
        threads=_number(environ, THREADS, _cores(), THREADS_MAX),
        out=_path(environ, OUT) or Settings.out,
        max_jobs=_number(environ, MAX_JOBS, Settings.max_jobs, JOBS_MAX),
    )


def _cores() -> int:
    """The cores that this process may use, which in a container can be fewer than the machine has."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(allowed or 1, THREADS_MAX)


def _path(environ: Mapping[str, str], variable: Variable) -> Path | None:
    text = environ.get(variable.name, "").strip()
    if len(text) > PATH_MAX_CHARACTERS:
        raise DarkroomError(f"{variable.name} is longer than the {PATH_MAX_CHARACTERS} characters of a path")
    return Path(text) if text else None


def _number(environ: Mapping[str, str], variable: Variable, default: int, largest: int) -> int:
    text = environ.get(variable.name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= largest):
        raise DarkroomError(f"{variable.name} must be a whole number from 1 to {largest}, not {text[:40]!r}")
    return int(text)
