"""What became of each run is said until the service has answered. Knows the connection, and no generator."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from darkroom.core.errors import NotAllowed, Refused, Unavailable
from darkroom.core.jobs import Outcome
from darkroom.core.work import Claim, Completion, Failure, Fault
from darkroom.worker.messages import Report
from darkroom.worker.protocol import Connection, backoff_s

BATCH_MAX = 64  # reports in one call
PAUSE_S = 0.01  # between two calls, so that what comes in a rush goes in few

logger = logging.getLogger(__name__)


class Reporter:
    """Keeps reports until they are answered; `answered` hears of each, once."""

    def __init__(
        self, connection: Connection, *, answered: Callable[[Report, Outcome], None], rng: random.Random
    ) -> None:
        self._connection, self._answered, self._rng = connection, answered, rng
        self._waiting: dict[Claim, Report] = {}
        self._some = asyncio.Event()

    def __contains__(self, claim: Claim) -> bool:
        return claim in self._waiting

    def add(self, report: Report) -> None:
        """The first report about a run counts."""
        self._waiting.setdefault(report.claim, report)
        self._some.set()

    def drop(self, claim: Claim) -> None:
        """Say nothing about a run after all."""
        self._waiting.pop(claim, None)

    async def run(self) -> None:
        """Report until cancelled. Raises NotAllowed where the token is refused."""
        tries = 0
        while True:
            await self._some.wait()
            batch = list(self._waiting.values())[:BATCH_MAX]
            if not batch:
                self._some.clear()
                continue
            try:
                await self._deliver(batch)
                tries = 0
                await asyncio.sleep(PAUSE_S)
            except Unavailable as error:
                tries += 1
                logger.warning("%d reports wait: %s", len(self._waiting), error.message)
                await asyncio.sleep(backoff_s(tries, self._rng))

    async def _deliver(self, batch: Sequence[Report]) -> None:
        """All in one call; where the service refuses that, one by one, so that one bad report holds up no other."""
        try:
            outcomes = await self._connection.reports(batch)
        except NotAllowed:
            raise
        except Refused as error:
            if len(batch) > 1:
                for report in batch:
                    await self._deliver([report])
            else:
                self._refused(batch[0], error)
            return
        for report, outcome in zip(batch, outcomes, strict=True):
            self._settle(report, outcome)

    def _settle(self, report: Report, outcome: Outcome) -> None:
        if self._waiting.get(report.claim) is report:  # it was not dropped under way
            del self._waiting[report.claim]
            self._answered(report, outcome)

    def _refused(self, report: Report, error: Refused) -> None:
        """A completion that nobody takes becomes a failure; a failure that nobody takes is given up."""
        logger.error("the service refused a report on job %s: %s", report.claim.job_id, error.message)
        if isinstance(report, Completion) and report.claim in self._waiting:
            message = f"the service refused the report of the finished job: {error.message}"
            self._waiting[report.claim] = Failure(
                claim=report.claim, fault=Fault.INFRASTRUCTURE, message=message
            )
        else:
            self._settle(report, Outcome.STALE)
