"""Which samples take a step in this tick: plain Python, no tensor, no user, no clock.

Lanes come as priorities (the lower the more urgent), first come first served inside a lane. A sample that is not picked
is preempted: nothing is done to it, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

LEAD_EVERY = 8  # ticks: one in so many is led by the lane that has not led for longest, so that none starves


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A sample as the scheduler sees it. `key` counts arrivals; `rows` is 2 with guidance, else 1."""

    key: int
    row_class: str
    rows: int
    priority: int


class Scheduler:
    """Strict lanes with a share for each: a tick is led by the most urgent sample, every eighth by a lane left behind.

    The lead decides the row class; the pass is filled up with samples of that class, the urgent ones first. While a
    lane has anybody, its first sample leads at least once in `LEAD_EVERY` times the number of lanes, whatever arrives.
    """

    def __init__(self) -> None:
        self._tick = 0
        self._led: dict[int, int] = {}  # the tick in which a lane led last, or was first seen

    def pick(self, tickets: Iterable[Ticket], *, room: Callable[[str], int]) -> tuple[Ticket, ...]:
        """The samples of the next tick: of one class, together at most `room(row_class)` rows, none where nobody waits.

        Work conserving: no sample of that class that was left out would still have fitted.
        """
        queue = sorted(tickets, key=lambda ticket: (ticket.priority, ticket.key))
        return _filled(self._lead(queue), queue, room) if queue else ()

    def _lead(self, queue: list[Ticket]) -> Ticket:
        self._tick += 1
        first = {ticket.priority: ticket for ticket in reversed(queue)}
        self._led = {lane: self._led.get(lane, self._tick) for lane in first}
        lane = min(first)
        if self._tick % LEAD_EVERY == 0:
            lane = min(first, key=lambda lane: (self._led[lane], -lane))
        self._led[lane] = self._tick
        return first[lane]


def _filled(lead: Ticket, queue: list[Ticket], room: Callable[[str], int]) -> tuple[Ticket, ...]:
    left = room(lead.row_class) - lead.rows
    assert left >= 0, f"a sample of {lead.rows} rows can never run in a pass of {room(lead.row_class)}"
    picked = [lead]
    for ticket in queue:
        if ticket is not lead and ticket.row_class == lead.row_class and ticket.rows <= left:
            picked.append(ticket)
            left -= ticket.rows
    return tuple(picked)
