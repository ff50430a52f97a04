"""The ledger in PostgreSQL (core.ports.Ledger): each operation is one function call, which is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from darkroom.core.images import Finish
from darkroom.core.jobs import (
    TERMINAL,
    Cause,
    Change,
    Ending,
    Job,
    JobState,
    Reported,
    Requeue,
    Submission,
    Submitted,
)
from darkroom.storage.postgres import rows
from darkroom.storage.postgres.changes import born, change, reports
from darkroom.storage.postgres.connection import Database
from darkroom.storage.postgres.refusals import key_conflict
from darkroom.storage.postgres.rows import storable
from darkroom.storage.postgres.statements import queries


class PostgresLedger:
    """Jobs and what they cost. Every call may be made again after StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("ledger")

    async def submit(self, submission: Submission) -> Submitted:
        new = submission.jobs
        verdicts = [rows.verdict_json(each.verdict) for each in new]
        recipes = [rows.recipe_json(each.recipe) for each in new]
        row = await self._database.row(
            self._sql["submit"],
            submission.account_id,
            submission.batch_id,
            storable(submission.source),
            submission.running_cap,
            submission.waiting_cap,
            submission.unlimited,
            submission.idempotency_key,
            submission.body_digest,
            submission.now,
            [each.id for each in new],
            [storable(each.prompt) for each in new],
            [storable(each.words) for each in new],
            [each.model for each in new],
            [each.seed for each in new],
            [each.lane.value for each in new],
            [each.visibility.value for each in new],
            [each.hold_gpu_ms for each in new],
            [each.price_percent for each in new],
            [each.weight for each in new],
            [each.images for each in new],
            verdicts if any(verdicts) else None,
            recipes if any(recipes) else None,
            [rows.notes_json(each.notes) for each in new] if any(each.notes for each in new) else None,
        )
        assert row is not None, "ledger_submit answers with one row or raises"
        if row["replay"] is not None:
            return await self._replay(row["replay"])
        return Submitted(change=born(submission, slots=row["slots"], moved_ids=row["moved_ids"] or ()))

    async def earlier(self, account_id: UUID, *, idempotency_key: str, body_digest: str) -> Submitted | None:
        row = await self._database.row(self._sql["earlier"], account_id, idempotency_key)
        if row is None:
            return None
        if row["body_digest"] != body_digest:
            raise key_conflict(idempotency_key)
        return await self._replay(row["job_ids"])

    async def _replay(self, job_ids: Sequence[UUID]) -> Submitted:
        found = await self._database.rows(self._sql["jobs_by_id"], job_ids)
        jobs = {row["id"]: rows.job(row) for row in found}
        return Submitted(change=Change(jobs=tuple(jobs[each] for each in job_ids)), replayed=True)

    async def claim(self, job_ids: Sequence[UUID], *, worker_id: str, epoch: int, now: datetime) -> Change:
        once = list(dict.fromkeys(job_ids))
        found = await self._database.rows(self._sql["claim"], once, worker_id, epoch, now)
        return change(found, now=now)

    async def mark_finishing(self, claims: Sequence[tuple[UUID, int]], *, now: datetime) -> Change:
        if not claims:
            return Change()
        job_ids, fences = zip(*claims, strict=True)
        found = await self._database.rows(self._sql["mark_finishing"], job_ids, fences, now)
        return change(found, now=now)

    async def finish(self, finishes: Sequence[Finish]) -> list[Reported]:
        if not finishes:
            return []
        images = [(item, each) for item, finish in enumerate(finishes, start=1) for each in finish.images]
        job_ids = [each.job_id for each in finishes]
        times = [each.now for each in finishes]
        found = await self._database.rows(
            self._sql["finish"],
            job_ids,
            [each.fence for each in finishes],
            [each.measured_gpu_ms for each in finishes],
            [rows.notes_json(each.notes) for each in finishes],
            times,
            [item for item, _ in images],
            [each.id for _, each in images],
            [each.index for _, each in images],
            [rows.files_json(each.files) for _, each in images],
            [rows.scores_json(each.scores) for _, each in images],
            [each.policy for _, each in images],
            [storable(each.provenance) for _, each in images],
        )
        return reports(found, job_ids, times=times)

    async def requeue(self, requeues: Sequence[Requeue], *, now: datetime) -> list[Reported]:
        if not requeues:
            return []
        job_ids = [each.job_id for each in requeues]
        details = [storable(each.detail) for each in requeues]
        found = await self._database.rows(
            self._sql["requeue"],
            job_ids,
            [each.fence for each in requeues],
            [each.cause.value for each in requeues],
            [each.not_before for each in requeues],
            [each.avoid for each in requeues],
            [each.counts_attempt for each in requeues],
            [None if each.prompt is None else storable(each.prompt) for each in requeues],
            [each.seed for each in requeues],
            [each.saved for each in requeues],
            details,
            now,
        )
        return reports(found, job_ids, times=[now] * len(job_ids), details=details)

    async def end(self, endings: Sequence[Ending], *, now: datetime) -> list[Reported]:
        if not endings:
            return []
        for each in endings:
            legal = each.state in TERMINAL and each.state is not JobState.COMPLETED
            assert legal, "who completes a job has pictures: finish it"
        job_ids = [each.job_id for each in endings]
        found = await self._database.rows(
            self._sql["end"],
            job_ids,
            [each.fence for each in endings],
            [each.state.value for each in endings],
            [each.cause.value for each in endings],
            [each.error_code for each in endings],
            [storable(each.error_message) for each in endings],
            [each.measured_gpu_ms for each in endings],
            [storable(each.device) for each in endings],
            [storable(each.fingerprint) for each in endings],
            now,
        )
        return reports(found, job_ids, times=[now] * len(job_ids))

    async def request_cancel(
        self, job_id: UUID, *, account_id: UUID | None, by_operator: bool = False, now: datetime
    ) -> Change:
        cause = Cause.CANCELLED_BY_OPERATOR if by_operator else Cause.CANCELLED_BY_USER
        sql = self._sql["request_cancel"]
        return change(await self._database.rows(sql, job_id, account_id, cause.value, now), now=now)

    async def active_jobs(self) -> list[Job]:
        return [rows.job(row) for row in await self._database.rows(self._sql["active_jobs"])]

    async def resubmit(self, dead_letter: UUID, *, new_id: UUID, now: datetime) -> Change:
        found = await self._database.rows(self._sql["resubmit"], dead_letter, new_id, now)
        return change(found, now=now)
