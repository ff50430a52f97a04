"""Operations in memory (core.ports.Operations): workers, the lease, dead letters, the moderation log, secrets."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from darkroom.core.errors import Conflict, NotFound
from darkroom.core.figures import Ended, LaneQueue
from darkroom.core.jobs import DeadLetter, JobState
from darkroom.core.ports import Vitals
from darkroom.core.verdicts import ModerationRecord, Subject
from darkroom.core.workers import Lease, Worker, WorkerState, WorkerToken
from darkroom.storage.memory import figures
from darkroom.storage.memory.state import State

SECRET_BYTES = 32


class MemoryOperations:
    """Every method is one step of the event loop, so nothing can come between."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def acquire_lease(self, *, holder: str, url: str, ttl_s: float, now: datetime) -> Lease:
        state, old = self._state, self._state.lease
        if old is not None and old.holder != holder and now < old.until:
            return old
        if old is None or old.holder != holder:
            state.newest_epoch += 1
        until = now + timedelta(seconds=ttl_s)
        state.lease = Lease(holder=holder, epoch=state.newest_epoch, url=url, until=until)
        return state.lease

    async def release_lease(self, *, holder: str) -> None:
        if self._state.lease is not None and self._state.lease.holder == holder:
            self._state.lease = None

    async def register_worker(self, worker: Worker) -> Worker:
        old = self._state.workers.get(worker.id)
        if old is not None and old.state is WorkerState.QUARANTINED:
            worker = replace(worker, state=old.state, reason=old.reason)
        self._state.workers[worker.id] = worker
        return worker

    async def see_workers(self, seen: Mapping[str, datetime]) -> None:
        workers = self._state.workers
        workers.update({e: replace(workers[e], seen_at=at) for e, at in seen.items() if e in workers})

    async def set_worker_state(self, worker_id: str, *, state: WorkerState, reason: str) -> Worker:
        if worker_id not in self._state.workers:
            raise NotFound(f"There is no worker {worker_id!r}.")
        worker = replace(self._state.workers[worker_id], state=state, reason=reason)
        self._state.workers[worker_id] = worker
        return worker

    async def workers(self) -> list[Worker]:
        return [self._state.workers[each] for each in sorted(self._state.workers)]

    async def add_worker_token(self, token: WorkerToken, *, secret_hash: bytes) -> WorkerToken:
        self._state.worker_tokens[token.id] = token
        self._state.worker_token_ids[secret_hash] = token.id
        return token

    async def worker_tokens(self) -> list[WorkerToken]:
        return [self._state.worker_tokens[each] for each in sorted(self._state.worker_tokens)]

    async def find_worker_token(self, secret_hash: bytes) -> WorkerToken | None:
        token = self._state.worker_tokens.get(self._state.worker_token_ids.get(secret_hash, ""))
        return token if token is not None and token.revoked_at is None else None

    async def revoke_worker_token(self, token_id: str, *, now: datetime) -> WorkerToken:
        token = self._state.worker_tokens.get(token_id)
        if token is None:
            raise NotFound(f"There is no worker token {token_id!r}.")
        self._state.worker_tokens[token_id] = replace(token, revoked_at=token.revoked_at or now)
        return self._state.worker_tokens[token_id]

    async def dead_letters(self, *, before: UUID | None, limit: int, open_only: bool) -> list[DeadLetter]:
        letters = self._state.dead_letters
        older = sorted((each for each in letters if before is None or each < before), reverse=True)
        found = (letters[each] for each in older)
        return [each for each in found if not (open_only and each.resolution)][:limit]

    async def dead_letter(self, job_id: UUID) -> DeadLetter:
        return self._state.dead_letter(job_id)

    async def drop_dead_letter(self, job_id: UUID, *, now: datetime) -> DeadLetter:
        letter = self._state.dead_letter(job_id)
        if letter.resolution:
            raise Conflict(
                f"The dead letter of job {job_id} is resolved already: it was {letter.resolution}.",
                code="already_resolved",
            )
        self._state.dead_letters[job_id] = replace(letter, resolution="dropped", resolved_at=now)
        return self._state.dead_letters[job_id]

    async def log_verdicts(self, records: Sequence[ModerationRecord]) -> None:
        for record in records:
            self._state.log_verdict(record)

    async def verdicts(
        self,
        *,
        before: int | None,
        limit: int,
        blocked_only: bool,
        account_id: UUID | None = None,
        subject: Subject | None = None,
    ) -> list[ModerationRecord]:
        found = (
            each
            for each in reversed(self._state.verdicts)
            if (before is None or each.id < before)
            and (each.verdict.blocked or not blocked_only)
            and account_id in (None, each.account_id)
            and subject in (None, each.subject)
        )
        return list(found)[:limit]

    async def secret(self, name: str) -> bytes:
        return self._state.secrets.setdefault(name, secrets.token_bytes(SECRET_BYTES))

    async def lane_queues(self, since: datetime) -> list[LaneQueue]:
        return figures.lane_queues(self._state, since)

    async def ended(self, since: datetime, *, bucket_s: int) -> list[Ended]:
        return figures.ended(self._state, since, bucket_s=bucket_s)

    async def vitals(self) -> Vitals:
        living = (self._state.jobs[each] for each in self._state.living)
        ready_at = [job.ready_at for job in living if job.state is JobState.READY and job.ready_at]
        return Vitals(
            open_dead_letters=sum(not each.resolution for each in self._state.dead_letters.values()),
            oldest_ready_at=min(ready_at, default=None),
            database_bytes=None,
        )

    async def ping(self) -> None:
        """Memory always answers."""
