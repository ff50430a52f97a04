"""`darkroom imagine`: a prompt becomes files. Paths go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom.bootstrap import check_drawable, open_catalogue, open_studio, settings_of_process
from darkroom.cli import failures
from darkroom.cli.interrupts import Interrupts
from darkroom.cli.parse import read_prompt
from darkroom.cli.plain import plain
from darkroom.core.params import IMAGES_PER_JOB, SEED_MAX, GenerationParams
from darkroom.prompt import BatchLimits, format_prompt, parse

if TYPE_CHECKING:
    from darkroom.cli.draw import Drawn, Job
    from darkroom.cli.save import Saved
    from darkroom.settings import Settings

NO_QUEUE = "note: lanes and visibility change nothing here: this machine draws at once and shows nobody"

FORMATS = {"png": ("png",), "webp": ("webp",), "both": ("png", "webp")}
"""What `--format` may name, and the formats that it writes."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The command line, understood but for the prompt."""

    out: Path
    formats: tuple[str, ...]
    indices: tuple[int, ...]
    quiet: bool


@click.command("imagine")
@click.argument("prompt", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder for the files (default: out).")
@click.option(
    "--format", "file_format", type=click.Choice(list(FORMATS)), default="both", help="Default: both."
)
@click.option("--image", type=click.IntRange(1, IMAGES_PER_JOB), help="Make only this image of the grid.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.pass_context
def imagine_command(
    context: click.Context,
    prompt: tuple[str, ...],
    out: Path | None,
    file_format: str,
    image: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Draw PROMPT: four images and their grid, as PNG and WebP.

    Put the prompt in quotes, because it may have parameters of its own: "a red fox --ar 16:9 --seed 7". A single `-`
    reads it from standard input.
    """
    started = context.obj if isinstance(context.obj, float) else time.monotonic()
    settings = settings_of_process()
    indices = range(IMAGES_PER_JOB) if image is None else [image - 1]
    wish = Wish(out=out or settings.out, formats=FORMATS[file_format], indices=tuple(indices), quiet=quiet)
    jobs = plan(read_prompt(prompt), settings)
    results: list[tuple[Drawn, Saved | None]] = []
    try:
        _make(jobs, wish, settings, started, results)
    finally:
        if not as_json:
            for path in _paths(results):
                click.echo(os.fsencode(path))
    if as_json:
        click.echo(json.dumps({"jobs": [_object(drawn, saved) for drawn, saved in results]}))
    return _tell_failures(results)


def plan(text: str, settings: Settings) -> tuple[Job, ...]:
    """The jobs that a prompt expands to, in order, each with its seed. Raises PromptError."""
    catalogue = open_catalogue(settings)
    found = parse(text, catalogue=catalogue, limits=BatchLimits(jobs=settings.max_jobs), new_seed=_new_seed)
    check_drawable({params.model for params in found}, catalogue)
    return tuple(_job(str(number), params) for number, params in enumerate(found, start=1))


def _job(job_id: str, params: GenerationParams) -> Job:
    """A job with a seed, drawn now where the model leaves it no say in the prompt."""
    from darkroom.cli.draw import Job

    seed = _new_seed() if params.seed is None else params.seed
    return Job(id=job_id, params=replace(params, seed=seed), canonical=format_prompt(params), seed=seed)


def _new_seed() -> int:
    return secrets.randbelow(SEED_MAX + 1)


def _make(
    jobs: Sequence[Job],
    wish: Wish,
    settings: Settings,
    started: float,
    results: list[tuple[Drawn, Saved | None]],
) -> None:
    """Draw and save all jobs; `results` grows as they are done, so that a cancelled run still knows what it left."""
    from darkroom.cli.draw import draw
    from darkroom.cli.progress import open_watch
    from darkroom.cli.save import save
    from darkroom.finish.encode import ImageFormat
    from darkroom.finish.write import check_folder

    check_folder(wish.out)
    formats = [ImageFormat(name) for name in wish.formats]
    with Interrupts() as interrupts, open_watch(quiet=wish.quiet) as watch:
        watch.say(_count(len(jobs), len(wish.indices)))
        if any(job.params.lane or job.params.visibility for job in jobs):
            watch.say(NO_QUEUE)
        watch.introduce({job.id: job.params.text for job in jobs}, wish.indices)
        studio = open_studio(settings, between=interrupts.check)
        ready_s = time.monotonic() - started
        for drawn in draw(studio, jobs, wish.indices, tell=watch.happened, check=interrupts.check):
            drawn.clock.seconds["start"] = ready_s
            with drawn.clock.measure("encode"):
                saved = None if drawn.failure else save(drawn, wish.out, formats)
            results.append((drawn, saved))
            if saved:
                watch.finished(saved.picture)
            for note in drawn.notes:
                watch.say(f"note: {note}")


def _count(jobs: int, images_each: int) -> str:
    images = jobs * images_each
    return f"{jobs} job{'s' * (jobs != 1)}, {images} image{'s' * (images != 1)}"


def _paths(results: Iterable[tuple[Drawn, Saved | None]]) -> Iterable[Path]:
    for _, saved in results:
        for files in [*saved.images.values(), saved.grid or {}] if saved else []:
            yield from files.values()


def _object(drawn: Drawn, saved: Saved | None) -> dict[str, object]:
    """A job as `--json` prints it."""
    job: dict[str, object] = {"canonical": drawn.job.canonical, "seed": drawn.job.seed}
    if saved is None:
        return {**job, "error": {"code": "job_failed", "message": drawn.failure}}
    return {
        **job,
        "images": [{"image": number, **_names(files)} for number, files in saved.images.items()],
        "grid": _names(saved.grid) if saved.grid else None,
        "notes": drawn.notes,
        "times": {phase: round(seconds, 4) for phase, seconds in drawn.clock.seconds.items()},
    }


def _names(files: dict[str, Path]) -> dict[str, str]:
    return {name: str(path) for name, path in files.items()}


def _tell_failures(results: Iterable[tuple[Drawn, Saved | None]]) -> int:
    failed = [drawn for drawn, saved in results if saved is None]
    for drawn in failed:
        click.echo(f"darkroom: {plain(drawn.job.canonical)}: {plain(drawn.failure)}", err=True)
    return failures.FAILED if failed else failures.DONE
