"""`darkroom imagine --here`: the prompt is drawn in this process. Knows no server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from darkroom.bootstrap import check_drawable, open_catalogue, open_studio
from darkroom.cli.interrupts import Interrupts
from darkroom.cli.wish import Outcome, Wish, count, names
from darkroom.core.params import IMAGES_PER_JOB, SEED_MAX, GenerationParams
from darkroom.prompt import BatchLimits, format_prompt, parse

if TYPE_CHECKING:
    from darkroom.cli.draw import Drawn, Job
    from darkroom.cli.save import Saved
    from darkroom.settings import Settings

NO_QUEUE = "note: lanes and visibility change nothing here: this machine draws at once and shows nobody"


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


def draw_here(
    jobs: Sequence[Job], wish: Wish, settings: Settings, started: float, outcomes: list[Outcome]
) -> None:
    """Draw and save all jobs; `outcomes` grows as they are done, so that a cancelled run still knows what it left.

    `started` is the monotonic time at which the command did.
    """
    from darkroom.cli.draw import draw
    from darkroom.cli.progress import open_watch
    from darkroom.cli.save import save
    from darkroom.finish.encode import ImageFormat
    from darkroom.finish.write import check_folder

    check_folder(wish.out)
    formats = [ImageFormat(name) for name in wish.formats]
    indices = range(IMAGES_PER_JOB) if wish.indices is None else wish.indices
    with Interrupts() as interrupts, open_watch(quiet=wish.quiet) as watch:
        watch.say(count(len(jobs), len(indices)))
        if wish.lane or any(job.params.lane or job.params.visibility for job in jobs):
            watch.say(NO_QUEUE)
        watch.introduce({job.id: job.params.text for job in jobs}, indices)
        first = jobs[0].params.model
        studio = open_studio(settings, open_catalogue(settings), first=first, between=interrupts.check)
        ready_s = time.monotonic() - started
        for drawn in draw(studio, jobs, indices, tell=watch.happened, check=interrupts.check):
            drawn.clock.seconds["start"] = ready_s
            with drawn.clock.measure("encode"):
                saved = None if drawn.failure else save(drawn, wish.out, formats)
            outcomes.append(_outcome(drawn, saved))
            if saved:
                watch.finished(saved.picture)
            for note in drawn.notes:
                watch.say(f"note: {note}")


def _outcome(drawn: Drawn, saved: Saved | None) -> Outcome:
    job: dict[str, object] = {"canonical": drawn.job.canonical, "seed": drawn.job.seed}
    if saved is None:
        error = {"code": "job_failed", "message": drawn.failure}
        return Outcome(canonical=drawn.job.canonical, object={**job, "error": error}, failure=drawn.failure)
    told = {
        **job,
        "images": [{"image": number, **names(files)} for number, files in saved.images.items()],
        "grid": names(saved.grid) if saved.grid else None,
        "notes": drawn.notes,
        "times": {phase: round(seconds, 4) for phase, seconds in drawn.clock.seconds.items()},
    }
    files = (*saved.images.values(), *([saved.grid] if saved.grid else []))
    return Outcome(canonical=drawn.job.canonical, object=told, files=files)
