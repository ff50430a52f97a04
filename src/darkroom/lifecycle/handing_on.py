"""A job that one worker began, another goes on with: what it gets with the job, and what is thrown away when nobody needs it.

Knows no step and no tensor: a state is a staged file. Whose claim is over has no say in it, as in nothing else.
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
from darkroom.core.work import STATE_MEDIA_TYPE, Assignment
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.runs import Run

LINK_LIFE = timedelta(minutes=15)  # of the way to a saved state
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
            run.assignment, flow=self.flow(run.job.account_id), saved_url=await self._saved_url(run)
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


async def discard(rooms: Rooms, keys: Sequence[str]) -> None:
    """Deletes saved states that nobody will go on with; what escapes is swept with all that stays staged. StoreUnavailable."""
    try:
        await rooms.objects.delete(keys)
    except (NotFound, Refused) as error:
        log.warning("saved states stay staged: %s", error)
