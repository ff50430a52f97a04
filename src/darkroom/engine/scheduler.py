"""Which samples take a step in this tick: plain Python, no tensor, no user, no clock.

Lanes come as priorities (the lower the more urgent), users as flows that mean nothing here, time as what `charge` is told.
A sample that is not picked is preempted: nothing is done to it, so nothing is lost.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

URGENT = 0  # the lane whose passes are kept short
LEAD_EVERY = 8  # ticks: one in so many is led by the lane that has not led for longest, so that none starves
AGED_EVERY = (
    4  # leads: one in so many goes to the flow of a lane, and the sample of a flow, that waited for longest,
)
AGED_TICKS = 64  # if that has waited for more than so many ticks
SLACK_IMAGES = 4  # flows are equal while their service differs by less than what so many images take: a grid
SWEEP_EVERY = 64  # ticks: one in so many forgets samples and flows that are gone
RECENT = 0.05  # weight of the newest in a moving mean
DEARER = 1.01  # by how much a row of a class may become dearer from one pass to the next
CLASSES_MAX = 256  # row classes whose cost is kept

Flow = tuple[int, str]
"""A lane and a flow: every lane keeps accounts of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A sample as the scheduler sees it. `key` counts arrivals; `rows` is 2 with guidance, else 1.

    `priority` is its lane, `flow` whom time is shared fairly with, `steps_left` the passes that it still needs.
    """

    key: int
    row_class: str
    rows: int
    priority: int
    flow: str = ""
    steps_left: int = 1


Ordered = tuple[int, float, float, int, Ticket]
"""What tickets are ordered by: lane, how many ms its flow is ahead, the ms that it still needs, arrival."""


@dataclass(kw_only=True, slots=True)
class _Account:
    """What a flow was charged, the tick in which it led last or came, and how often it led."""

    ms: float
    led: int
    leads: int = 0


class Scheduler:
    """Strict lanes with a share for each, fair flows inside a lane, least remaining first among equal flows.

    Fair by start-time fair queueing (Goyal, Vin, Cheng 1996) over measured time: a flow's account is what it was charged,
    and who arrives begins at the least account of those who wait. Flows that are less than a slack ahead of the least are
    equal, and equals go by the least remaining time: if all took turns, all would be done late.
    """

    def __init__(self) -> None:
        self._tick = 0
        self._led: dict[int, int] = {}  # lane -> the tick in which it led last, or was first seen
        self._leads: dict[int, int] = {}  # lane -> how often it led
        self._stepped: dict[int, int] = {}  # key -> the tick of a sample's last step, or in which it came
        self._accounts: dict[Flow, _Account] = {}  # of who waits, and of who left while it was ahead
        self._active: set[Flow] = set()  # who waited in the last tick
        self._row_ms: dict[str, float] = {}  # row class -> what a row costs where passes are full
        self._mean_row_ms = 0.0  # of all classes
        self._mean_image_rows = 0.0  # rows that an image takes from its first step to its last

    @property
    def accounts_ms(self) -> Mapping[Flow, float]:
        """What each flow of a lane was charged, and what it began with."""
        return {flow: account.ms for flow, account in self._accounts.items()}

    def pick(
        self,
        tickets: Iterable[Ticket],
        *,
        room: Callable[[str], int],
        urgent_room: Callable[[str], int] | None = None,
    ) -> tuple[Ticket, ...]:
        """The samples of the next tick: of one class, together at most `room(row_class)` rows, none where nobody waits.

        While samples of the lane `URGENT` wait, others join a pass only up to `urgent_room(row_class)` rows, whoever
        leads it, for it takes the longer the more rows it has.
        """
        tickets = list(tickets)
        self._tick += 1
        self._meet(tickets)
        if not tickets:
            return ()
        queue = self._ordered(tickets)
        lead = self._lead(queue)
        first = lead[-1]
        most = room(first.row_class)
        urgent = any(lane == URGENT for lane, _ in self._active)
        guests = urgent_room(first.row_class) if urgent_room and urgent else most
        picked = _filled(lead, queue, most, guests)
        for ticket in picked:
            self._stepped[ticket.key] = self._tick
        return picked

    def charge(self, picked: Sequence[Ticket], ms: float) -> None:
        """Tells what the pass of `picked` took; each flow pays for its share of the rows."""
        row_ms = ms / sum(ticket.rows for ticket in picked)
        for ticket in picked:
            self._accounts[ticket.priority, ticket.flow].ms += row_ms * ticket.rows
        if row_ms > 0:
            self._mean_row_ms = _moved(self._mean_row_ms, row_ms)
            before = self._row_ms.pop(picked[0].row_class, row_ms)
            self._row_ms[picked[0].row_class] = min(row_ms, DEARER * before)
        if len(self._row_ms) > CLASSES_MAX:
            del self._row_ms[next(iter(self._row_ms))]  # the one that was not charged for longest

    def _meet(self, tickets: Sequence[Ticket]) -> None:
        """Opens accounts for who is new, closes those of who is gone for good."""
        stepped = self._stepped
        fresh = [ticket for ticket in tickets if ticket.key not in stepped]
        if fresh:
            stepped.update((ticket.key, self._tick) for ticket in fresh)
            rows = sum(ticket.steps_left * ticket.rows for ticket in fresh) / len(fresh)
            self._mean_image_rows = _moved(self._mean_image_rows, rows)
        active = {(ticket.priority, ticket.flow) for ticket in tickets}
        if active != self._active:
            self._enter(active)
        if self._tick % SWEEP_EVERY == 0:
            self._stepped = {ticket.key: stepped[ticket.key] for ticket in tickets}
            self._forget()

    def _enter(self, active: set[Flow]) -> None:
        """Who arrives or comes back begins at the least account of those who waited on, if its own is not greater."""
        least = _least(active & self._active, self._accounts)
        fresh = {lane for lane, _ in active} - least.keys()  # nobody waited there: its accounts begin anew
        if fresh:
            self._accounts = {flow: each for flow, each in self._accounts.items() if flow[0] not in fresh}
        for flow in active - self._active:
            account = self._accounts.setdefault(flow, _Account(ms=0.0, led=0))
            account.ms, account.led = max(account.ms, least.get(flow[0], 0.0)), self._tick
        self._active = active

    def _forget(self) -> None:
        """Closes the accounts of flows that wait for nothing and would begin where they are, or higher."""
        least = _least(self._active, self._accounts)
        self._accounts = {
            flow: account
            for flow, account in self._accounts.items()
            if flow in self._active or account.ms > least.get(flow[0], math.inf)
        }

    def _ordered(self, tickets: Sequence[Ticket]) -> list[Ordered]:
        """What tickets are compared by; not sorted, for few of them step."""
        least = _least(self._active, self._accounts)
        slack = SLACK_IMAGES * self._mean_image_rows * self._mean_row_ms
        ahead = {flow: self._accounts[flow].ms - least[flow[0]] for flow in self._active}
        ahead = {flow: 0.0 if ms < slack else ms for flow, ms in ahead.items()}
        cost, mean = self._row_ms.get, self._mean_row_ms or 1.0
        return [
            (t.priority, ahead[t.priority, t.flow], t.steps_left * t.rows * cost(t.row_class, mean), t.key, t)
            for t in tickets
        ]

    def _lead(self, queue: Sequence[Ordered]) -> Ordered:
        """Whose class steps: the first of its lane, and at times who has waited for longest.

        A flow that fills the passes of others still waits to lead, for it may have samples that never fit beside them.
        """
        lane = self._lane()
        queue = [each for each in queue if each[0] == lane]
        lead = min(queue)
        if self._leads[lane] % AGED_EVERY == 0:
            flows = [flow for flow in self._active if flow[0] == lane]
            oldest = min(flows, key=lambda flow: (self._accounts[flow].led, flow))
            if self._tick - self._accounts[oldest].led > AGED_TICKS:
                lead = min(each for each in queue if each[-1].flow == oldest[1])
        account = self._accounts[lane, lead[-1].flow]
        account.led, account.leads = self._tick, account.leads + 1
        if account.leads % AGED_EVERY == 0:
            own = [each[-1] for each in queue if each[-1].flow == lead[-1].flow]
            aged = min(own, key=lambda ticket: (self._stepped[ticket.key], ticket.key))
            if self._tick - self._stepped[aged.key] > AGED_TICKS:
                lead = next(each for each in queue if each[-1] is aged)
        return lead

    def _lane(self) -> int:
        """The lane that leads."""
        lanes = {lane for lane, _ in self._active}
        self._led = {lane: self._led.get(lane, self._tick) for lane in lanes}
        lane = min(lanes)
        if self._tick % LEAD_EVERY == 0:
            lane = min(lanes, key=lambda lane: (self._led[lane], -lane))
        self._led[lane] = self._tick
        self._leads = {each: self._leads.get(each, 0) + (each == lane) for each in lanes}
        return lane


def _filled(lead: Ordered, queue: Sequence[Ordered], room: int, guests: int) -> tuple[Ticket, ...]:
    """The lead, then who fits beside it in the order of the queue; who is not urgent, if `guests` rows suffice."""
    first = lead[-1]
    assert first.rows <= room, f"a sample of {first.rows} rows can never run in a pass of {room}"
    others = [each for each in queue if each[-1].row_class == first.row_class and each is not lead]
    heapq.heapify(others)
    picked, left = [first], room - first.rows
    least = min((each[-1].rows for each in others), default=0)
    while others and left >= least:
        ticket = heapq.heappop(others)[-1]
        spare = left if ticket.priority == URGENT else left - (room - guests)
        if ticket.rows <= spare:
            picked.append(ticket)
            left -= ticket.rows
    return tuple(picked)


def _least(flows: Iterable[Flow], accounts: Mapping[Flow, _Account]) -> dict[int, float]:
    """The least account of each lane, among some flows."""
    least: dict[int, float] = {}
    for flow in flows:
        least[flow[0]] = min(least.get(flow[0], math.inf), accounts[flow].ms)
    return least


def _moved(mean: float, newest: float) -> float:
    """A moving mean; 0 before the first."""
    return mean + RECENT * (newest - mean) if mean else newest
