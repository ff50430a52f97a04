"""Appeals: somebody says that a verdict is wrong, and an operator decides, once. A decision changes nothing but itself."""

from __future__ import annotations

from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.appeals import APPEALS_OPEN_MAX, Appeal
from darkroom.core.ids import new_id
from darkroom.lifecycle.rooms import Rooms


async def appeal(rooms: Rooms, account: Account, verdict_id: int, reason: str) -> Appeal:
    """NotFound where this account was refused nothing under that number; Conflict (`already_appealed`); Exhausted
    (`too_many_appeals`)."""
    now = rooms.clock()
    new = Appeal(id=new_id(now), verdict_id=verdict_id, account_id=account.id, reason=reason.strip(), at=now)
    return await rooms.appeals.add(new, open_max=APPEALS_OPEN_MAX)


async def decide(rooms: Rooms, operator: Account, appeal_id: UUID, *, granted: bool, note: str) -> Appeal:
    """NotFound, Conflict (`already_resolved`): the first decision stands, and whose it was."""
    return await rooms.appeals.decide(
        appeal_id, granted=granted, note=note.strip(), decided_by=operator.id, now=rooms.clock()
    )
