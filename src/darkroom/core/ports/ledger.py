"""Jobs and what they cost. Protocols, no code; the rules are those of the package."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from darkroom.core.images import Finish
from darkroom.core.jobs import (
    Change,
    Ending,
    Job,
    Reported,
    Requeue,
    Submission,
    Submitted,
)


class Ledger(Protocol):
    """Jobs and what they cost. Lock order: accounts by id, then jobs by id, then entries."""

    async def submit(self, submission: Submission) -> Submitted:
        """Hold and enqueue all jobs of a submission under the account's row lock.

        Jobs get slots while `running_cap` allows, the rest wait. Raises Exhausted (`queue_full`, `fast_time_exhausted`),
        Conflict (`idempotency_conflict`: the key was used for another body), NotAllowed (`account_blocked`), NotFound,
        Refused (`inputs_gone`: a picture that it needs was deleted meanwhile; from here on the files wait for the jobs).
        """
        ...

    async def earlier(self, account_id: UUID, *, idempotency_key: str, body_digest: str) -> Submitted | None:
        """The answer that this key was given for this body; None where the key is new, which `submit` decides for good.

        Raises Conflict (`idempotency_conflict`).
        """
        ...

    async def claim(self, job_ids: Sequence[UUID], *, worker_id: str, epoch: int, now: datetime) -> Change:
        """Ready jobs become running under fresh fences; attempt + 1. Jobs that are not ready (any more) are left out.

        Raises NotActive where `epoch` is not that of the valid dispatch lease.
        """
        ...

    async def mark_finishing(self, claims: Sequence[tuple[UUID, int]], *, now: datetime) -> Change:
        """Running jobs under just these fences become finishing; others are left out."""
        ...

    async def finish(self, finishes: Sequence[Finish]) -> list[Reported]:
        """Publish and settle: running or finishing -> completed, images stored, hold released, charge settled, slot freed and
        given to the account's longest waiting job (turbo before fast before relax). Each item stands alone; accounts are locked sorted.

        The charge is min(hold, measured x price_percent / 100). REPEATED where the job is completed under this very fence.
        """
        ...

    async def requeue(self, requeues: Sequence[Requeue], *, now: datetime) -> list[Reported]:
        """Running or finishing -> ready under the same hold and slot; IMAGE_REJECTED counts a rejection and passes through finishing.

        The saved states are then those that the requeue names, and none where it names none.
        """
        ...

    async def end(self, endings: Sequence[Ending], *, now: datetime) -> list[Reported]:
        """Rejected, failed or cancelled: hold released, slot freed and handed on. A failed job leaves a dead letter.

        REPEATED where the job is in that state already; STALE where the fence is not the job's.
        """
        ...

    async def request_cancel(
        self, job_id: UUID, *, account_id: UUID | None, by_operator: bool = False, now: datetime
    ) -> Change:
        """Waiting and ready jobs are cancelled free of charge; running ones are marked; ended ones stay as they are.

        Raises NotFound where `account_id` is given and the job is not its.
        """
        ...

    async def active_jobs(self) -> list[Job]:
        """Every job that is ready, running or finishing, oldest first: what a dispatcher is rebuilt from."""
        ...

    async def resubmit(self, dead_letter: UUID, *, new_id: UUID, now: datetime) -> Change:
        """A dead letter becomes a new job with the same prompt and seed, free of charge (hold 0, price 0), ahead of any cap.

        Raises NotFound, Conflict (`already_resolved`), Refused (`inputs_gone`).
        """
        ...
