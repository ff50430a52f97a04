"""How a prompt becomes files by way of a server: find or start one -> submit -> follow -> fetch, job by job.

Ctrl-C cancels on the server what is not done. Imports nothing heavy: a prompt that is wrong is told before a server is started.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from darkroom.bootstrap import check_drawable, open_catalogue
from darkroom.cli.address import find_server
from darkroom.cli.interrupts import Interrupts
from darkroom.cli.wish import Outcome, Wish, count, names
from darkroom.core.errors import DarkroomError, ModelError, PromptError
from darkroom.prompt import BatchLimits, parse

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object
    from darkroom.cli.fetch import Fetched
    from darkroom.cli.progress import Watch
    from darkroom.settings import Settings

STARTING = (
    "no server runs here: one is started for this command. `darkroom serve` keeps one, which saves the wait."
)
LISTED_SINCE = "It is listed on this machine since the server started: stop the server and start it again."
KEY_BYTES = 16


def ask(text: str, wish: Wish, settings: Settings, outcomes: list[Outcome]) -> None:
    """Have a prompt drawn and save what comes; `outcomes` grows as jobs end, and is in the order of the prompt at the end.

    A job that fails, fails alone. Raises what the server refuses; then, as on Ctrl-C, what is not done is cancelled there.
    """
    if find_server(settings) is None:
        check_prompt(text, settings)
    from darkroom.cli.progress import open_watch
    from darkroom.finish.write import check_folder

    check_folder(wish.out)
    with (
        Interrupts() as interrupts,
        open_watch(quiet=wish.quiet) as watch,
        _reached(settings, watch, interrupts.check) as (client, check),
    ):
        _Asking(client, wish, settings, watch, check).run(text, outcomes)


def check_prompt(text: str, settings: Settings) -> None:
    """Raises what a server on this machine would say to a prompt that cannot be understood."""
    catalogue = open_catalogue(settings)
    found = parse(text, catalogue=catalogue, limits=BatchLimits(jobs=settings.max_jobs))
    check_drawable({params.model for params in found}, catalogue)


@contextmanager
def _reached(
    settings: Settings, watch: Watch, check: Callable[[], None]
) -> Iterator[tuple[Client, Callable[[], None]]]:
    """A client of the server that runs, or of one that is started for as long; and what to call now and then."""
    from darkroom.cli.client import Client
    from darkroom.cli.embedded import embedded

    found = find_server(settings)
    if found is not None:
        with Client(found.url, found.key) as client:
            yield client, check
        return
    watch.say(STARTING)
    with embedded(settings, check=check) as started:

        def check_both() -> None:
            check()
            started.check()

        with Client(started.address.url, started.address.key) as client:
            yield client, check_both


class _Asking:
    """One prompt on its way."""

    def __init__(
        self, client: Client, wish: Wish, settings: Settings, watch: Watch, check: Callable[[], None]
    ) -> None:
        self._client, self._wish, self._settings = client, wish, settings
        self._watch, self._check = watch, check
        self._living: dict[str, Object] = {}

    def run(self, text: str, outcomes: list[Outcome]) -> None:
        from darkroom.cli.following import Following
        from darkroom.cli.life import lives

        try:
            with Following(self._client) as events:
                self._check()
                jobs = self._submit(text)
                for job in lives(self._client, events, self._living, self._watch, self._check):
                    outcomes.append(self._ended(job))
        except BaseException:
            self._cancel()
            raise
        order = [job["id"] for job in jobs]
        outcomes.sort(key=lambda outcome: order.index(outcome.object["id"]))

    def _submit(self, text: str) -> list[Object]:
        from darkroom.cli.life import standing

        key = secrets.token_urlsafe(KEY_BYTES)
        try:
            batch = self._client.submit(text, lane=self._wish.lane, key=key)
        except PromptError as refusal:
            raise self._explained(refusal, text) from refusal
        jobs: list[Object] = batch["jobs"]
        self._living.update({job["id"]: job for job in jobs})
        self._watch.say(count(len(jobs), len(self._wish.indices)))
        if jobs[0]["position"] or jobs[0]["state"] == "waiting":
            self._watch.say(f"it has to wait: {standing(jobs[0])}")
        self._watch.introduce({job["id"]: self._words(job) for job in jobs}, self._wish.indices)
        return jobs

    def _explained(self, refusal: PromptError, text: str) -> PromptError:
        """With the reason where a model was refused as unknown that this machine's registry has."""
        if refusal.code != "unsupported_by_model" or "names no model" not in refusal.message:
            return refusal
        hint = LISTED_SINCE
        try:
            check_prompt(text, self._settings)
        except ModelError as reason:  # it is listed, and this machine cannot draw with it
            hint = f"{reason.message}."
        except DarkroomError:
            return refusal
        return PromptError(refusal.code, refusal.message, position=refusal.position, hint=hint)

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
        return self._fetched(job, told)

    def _fetched(self, job: Object, told: Object) -> Outcome:
        from darkroom.cli.fetch import fetch
        from darkroom.cli.life import times

        self._watch.completed(job["id"])
        fetched = fetch(self._client, job, self._words(job), self._wish)
        self._show(fetched)
        for note in job["notes"]:
            self._watch.say(f"note: {note}")
        ids = {image["index"]: image["id"] for image in job["images"]}
        grid = {"id": job["grid"]["id"], **names(fetched.grid)} if fetched.grid else None
        more = {
            "images": [
                {"image": number, "id": ids[number], **names(files)}
                for number, files in fetched.images.items()
            ],
            "grid": grid,
            "notes": job["notes"],
            "times": times(job),
            "charged_gpu_ms": job["charged_gpu_ms"],
        }
        files = (*fetched.images.values(), *([fetched.grid] if fetched.grid else []))
        return Outcome(canonical=job["prompt"], object=told | more, files=files)

    def _show(self, fetched: Fetched) -> None:
        if self._watch.shows_pictures:
            from darkroom.cli.fetch import opened

            self._watch.finished(opened(fetched.shown))

    def _words(self, job: Object) -> str:
        """The prompt's words without its parameters; a model that this machine does not know is no hindrance."""
        prompt: str = job["prompt"]
        with suppress(DarkroomError):
            return parse(prompt, catalogue=open_catalogue(self._settings))[0].text
        return prompt.partition(" --")[0]

    def _cancel(self) -> None:
        """Nobody waits for them any more."""
        if self._living:
            self._watch.say("cancelling what is not done")
        for job_id in self._living:
            with suppress(DarkroomError):
                self._client.delete(f"/api/v1/jobs/{job_id}")
