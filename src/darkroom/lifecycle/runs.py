"""The runs that are under way: a job with a worker under a fence. Memory only; the ledger is the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from darkroom.core.jobs import Job
from darkroom.core.work import Assignment, Claim

UNNAMED_GRACE_S = 10.0  # after its assignment a run may stay unnamed by its worker for so long
UNNAMED_MAX = 2  # heartbeats in a row


@dataclass(kw_only=True, slots=True)
class Run:
    """`event` is the id of the transition that began it, 0 where that is not known; `since` is in seconds.

    `measured_gpu_ms` is what its worker reported, for good or in vain.
    """

    job: Job
    cost_gpu_ms: int
    since: float
    event: int = 0
    unnamed: int = 0
    previews: int = 0
    measured_gpu_ms: int = 0

    @property
    def worker_id(self) -> str:
        return self.job.worker_id or ""

    @property
    def claim(self) -> Claim:
        return Claim(job_id=self.job.id, fence=self.job.fence or 0)

    @property
    def assignment(self) -> Assignment:
        """What its worker gets to know of it."""
        job = self.job
        return Assignment(
            claim=self.claim,
            prompt=job.prompt,
            model=job.model,
            seed=job.seed,
            lane=job.lane,
            images=job.images,
            attempt=job.attempt,
            recipe=job.recipe,
        )


class Runs:
    """By job, and by worker."""

    def __init__(self) -> None:
        self._by_job: dict[UUID, Run] = {}
        self._by_worker: dict[str, dict[UUID, Run]] = {}

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._by_job.values()))

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._by_job

    def __len__(self) -> int:
        return len(self._by_job)

    def add(self, run: Run) -> None:
        """A new run of a job takes the place of an older one."""
        self.drop(run.job.id)
        self._by_job[run.job.id] = run
        self._by_worker.setdefault(run.worker_id, {})[run.job.id] = run

    def get(self, job_id: UUID) -> Run | None:
        return self._by_job.get(job_id)

    def under(self, claim: Claim) -> Run | None:
        """The run of just that claim."""
        run = self._by_job.get(claim.job_id)
        return run if run is not None and run.job.fence == claim.fence else None

    def of(self, worker_id: str) -> list[Run]:
        return list(self._by_worker.get(worker_id, {}).values())

    def has(self, worker_id: str) -> bool:
        return worker_id in self._by_worker

    def drop(self, job_id: UUID) -> Run | None:
        run = self._by_job.pop(job_id, None)
        if run is not None:
            theirs = self._by_worker[run.worker_id]
            del theirs[job_id]
            if not theirs:
                del self._by_worker[run.worker_id]
        return run

    def unnamed(self, worker_id: str, claims: Sequence[Claim], *, now: float) -> list[Run]:
        """The runs that a worker no longer speaks of, heartbeat after heartbeat: they are lost."""
        named = set(claims)
        lost = []
        for run in self.of(worker_id):
            if run.claim in named or now - run.since <= UNNAMED_GRACE_S:
                run.unnamed = 0
                continue
            run.unnamed += 1
            if run.unnamed >= UNNAMED_MAX:
                lost.append(run)
        return lost
