"""Looks at unfinished grids: judged, stored, told, and gone when the job ends. The first thing to be dropped, never waited for."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from uuid import UUID

from darkroom.core.errors import ModerationUnavailable, NotFound, Refused, StoreUnavailable
from darkroom.core.news import JobPreviewed
from darkroom.core.verdicts import ModerationRecord, Subject
from darkroom.lifecycle.keys import preview_key
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.runs import Run
from darkroom.moderation.images import judge

WAITING_MAX = 256  # jobs of which a preview may wait to be stored; the newest of each
PREVIEW_MAX_BYTES = 512 * 1024
BLOCKED_MAX = 256  # verdicts that may wait to be logged

log = logging.getLogger(__name__)


class Previews:
    """Owns one task that stores what is offered; it ends when nothing waits."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._waiting: OrderedDict[UUID, tuple[JobPreviewed, bytes]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self.blocked: list[ModerationRecord] = []

    def offer(self, run: Run, image: bytes, scores: Mapping[str, float]) -> None:
        """A newer preview takes the place of one that waits. Without scores, or with bad ones, nobody sees it."""
        if len(image) > PREVIEW_MAX_BYTES or not self._may_be_seen(run, scores):
            return
        run.previews += 1
        job = run.job
        news = JobPreviewed(
            account_id=job.account_id,
            job_id=job.id,
            number=run.previews,
            key=preview_key(job.id, run.previews),
        )
        if len(self._waiting) < WAITING_MAX or job.id in self._waiting:
            self._waiting[job.id] = (news, image)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._store())

    def _may_be_seen(self, run: Run, scores: Mapping[str, float]) -> bool:
        try:
            verdict = judge(self._rooms.image_policy, scores)
        except ModerationUnavailable:
            return False
        if verdict.blocked and len(self.blocked) < BLOCKED_MAX:
            self.blocked.append(
                ModerationRecord(
                    account_id=run.job.account_id,
                    job_id=run.job.id,
                    subject=Subject.PREVIEW,
                    text=run.job.prompt,
                    verdict=verdict,
                    at=self._rooms.clock(),
                )
            )
        return not verdict.blocked

    async def _store(self) -> None:
        while self._waiting:
            _, (news, image) = self._waiting.popitem(last=False)
            try:
                await self._rooms.objects.put(news.key, image, media_type="image/webp")
            except (StoreUnavailable, Refused) as error:
                log.warning("a preview of job %s is dropped: %s", news.job_id, error)
            else:
                self._rooms.bus.publish(news)

    async def forget(self, runs: Sequence[Run]) -> None:
        """Deletes the previews of runs that are over. StoreUnavailable."""
        for run in runs:
            self._waiting.pop(run.job.id, None)
        keys = [preview_key(run.job.id, n) for run in runs for n in range(1, run.previews + 1)]
        try:
            await self._rooms.objects.delete(keys)
        except (NotFound, Refused) as error:
            log.warning("previews stay behind: %s", error)

    def stop(self) -> None:
        """The process ends: what waits is dropped."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    async def settled(self) -> None:
        """Returns when nothing waits to be stored."""
        if self._task is not None:
            await asyncio.shield(self._task)
