"""From a submission to its files: follow each job to its end and fetch what came of it. What is not done is cancelled on Ctrl-C.

Knows no command: what is submitted, and how, is for who asks.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.bootstrap import open_catalogue
from darkroom.cli.address import find_server
from darkroom.cli.interrupts import Interrupts
from darkroom.cli.plain import plain
from darkroom.cli.pointing import handle, images_of
from darkroom.cli.spoken import spoken
from darkroom.cli.styles import drawn_styles
from darkroom.cli.wish import Outcome, Wish, count, names
from darkroom.core.errors import DarkroomError
from darkroom.prompt import parse

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object
    from darkroom.cli.fetch import Fetched
    from darkroom.cli.progress import Watch
    from darkroom.settings import Settings

STARTING = (
    "no server runs here: one is started for this command. `darkroom serve` keeps one, which saves the wait."
)
KEY_BYTES = 16

Submit = Callable[[str], "Object"]
"""What submits with an idempotency key, and gives the API's answer with its `jobs`, and its `notes` where it has any."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A server within reach, and the person who waits. `check` is called often and raises where they have had enough."""

    client: Client
    watch: Watch
    check: Callable[[], None]
    settings: Settings


@contextmanager
def session(settings: Settings, *, quiet: bool) -> Iterator[Session]:
    """The server that runs, or one that is started for as long as the block."""
    from darkroom.cli.client import Client
    from darkroom.cli.progress import open_watch

    with Interrupts() as interrupts, open_watch(quiet=quiet) as watch:
        found = find_server(settings)
        if found is not None:
            with Client(found.url, found.key) as client:
                yield Session(client=client, watch=watch, check=interrupts.check, settings=settings)
            return
        watch.say(STARTING)
        from darkroom.cli.embedded import embedded

        with embedded(settings, check=interrupts.check) as started:

            def check_both() -> None:
                interrupts.check()
                started.check()

            with Client(started.address.url, started.address.key) as client:
                yield Session(client=client, watch=watch, check=check_both, settings=settings)


def await_jobs(
    submit: Submit,
    wish: Wish,
    here: Session,
    outcomes: list[Outcome],
    fetched: Callable[[Object], None] | None = None,
) -> Sequence[Object]:
    """Submit, follow, and save what comes; `outcomes` grows as jobs end, and is in the order of the answer at the end.

    A job that fails, fails alone. Raises what the server refuses; then, as on Ctrl-C, what is not done is cancelled there.
    `fetched`, where given, gets each completed job in place of the folder. Returns the jobs as they ended, in order.
    """
    return _Awaiting(wish, here, fetched).run(submit, outcomes)


class _Awaiting:
    """One submission on its way."""

    def __init__(self, wish: Wish, here: Session, fetched: Callable[[Object], None] | None) -> None:
        self._wish, self._here, self._fetched = wish, here, fetched
        self._client, self._watch = here.client, here.watch
        self._living: dict[str, Object] = {}
        self._notes: list[str] = []  # of the submission; each was told

    def run(self, submit: Submit, outcomes: list[Outcome]) -> Sequence[Object]:
        from darkroom.cli.following import Following
        from darkroom.cli.life import lives

        ended: list[Object] = []
        try:
            with Following(self._client) as events:
                self._here.check()
                jobs = self._submit(submit)
                for job in lives(self._client, events, self._living, self._watch, self._here.check):
                    outcomes.append(self._ended(job))
                    ended.append(job)
        except BaseException:
            self._cancel()
            raise
        self._go_on(ended)
        order = [job["id"] for job in jobs]
        outcomes.sort(key=lambda outcome: order.index(outcome.object["id"]))
        return sorted(ended, key=lambda job: order.index(job["id"]))

    def _submit(self, submit: Submit) -> list[Object]:
        from darkroom.cli.life import standing

        answer = submit(secrets.token_urlsafe(KEY_BYTES))
        jobs: list[Object] = answer["jobs"]
        self._living.update({job["id"]: job for job in jobs})
        wanted = self._wish.indices
        indices = tuple(range(images_of(jobs[0]))) if wanted is None else wanted
        self._watch.say(count(len(jobs), len(indices)))
        self._tell_notes(answer.get("notes", ()))
        self._notes = list(answer.get("notes", ()))
        for told in drawn_styles(jobs):
            self._watch.say(told)
        if jobs[0]["position"] or jobs[0]["state"] == "waiting":
            self._watch.say(f"it has to wait: {standing(jobs[0])}")
        self._watch.introduce({job["id"]: self._words(job) for job in jobs}, indices)
        return jobs

    def _ended(self, job: Object) -> Outcome:
        """What became of a job; its pictures are fetched where it was completed."""
        told = {"id": job["id"], "batch_id": job["batch_id"], "canonical": job["prompt"], "seed": job["seed"]}
        if job["state"] != "completed":
            error = job["error"] or {}
            code, message = (
                error.get("code") or job["state"],
                error.get("message") or f"the job was {job['state']}",
            )
            why = {"error": {"code": code, "message": message}}
            return Outcome(canonical=job["prompt"], object=told | why, failure=message)
        self._watch.completed(job["id"])
        if self._fetched is not None:
            self._fetched(job)
            return Outcome(canonical=job["prompt"], object=told)
        return self._saved(job, told)

    def _saved(self, job: Object, told: Object) -> Outcome:
        from darkroom.cli.fetch import fetch
        from darkroom.cli.life import times

        fetched = fetch(self._client, job, self._words(job), self._wish)
        self._show(fetched)
        self._tell_notes([note for note in job["notes"] if note not in self._notes])
        ids = {image["index"]: image["id"] for image in job["images"]}
        grid = {"id": job["grid"]["id"], **names(fetched.grid)} if fetched.grid else None
        more = {
            "images": [
                {"image": number, "id": ids[number], **names(files)}
                for number, files in fetched.images.items()
            ],
            "grid": grid,
            "notes": list(dict.fromkeys([*self._notes, *job["notes"]])),
            "times": times(job),
            "charged_gpu_ms": job["charged_gpu_ms"],
        }
        files = (*fetched.images.values(), *([fetched.grid] if fetched.grid else []))
        return Outcome(canonical=job["prompt"], object=told | more, files=files)

    def _tell_notes(self, notes: Sequence[str]) -> None:
        for note in notes:
            self._watch.say(f"note: {plain(spoken(note))}")

    def _show(self, fetched: Fetched) -> None:
        if self._watch.shows_pictures:
            from darkroom.cli.fetch import opened

            self._watch.finished(opened(fetched.shown))

    def _words(self, job: Object) -> str:
        """The prompt's words without its parameters; a model that this machine does not know is no hindrance."""
        prompt: str = job["prompt"]
        with suppress(DarkroomError):
            return parse(prompt, catalogue=open_catalogue(self._here.settings))[0].text
        return prompt.partition(" --")[0]

    def _go_on(self, ended: Sequence[Object]) -> None:
        """How to go on from what was drawn."""
        done = [job for job in ended if job["images"]]
        if not done or self._fetched is not None:
            return
        images = done[-1]["images"]
        name = handle(done[-1], int(images[min(1, len(images) - 1)]["index"]))
        verbs = ("vary", "upscale", "zoom") if len(images) > 1 else ("vary", "zoom", "lineage")
        self._watch.say("go on with " + ", ".join(f"`darkroom {verb} {name}`" for verb in verbs))

    def _cancel(self) -> None:
        """Nobody waits for them any more."""
        if self._living:
            self._watch.say("cancelling what is not done")
        for job_id in self._living:
            with suppress(DarkroomError):
                self._client.delete(f"/api/v1/jobs/{job_id}")
