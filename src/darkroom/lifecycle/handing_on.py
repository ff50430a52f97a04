"""What a worker gets with a job: its pictures, and the states that another left of it; and what is thrown away when nobody needs it.

Knows no step and no tensor: a picture is a stored file, a state a staged one. Whose claim is over has no say in it, as in nothing else.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from darkroom.core.errors import NotFound, Refused, StoreUnavailable
from darkroom.core.work import INPUT_MEDIA_TYPE, STATE_MEDIA_TYPE, Assignment
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.runs import Run

LINK_LIFE = timedelta(minutes=15)  # of the ways to a saved state and to the pictures of a job
FLOW_BYTES = 12  # of the keyed hash that stands for an account

log = logging.getLogger(__name__)


class HandingOn:
    """One per dispatcher. Whose job it is, workers cannot tell, nor whether two that they got from two dispatchers are of one."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._secret = secrets.token_bytes(32)

    async def assignment(self, run: Run) -> Assignment:
        """What the worker of a run gets. Where there is no way to its saved state, it begins anew."""
        return replace(
            run.assignment,
            flow=self.flow(run.job.account_id),
            saved_url=await self._saved_url(run),
            inputs=await self._inputs(run),
        )

    def flow(self, account_id: UUID) -> str:
        """Equal for the jobs of one account, and good for nothing else."""
        return hmac.digest(self._secret, account_id.bytes, "sha256")[:FLOW_BYTES].hex()

    async def _saved_url(self, run: Run) -> str:
        if not run.job.saved:
            return ""
        try:
            return await self._rooms.objects.staged_url(
                run.job.saved, expires_at=self._rooms.clock() + LINK_LIFE, media_type=STATE_MEDIA_TYPE
            )
        except (StoreUnavailable, Refused) as error:
            log.warning("job %s begins anew, its saved state cannot be reached: %s", run.job.id, error)
            return ""

    async def _inputs(self, run: Run) -> dict[str, str]:
        """Where its pictures are read, by digest. One to which there is no way is left away: its worker says that it lacks it."""
        expires_at = self._rooms.clock() + LINK_LIFE
        ways: dict[str, str] = {}
        for digest in run.job.recipe.digests:
            try:
                ways[digest] = await self._rooms.objects.lent_url(
                    digest, expires_at=expires_at, media_type=INPUT_MEDIA_TYPE
                )
            except (StoreUnavailable, Refused) as error:
                log.warning("job %s lacks the picture %s: %s", run.job.id, digest, error)
        return ways


async def discard(rooms: Rooms, keys: Sequence[str]) -> None:
    """Deletes saved states that nobody will go on with; what escapes is swept with all that stays staged. StoreUnavailable."""
    try:
        await rooms.objects.delete(keys)
    except (NotFound, Refused) as error:
        log.warning("saved states stay staged: %s", error)
