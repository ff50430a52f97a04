"""Somebody does not want a job any more: at once where nobody draws it, else as soon as its worker has stopped.

Knows nothing of who asks but the account.
"""

from __future__ import annotations

from uuid import UUID

from darkroom.core.jobs import Job
from darkroom.lifecycle.rooms import Rooms


async def cancel(rooms: Rooms, job_id: UUID, *, account_id: UUID | None) -> Job:
    """The job as it is now: cancelled free of charge, marked while it runs, or as it was where it had ended before.

    `account_id` None is an operator. Raises NotFound for a job that is not the account's, StoreUnavailable.
    """
    change = await rooms.ledger.request_cancel(
        job_id, account_id=account_id, by_operator=account_id is None, now=rooms.clock()
    )
    rooms.tell(change)
    return change.jobs[0]
