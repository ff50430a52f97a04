"""The pulls that wait for work, first come first served. Memory only; who gets which job is decided elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from darkroom.core.params import Lane
from darkroom.dispatch.queue import ReadyJob


@dataclass(kw_only=True, eq=False, slots=True)
class Ticket:
    """A pull of a worker with so many free slots for jobs of `lanes`.

    `served` is set when there is something to say, if only that there is nothing.
    """

    worker_id: str
    free: int
    lanes: frozenset[Lane]
    served: asyncio.Future[None]
    picked: list[ReadyJob] = field(default_factory=list)

    def call(self) -> None:
        if not self.served.done():
            self.served.set_result(None)


class Line:
    def __init__(self) -> None:
        self._tickets: dict[Ticket, None] = {}

    def __iter__(self) -> Iterator[Ticket]:
        return iter(list(self._tickets))

    def __len__(self) -> int:
        return len(self._tickets)

    def join(self, worker_id: str, *, free: int, lanes: frozenset[Lane] = frozenset(Lane)) -> Ticket:
        served = asyncio.get_running_loop().create_future()
        ticket = Ticket(worker_id=worker_id, free=free, lanes=lanes, served=served)
        self._tickets[ticket] = None
        return ticket

    def leave(self, ticket: Ticket) -> None:
        self._tickets.pop(ticket, None)

    def call(self, worker_id: str | None = None) -> None:
        """Ends the waiting of a worker's pulls, or of all."""
        for ticket in self:
            if worker_id is None or ticket.worker_id == worker_id:
                ticket.call()
                self.leave(ticket)
