"""Appeals in PostgreSQL (core.ports.Appeals): against verdicts, and what operators decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from darkroom.core.appeals import Appeal, AppealState, Case
from darkroom.core.verdicts import ModerationRecord
from darkroom.storage.limits import appeal_resolved, no_appeal
from darkroom.storage.postgres import rows
from darkroom.storage.postgres.connection import Database, Record
from darkroom.storage.postgres.rows import storable
from darkroom.storage.postgres.statements import queries


class PostgresAppeals:
    """One for each verdict."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("appeals")

    async def refusals(self, account_id: UUID, *, before: int | None, limit: int) -> list[ModerationRecord]:
        found = await self._database.rows(self._sql["refusals"], account_id, before, limit)
        return [rows.moderation_record(row) for row in found]

    async def add(self, appeal: Appeal, *, open_max: int) -> Appeal:
        row = await self._database.row(
            self._sql["add"],
            appeal.id,
            appeal.verdict_id,
            appeal.account_id,
            storable(appeal.reason),
            appeal.at,
            open_max,
        )
        return _appeal(row)

    async def decide(
        self, appeal_id: UUID, *, granted: bool, note: str, decided_by: UUID, now: datetime
    ) -> Appeal:
        arguments = (appeal_id, granted, storable(note), decided_by, now)
        row = await self._database.row(self._sql["decide"], *arguments)
        if row is not None:
            return _appeal(row)
        found = await self._database.row(self._sql["get"], appeal_id)
        if found is None:
            raise no_appeal(appeal_id)
        raise appeal_resolved(_appeal(found))

    async def of_verdicts(self, verdict_ids: Collection[int]) -> Mapping[int, Appeal]:
        found = await self._database.rows(self._sql["of_verdicts"], list(verdict_ids))
        return {row["verdict_id"]: _appeal(row) for row in found}

    async def cases(self, *, open_only: bool, before: UUID | None, limit: int) -> list[Case]:
        found = await self._database.rows(self._sql["cases"], open_only, before, limit)
        return [
            Case(
                appeal=_appeal({**row, "id": row["appeal_id"], "at": row["appealed_at"]}),
                record=rows.moderation_record(row),
            )
            for row in found
        ]

    async def open_of(self, account_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        found = await self._database.rows(self._sql["open_of"], list(account_ids))
        return {row["account_id"]: row["appeals"] for row in found}


def _appeal(row: Record) -> Appeal:
    return Appeal(
        id=row["id"],
        verdict_id=row["verdict_id"],
        account_id=row["account_id"],
        reason=row["reason"],
        at=row["at"],
        state=AppealState(row["state"]),
        note=row["note"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )
