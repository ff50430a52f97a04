"""The scheduler's promises, on random crowds: lanes, one class a pass, work conserving, no starvation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from darkroom.engine.scheduler import LEAD_EVERY, Scheduler, Ticket

CLASSES = ("square", "wide", "tall")
ROOM = 8


def tickets(*wanted: tuple[int, str, int]) -> list[Ticket]:
    """From (priority, row class, rows), in order of arrival."""
    return [Ticket(key=k, row_class=c, rows=r, priority=p) for k, (p, c, r) in enumerate(wanted)]


def pick(queue: Sequence[Ticket], room: int = ROOM) -> list[int]:
    return [ticket.key for ticket in Scheduler().pick(queue, room=lambda name: room)]


crowds = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(CLASSES), st.integers(1, 2)), min_size=1, max_size=30
).map(lambda wanted: tickets(*wanted))


def test_nobody_waits_nobody_steps() -> None:
    assert pick([]) == []


def test_the_urgent_go_first_and_others_of_their_class_fill_the_pass() -> None:
    queue = tickets(
        (2, "wide", 2), (1, "square", 2), (0, "wide", 2), (0, "wide", 1), (1, "wide", 2), (0, "wide", 2)
    )
    assert pick(queue) == [2, 3, 5, 4], (
        "three turbo, then fast; relax no longer fits, fast in another class waits"
    )


def test_a_sample_that_does_not_fit_lets_a_smaller_one_pass() -> None:
    assert pick(tickets((0, "square", 2), (0, "square", 2), (0, "square", 1)), room=3) == [0, 2]


@given(crowds, st.integers(2, 9), st.integers(0, 20))
def test_a_pass_is_of_one_class_full_and_never_fuller(queue: list[Ticket], room: int, ticks: int) -> None:
    scheduler = Scheduler()
    for _ in range(ticks + 1):
        picked = scheduler.pick(queue, room=lambda name: room)
        rows = sum(ticket.rows for ticket in picked)
        assert len({ticket.key for ticket in picked}) == len(picked) > 0
        assert {ticket.row_class for ticket in picked} == {picked[0].row_class}
        assert rows <= room
        left_out = [t for t in queue if t.row_class == picked[0].row_class and t not in picked]
        assert all(rows + ticket.rows > room for ticket in left_out), "work conserving"


@given(crowds.flatmap(st.permutations))
def test_lanes_are_strict_and_first_come_first_served_inside(queue: list[Ticket]) -> None:
    picked = Scheduler().pick(queue, room=lambda name: ROOM)
    lead = picked[0]
    assert (lead.priority, lead.key) == min((t.priority, t.key) for t in queue)
    for ticket in queue:
        if ticket.row_class == lead.row_class and ticket not in picked:
            later = [t for t in picked if (t.priority, t.key) > (ticket.priority, ticket.key)]
            assert all(t.rows < ticket.rows for t in later), "only a smaller one may overtake"


@given(crowds, st.dictionaries(st.sampled_from(CLASSES), st.integers(2, 9)))
def test_each_class_has_a_room_of_its_own(queue: list[Ticket], rooms: dict[str, int]) -> None:
    picked = Scheduler().pick(queue, room=lambda name: rooms.get(name, ROOM))
    assert sum(ticket.rows for ticket in picked) <= rooms.get(picked[0].row_class, ROOM)


@given(
    crowds,
    st.lists(st.lists(st.tuples(st.integers(-1, 2), st.sampled_from(CLASSES)), max_size=6), min_size=1),
)
def test_nobody_starves_whatever_arrives(queue: list[Ticket], flood: list[list[tuple[int, str]]]) -> None:
    """Each lane's first sample leads within LEAD_EVERY ticks for each lane, though more urgent ones keep arriving."""
    scheduler, waiting = Scheduler(), list(queue)
    victim = max(queue, key=lambda ticket: ticket.priority)
    victim = min((t for t in queue if t.priority == victim.priority), key=lambda ticket: ticket.key)
    lanes = len({-1, 0, 1, 2})
    for tick in range(LEAD_EVERY * lanes):
        for priority, name in [(0, "wide"), *flood[tick % len(flood)]]:
            arrival = len(queue) + 100 * tick + len(waiting)
            waiting.append(Ticket(key=arrival, row_class=name, rows=2, priority=priority))
        picked = scheduler.pick(waiting, room=lambda name: ROOM)
        if victim in picked:
            return
        waiting = [ticket for ticket in waiting if ticket not in picked]
    raise AssertionError(f"{victim} did not step in {LEAD_EVERY * lanes} ticks")


def test_a_flood_of_turbo_leaves_relax_an_eighth_of_the_ticks_and_no_more() -> None:
    scheduler = Scheduler()
    relax = Ticket(key=0, row_class="wide", rows=2, priority=2)
    leads = []
    for tick in range(1, 81):
        turbo = Ticket(key=tick, row_class="square", rows=2, priority=0)
        leads.append(scheduler.pick([relax, turbo], room=lambda name: ROOM)[0].priority)
    assert leads.count(2) == 80 // LEAD_EVERY


def test_lanes_left_behind_take_turns() -> None:
    scheduler = Scheduler()
    queue = tickets((0, "square", 2), (1, "wide", 2), (2, "tall", 2))
    leads = [scheduler.pick(queue, room=lambda name: ROOM)[0].priority for _ in range(LEAD_EVERY * 4)]
    assert [lane for lane in leads if lane] == [2, 1, 2, 1]


def test_every_finite_sample_of_every_lane_finishes_in_order_within_its_lane() -> None:
    """All arrive at once with 20 steps each; turbo never stops coming. First come is first done inside relax."""
    scheduler = Scheduler()
    left = dict.fromkeys(range(6), 20)
    relax = tickets(*[(2, CLASSES[key % 3], 2) for key in left])
    done: list[int] = []
    for tick in range(10_000):
        flood = [Ticket(key=10 + tick * 4 + i, row_class="flood", rows=2, priority=0) for i in range(4)]
        waiting = [ticket for ticket in relax if left[ticket.key]]
        if not waiting:
            break
        for ticket in scheduler.pick([*waiting, *flood], room=lambda name: 2):
            if ticket.key in left:
                left[ticket.key] -= 1
                done += [ticket.key] if left[ticket.key] == 0 else []
    assert done == list(range(6))


def test_the_scheduler_needs_no_torch() -> None:
    code = "import sys, darkroom.engine.scheduler; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
