"""Appeals in memory (core.ports.Appeals): against verdicts, and what operators decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from darkroom.core.appeals import Appeal, AppealState, Case
from darkroom.core.verdicts import ModerationRecord
from darkroom.storage.limits import already_appealed, appeal_resolved, no_appeal, no_verdict, too_many_appeals
from darkroom.storage.memory.state import State


class MemoryAppeals:
    """Every method is one step of the event loop, so nothing can come between."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def refusals(self, account_id: UUID, *, before: int | None, limit: int) -> list[ModerationRecord]:
        own = (each for each in reversed(self._state.verdicts) if each.account_id == account_id)
        refused = (each for each in own if each.verdict.blocked)
        return [each for each in refused if before is None or each.id < before][:limit]

    async def add(self, appeal: Appeal, *, open_max: int) -> Appeal:
        record = self._record(appeal.verdict_id)
        if record is None or record.account_id != appeal.account_id or not record.verdict.blocked:
            raise no_verdict(appeal.verdict_id)
        if any(each.verdict_id == appeal.verdict_id for each in self._state.appeals.values()):
            raise already_appealed(appeal.verdict_id)
        if (await self.open_of([appeal.account_id])).get(appeal.account_id, 0) >= open_max:
            raise too_many_appeals(open_max)
        self._state.appeals[appeal.id] = appeal
        return appeal

    async def decide(
        self, appeal_id: UUID, *, granted: bool, note: str, decided_by: UUID, now: datetime
    ) -> Appeal:
        appeal = self._state.appeals.get(appeal_id)
        if appeal is None:
            raise no_appeal(appeal_id)
        if appeal.state is not AppealState.OPEN:
            raise appeal_resolved(appeal)
        state = AppealState.GRANTED if granted else AppealState.DENIED
        decided = replace(appeal, state=state, note=note, decided_by=decided_by, decided_at=now)
        self._state.appeals[appeal_id] = decided
        return decided

    async def of_verdicts(self, verdict_ids: Collection[int]) -> Mapping[int, Appeal]:
        appeals = self._state.appeals.values()
        return {each.verdict_id: each for each in appeals if each.verdict_id in verdict_ids}

    async def cases(self, *, open_only: bool, before: UUID | None, limit: int) -> list[Case]:
        found = (self._state.appeals[each] for each in sorted(self._state.appeals, reverse=True))
        wanted = [
            appeal
            for appeal in found
            if (appeal.state is AppealState.OPEN) == open_only and (before is None or appeal.id < before)
        ]
        records = [(appeal, self._record(appeal.verdict_id)) for appeal in wanted[:limit]]
        return [Case(appeal=appeal, record=record) for appeal, record in records if record is not None]

    async def open_of(self, account_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        still_open = (each for each in self._state.appeals.values() if each.state is AppealState.OPEN)
        return Counter(each.account_id for each in still_open if each.account_id in account_ids)

    def _record(self, verdict_id: int) -> ModerationRecord | None:
        """Verdicts are numbered from 1 without gaps."""
        kept = self._state.verdicts
        return kept[verdict_id - 1] if 0 < verdict_id <= len(kept) else None
