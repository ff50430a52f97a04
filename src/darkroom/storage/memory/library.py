"""The library in memory (core.ports.Library): jobs, their history and their images, to be looked at. Writes nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.images import Image
from darkroom.core.jobs import Job, JobMoved, JobState
from darkroom.core.params import Lane
from darkroom.core.ports import JobFilter
from darkroom.storage.memory.state import State
from darkroom.storage.memory.steps import LANE_ORDER


class MemoryLibrary:
    """Every method is one step of the event loop, so it sees one moment."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def job(self, job_id: UUID) -> Job:
        return self._state.job(job_id)

    async def jobs(self, wanted: JobFilter, *, before: UUID | None, limit: int) -> list[Job]:
        found = (self._state.jobs[each] for each in _newest_first(self._state.jobs, before))
        return [job for job in found if self._matches(job, wanted)][:limit]

    def _matches(self, job: Job, wanted: JobFilter) -> bool:
        return (
            wanted.account_id in (None, job.account_id)
            and (not wanted.states or job.state in wanted.states)
            and wanted.lane in (None, job.lane)
            and wanted.model in (None, job.model)
            and wanted.batch_id in (None, job.batch_id)
            and self._says(job.id, wanted.text)
        )

    def _says(self, job_id: UUID, text: str) -> bool:
        return says(self._state, job_id, text)

    async def history(self, job_id: UUID) -> list[JobMoved]:
        return [each for each in self._state.moves if each.job_id == job_id]

    async def moved_since(self, event_id: int, *, account_id: UUID | None, limit: int) -> list[JobMoved]:
        newer = self._state.moves[max(event_id, 0) :]  # the ids count from 1 without gaps
        return [each for each in newer if account_id in (None, each.account_id)][:limit]

    async def newest_event(self, account_id: UUID | None = None) -> int:
        newest = reversed(self._state.moves)
        return next((each.id for each in newest if account_id in (None, each.account_id)), 0)

    async def image(self, image_id: UUID) -> Image:
        if image_id not in self._state.images:
            raise NotFound(f"There is no image {image_id}.")
        return self._state.images[image_id]

    async def images_of(self, job_ids: Sequence[UUID]) -> list[Image]:
        wanted = set(job_ids)
        found = [each for each in self._state.images.values() if each.job_id in wanted]
        return sorted(found, key=lambda image: (image.job_id, image.index is None, image.index or 0))

    async def images(
        self, account_id: UUID, *, before: UUID | None, limit: int, text: str = ""
    ) -> list[Image]:
        found = (self._state.images[each] for each in _newest_first(self._state.images, before))
        own = (each for each in found if each.account_id == account_id and each.index is not None)
        kept = (each for each in own if each.trashed_at is None and each.deleted_at is None)
        new = (each for each in kept if each.recipe.replay_of is None)
        return [each for each in new if self._says(each.job_id, text)][:limit]

    async def waiting_ahead(self, jobs: Sequence[Job]) -> Mapping[UUID, int]:
        state, ahead = self._state, dict[UUID, int]()
        for account_id in {job.account_id for job in jobs}:
            waiting = [state.jobs[each] for each in state.waiting[account_id]]
            waiting.sort(key=lambda job: (LANE_ORDER[job.lane], job.id))
            ahead.update((job.id, place) for place, job in enumerate(waiting))
        return {job.id: ahead[job.id] for job in jobs if job.id in ahead}

    async def queue_depth(self) -> Mapping[tuple[JobState, Lane], int]:
        living = (self._state.jobs[each] for each in self._state.living)
        return Counter((job.state, job.lane) for job in living)


def says(state: State, job_id: UUID, text: str) -> bool:
    """Whether every word of the text is among the job's words, whatever its case."""
    return not text or _words(text) <= _words(state.words[job_id])


def _newest_first(ids: Iterable[UUID], before: UUID | None) -> list[UUID]:
    return sorted((each for each in ids if before is None or each < before), reverse=True)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
