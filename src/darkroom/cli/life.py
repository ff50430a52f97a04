"""The life of submitted jobs as the person sees it: progress and previews from the events, places and ends by asking.

Events only hasten what asking finds out anyway: a lost one costs seconds, never a job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import suppress

from darkroom.cli.client import Client, Object
from darkroom.cli.fetch import opened
from darkroom.cli.following import Following, Told
from darkroom.cli.progress import Watch
from darkroom.cli.tables import duration, seconds_between
from darkroom.core.errors import DarkroomError, Unavailable

ENDED = ("completed", "rejected", "failed", "cancelled")
QUEUED = ("waiting", "ready")
TAKE_S = 0.1  # how late Ctrl-C is heeded
ASK_EVERY_S = 2.0  # while a job waits
ASK_RUNNING_S = 10.0  # once all are drawn
PATIENCE_S = 60.0  # with a server that does not answer
STILL_S = 20.0  # without a start, after which a person is told how it stands
UNTAKEN = "no worker has taken it yet; an operator can look with `darkroom admin workers list`"
UNREACHABLE = "the server does not answer; trying again"


def lives(
    client: Client,
    events: Following,
    living: MutableMapping[str, Object],
    watch: Watch,
    check: Callable[[], None],
) -> Iterator[Object]:
    """Each of the `living` jobs once it has ended, when it is taken out of them. `check` is called often and may raise.

    Raises Unavailable where the server is away for PATIENCE_S.
    """
    life = _Life(client, living, watch)
    while living:
        check()
        told = events.take(TAKE_S)
        if told is not None:
            life.heard(told)
        elif life.due:
            yield from life.asked()
        else:
            life.look()


class _Life:
    def __init__(self, client: Client, living: MutableMapping[str, Object], watch: Watch) -> None:
        self._client, self._living, self._watch = client, living, watch
        self._ask_at = time.monotonic()
        self._answered_at = time.monotonic()
        self._still_at: float | None = time.monotonic() + STILL_S
        self._previews: dict[str, str] = {}
        self._said = False

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._ask_at

    def heard(self, told: Told) -> None:
        """An event. What it does not say, asking will."""
        job_id = str(told.data.get("job_id", ""))
        if told.name == "reset":
            self._ask_at = time.monotonic()
        if job_id not in self._living:
            return
        if told.name == "progress":
            self._watch.placed(job_id, "")
            self._watch.advanced(job_id, int(told.data["done"]), int(told.data["total"]))
        elif told.name == "preview" and self._watch.shows_previews:
            self._previews[job_id] = str(told.data["url"])
        elif told.name == "job":
            self._ask_at = time.monotonic()

    def asked(self) -> Iterator[Object]:
        """Ask how the jobs stand; those that ended."""
        batches = {job["batch_id"] for job in self._living.values()}
        try:
            found = [
                job for batch in batches for job in self._client.pages("/api/v1/jobs", "jobs", batch=batch)
            ]
        except Unavailable:
            if time.monotonic() - self._answered_at > PATIENCE_S:
                raise
            self._ask_at = time.monotonic() + ASK_EVERY_S
            if not self._said:
                self._watch.say(UNREACHABLE)
            self._said = True
            return
        self._answered_at, self._said = time.monotonic(), False
        queued = any(job["state"] in QUEUED for job in found)
        self._tell_still(found)
        self._ask_at = time.monotonic() + (ASK_EVERY_S if queued else ASK_RUNNING_S)
        for job in found:
            if job["id"] in self._living:
                self._watch.placed(job["id"], standing(job))
                if job["state"] in ENDED:
                    del self._living[job["id"]]
                    yield job

    def _tell_still(self, found: Sequence[Object]) -> None:
        """Once, where none of the jobs was started for STILL_S: in a pipe nothing else would say so."""
        if self._still_at is None or any(job["started_at"] or job["state"] not in QUEUED for job in found):
            self._still_at = None
        elif time.monotonic() >= self._still_at:
            self._watch.say(still(found))
            self._still_at = None

    def look(self) -> None:
        """The newest preview, in a quiet moment; one that is gone already is no loss."""
        if self._previews:
            _, url = self._previews.popitem()
            with suppress(DarkroomError):
                self._watch.look(opened(self._client.download(url)))


def standing(job: Object) -> str:
    """Where a job stands, in a few words; "" where its bar says it."""
    if job["state"] not in QUEUED:
        return "finishing" if job["state"] == "finishing" else ""
    ahead = job.get("position")
    if job["state"] == "waiting":
        words = f"waiting for a free slot, {ahead} ahead" if ahead else "waiting for a free slot"
    elif ahead is None:
        words = "in the queue"
    else:
        words = f"{ahead} ahead" if ahead else "next"
    wait_s = job.get("wait_s")
    return words if wait_s is None else f"{words}, about {duration(wait_s)}"


def still(jobs: Sequence[Object]) -> str:
    """What to say of jobs none of which was started for a while."""
    ahead = min((job["position"] for job in jobs if job["position"] is not None), default=None)
    if ahead is None and all(job["state"] == "waiting" for job in jobs):
        return "still waiting for a free slot: other jobs of the account come first"
    return f"still waiting: {ahead} ahead" if ahead else UNTAKEN


def times(job: Object) -> dict[str, float | None]:
    """Seconds that a job spent in the queue and being drawn, by the server's clock."""
    waited = seconds_between(job["created_at"], job["started_at"] or job["finished_at"])
    drawn = seconds_between(job["started_at"], job["finished_at"]) if job["started_at"] else None
    return {
        "queue": None if waited is None else round(waited, 4),
        "draw": None if drawn is None else round(drawn, 4),
    }
