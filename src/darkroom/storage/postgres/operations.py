"""Operations in PostgreSQL (core.ports.Operations): workers, the lease, dead letters, the moderation log, secrets."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from darkroom.core.errors import Conflict, NotFound
from darkroom.core.figures import LONGEST_LIFE, Ended, LaneQueue
from darkroom.core.jobs import DeadLetter, JobState
from darkroom.core.params import Lane
from darkroom.core.ports import Vitals
from darkroom.core.verdicts import ModerationRecord, Subject
from darkroom.core.workers import Lease, Worker, WorkerState, WorkerToken
from darkroom.storage.postgres import rows
from darkroom.storage.postgres.connection import Database
from darkroom.storage.postgres.rows import storable
from darkroom.storage.postgres.statements import queries

SECRET_BYTES = 32


class PostgresOperations:
    """What operators look at and turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("operations")

    async def acquire_lease(self, *, holder: str, url: str, ttl_s: float, now: datetime) -> Lease:
        until = now + timedelta(seconds=ttl_s)
        return rows.lease(await self._database.row(self._sql["acquire_lease"], holder, url, until, now))

    async def release_lease(self, *, holder: str) -> None:
        await self._database.rows(self._sql["release_lease"], holder)

    async def register_worker(self, worker: Worker) -> Worker:
        row = await self._database.row(
            self._sql["register_worker"],
            worker.id,
            worker.name,
            worker.device,
            worker.models,
            worker.slots,
            worker.version,
            worker.state.value,
            worker.reason,
            worker.registered_at,
            worker.seen_at,
        )
        return rows.worker(row)

    async def see_workers(self, seen: Mapping[str, datetime]) -> None:
        ordered = sorted(seen)  # so that two calls lock the same workers in the same order
        await self._database.rows(self._sql["see_workers"], ordered, [seen[each] for each in ordered])

    async def set_worker_state(self, worker_id: str, *, state: WorkerState, reason: str) -> Worker:
        row = await self._database.row(self._sql["set_worker_state"], worker_id, state.value, reason)
        if row is None:
            raise NotFound(f"There is no worker {worker_id!r}.")
        return rows.worker(row)

    async def workers(self) -> list[Worker]:
        return [rows.worker(row) for row in await self._database.rows(self._sql["workers"])]

    async def add_worker_token(self, token: WorkerToken, *, secret_hash: bytes) -> WorkerToken:
        arguments = (token.id, token.name, secret_hash, token.created_at, token.revoked_at)
        return rows.worker_token(await self._database.row(self._sql["add_worker_token"], *arguments))

    async def worker_tokens(self) -> list[WorkerToken]:
        return [rows.worker_token(row) for row in await self._database.rows(self._sql["worker_tokens"])]

    async def find_worker_token(self, secret_hash: bytes) -> WorkerToken | None:
        row = await self._database.row(self._sql["find_worker_token"], secret_hash)
        return None if row is None else rows.worker_token(row)

    async def revoke_worker_token(self, token_id: str, *, now: datetime) -> WorkerToken:
        row = await self._database.row(self._sql["revoke_worker_token"], token_id, now)
        if row is None:
            raise NotFound(f"There is no worker token {token_id!r}.")
        return rows.worker_token(row)

    async def dead_letters(self, *, before: UUID | None, limit: int, open_only: bool) -> list[DeadLetter]:
        found = await self._database.rows(self._sql["dead_letters"], before, limit, open_only)
        return [rows.dead_letter(row) for row in found]

    async def dead_letter(self, job_id: UUID) -> DeadLetter:
        row = await self._database.row(self._sql["dead_letter"], job_id)
        if row is None:
            raise NotFound(f"There is no dead letter of job {job_id}.")
        return rows.dead_letter(row)

    async def drop_dead_letter(self, job_id: UUID, *, now: datetime) -> DeadLetter:
        row = await self._database.row(self._sql["drop_dead_letter"], job_id, now)
        if row is not None:
            return rows.dead_letter(row)
        letter = await self.dead_letter(job_id)
        raise Conflict(
            f"The dead letter of job {job_id} is resolved already: it was {letter.resolution}.",
            code="already_resolved",
        )

    async def log_verdicts(self, records: Sequence[ModerationRecord]) -> None:
        await self._database.rows(
            self._sql["log_verdicts"],
            [each.account_id for each in records],
            [each.job_id for each in records],
            [each.subject.value for each in records],
            [storable(each.text) for each in records],
            [each.verdict.decision.value for each in records],
            [each.verdict.policy for each in records],
            [each.verdict.category for each in records],
            [storable(each.verdict.matched) for each in records],
            [rows.scores_json(each.verdict.scores) for each in records],
            [each.at for each in records],
        )

    async def verdicts(
        self,
        *,
        before: int | None,
        limit: int,
        blocked_only: bool,
        account_id: UUID | None = None,
        subject: Subject | None = None,
    ) -> list[ModerationRecord]:
        wanted = None if subject is None else subject.value
        found = await self._database.rows(
            self._sql["verdicts"], before, limit, blocked_only, account_id, wanted
        )
        return [rows.moderation_record(row) for row in found]

    async def secret(self, name: str) -> bytes:
        row = await self._database.row(self._sql["secret"], name)
        if row is None:
            await self._database.rows(self._sql["make_secret"], name, secrets.token_bytes(SECRET_BYTES))
            row = await self._database.row(self._sql["secret"], name)
        assert row is not None, "it was there, or has just been made by us or by another process"
        return bytes(row["value"])

    async def lane_queues(self, since: datetime) -> list[LaneQueue]:
        found = await self._database.rows(self._sql["lane_queues"], since)
        return [LaneQueue(**{**row, "lane": Lane(row["lane"])}) for row in found]

    async def ended(self, since: datetime, *, bucket_s: int) -> list[Ended]:
        stretch = timedelta(seconds=bucket_s)
        found = await self._database.rows(self._sql["ended"], since, stretch, since - LONGEST_LIFE)
        return [Ended(**{**row, "lane": Lane(row["lane"]), "state": JobState(row["state"])}) for row in found]

    async def vitals(self) -> Vitals:
        row = await self._database.row(self._sql["vitals"])
        assert row is not None, "a select without a table has one row"
        return Vitals(**row)

    async def ping(self) -> None:
        await self._database.rows(self._sql["ping"])
