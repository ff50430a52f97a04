"""Notices ready jobs that no worker here can draw, and says so once. Policy over what it is shown; changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from darkroom.core.jobs import Job
from darkroom.lifecycle.crew import Crew

UNSERVED_WARN_S = 30.0

log = logging.getLogger(__name__)


class Unserved:
    """By model: since when its jobs have had no worker here. A worker that can draw them ends that, and so does the last job."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._said: set[str] = set()

    def look(self, ready: Iterable[Job], crew: Crew, *, now: float) -> None:
        """Warns of each model whose jobs have waited too long. `now` is in seconds."""
        served = {model for member in crew if member.active for model in member.view.models}
        waiting: dict[str, int] = {}
        for job in ready:
            if job.model not in served:
                waiting[job.model] = waiting.get(job.model, 0) + 1
        self._since = {model: self._since.get(model, now) for model in waiting}
        self._said &= waiting.keys()
        for model in waiting.keys() - self._said:
            if now - self._since[model] >= UNSERVED_WARN_S:
                self._said.add(model)
                log.warning(
                    "%d ready jobs wait for a worker that can draw with %s, and none is there; "
                    "`darkroom admin workers list` shows what became of the workers",
                    waiting[model],
                    model,
                )
