"""What people were refused, and what they say against it. Protocols, no code; the rules are those of the package."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from darkroom.core.appeals import Appeal, Case
from darkroom.core.verdicts import ModerationRecord


class Appeals(Protocol):
    """Verdicts as those see them whom they refused something; appeals, one for each verdict, and their decisions."""

    async def refusals(self, account_id: UUID, *, before: int | None, limit: int) -> list[ModerationRecord]:
        """The verdicts that refused something of this account, newest first."""
        ...

    async def add(self, appeal: Appeal, *, open_max: int) -> Appeal:
        """Keeps an open appeal. NotFound where its account has no such verdict that refused something; Conflict
        (`already_appealed`); Exhausted (`too_many_appeals`) where `open_max` of the account's are open."""
        ...

    async def decide(
        self, appeal_id: UUID, *, granted: bool, note: str, decided_by: UUID, now: datetime
    ) -> Appeal:
        """Once. NotFound, Conflict (`already_resolved`)."""
        ...

    async def of_verdicts(self, verdict_ids: Collection[int]) -> Mapping[int, Appeal]:
        """The appeals against these verdicts, by verdict; those without one are missing."""
        ...

    async def cases(self, *, open_only: bool, before: UUID | None, limit: int) -> list[Case]:
        """The open ones, or those that are decided; newest first."""
        ...

    async def open_of(self, account_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """How many of these accounts' appeals are open; those with none are missing."""
        ...
