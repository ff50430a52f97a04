"""The scheduler's promises, on random crowds: lanes, classes, full passes, fair flows, least remaining first, no starvation."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from darkroom.engine import scheduler as module
from darkroom.engine.scheduler import (
    AGED_EVERY,
    AGED_TICKS,
    LEAD_EVERY,
    SLACK_IMAGES,
    SWEEP_EVERY,
    URGENT,
    Scheduler,
    Ticket,
)

CLASSES = ("square", "wide", "tall")
FLOWS = ("ann", "bob", "cy")
ROOM = 8
ROW_MS = 10.0

Picker = Callable[[Sequence[Ticket]], Sequence[Ticket]]


def tickets(*wanted: tuple[int, str, int]) -> list[Ticket]:
    """From (priority, row class, rows), in order of arrival."""
    return [Ticket(key=k, row_class=c, rows=r, priority=p) for k, (p, c, r) in enumerate(wanted)]


def images(flow: str, many: int, *, steps: int = 8, rows: int = 2, first: int = 0) -> list[Ticket]:
    return [
        Ticket(key=first + k, row_class="square", rows=rows, priority=0, flow=flow, steps_left=steps)
        for k in range(many)
    ]


def pick(queue: Sequence[Ticket], room: int = ROOM) -> list[int]:
    return [ticket.key for ticket in Scheduler().pick(queue, room=lambda name: room)]


def after(queue: Iterable[Ticket], picked: Sequence[Ticket]) -> list[Ticket]:
    """Who waits after a pass: those picked have one step less, the finished are gone."""
    keys = {ticket.key for ticket in picked}
    stepped = (replace(t, steps_left=t.steps_left - 1) if t.key in keys else t for t in queue)
    return [ticket for ticket in stepped if ticket.steps_left]


ticket = st.builds(
    Ticket,
    key=st.just(0),
    row_class=st.sampled_from(CLASSES),
    rows=st.integers(1, 2),
    priority=st.integers(0, 2),
    flow=st.sampled_from(FLOWS),
    steps_left=st.integers(1, 40),
)
crowds = st.lists(ticket, min_size=1, max_size=30).map(
    lambda crowd: [replace(each, key=key) for key, each in enumerate(crowd)]
)


def test_nobody_waits_nobody_steps() -> None:
    assert pick([]) == []


def test_the_urgent_go_first_and_others_of_their_class_fill_the_pass() -> None:
    queue = tickets(
        (2, "wide", 2), (1, "square", 2), (0, "wide", 2), (0, "wide", 2), (1, "wide", 1), (0, "wide", 2)
    )
    assert pick(queue) == [2, 3, 5, 4], (
        "three turbo, then fast; relax no longer fits, fast in another class waits"
    )


def test_a_sample_that_does_not_fit_lets_a_smaller_one_pass() -> None:
    assert pick(tickets((0, "square", 2), (0, "square", 2), (1, "square", 1)), room=3) == [0, 2]


def test_a_pass_that_an_urgent_one_leads_is_not_filled_up_with_others() -> None:
    """It takes the longer the more rows it has; but among themselves the urgent lose nothing by sharing it."""

    def pick(queue: Sequence[Ticket], urgent_room: int) -> list[int]:
        picked = Scheduler().pick(queue, room=lambda name: ROOM, urgent_room=lambda name: urgent_room)
        return [ticket.key for ticket in picked]

    turbo, fast = [(0, "square", 2)], [(1, "square", 2)]
    assert pick(tickets(*turbo, *fast * 5), 4) == [0, 1]
    assert pick(tickets(*turbo, *fast * 5), 2) == [0]
    assert pick(tickets(*turbo, *fast, (1, "square", 1)), 3) == [0, 2]
    assert pick(tickets(*turbo * 3, *fast), 4) == [0, 1, 2], "they alone are more, and nobody is added"
    assert pick(tickets(*turbo * 5), 2) == [0, 1, 2, 3]
    assert pick(tickets(*fast * 5, (2, "square", 2)), 2) == [0, 1, 2, 3], "no hurry"


def test_the_share_of_those_left_behind_is_short_while_somebody_urgent_waits() -> None:
    """Or an eighth of the ticks would be half of the time, where their passes are the longer ones."""
    scheduler, queue = Scheduler(), tickets((0, "square", 2), *[(2, "wide", 2)] * 4)
    led = []
    for _ in range(LEAD_EVERY):
        led = [each.key for each in scheduler.pick(queue, room=lambda name: ROOM, urgent_room=lambda name: 4)]
    assert led == [1, 2]


@given(crowds, st.integers(2, ROOM), st.integers(1, 30))
def test_a_short_pass_has_all_that_may_share_it(queue: list[Ticket], short: int, ticks: int) -> None:
    scheduler = Scheduler()
    while queue and (ticks := ticks - 1):
        picked = scheduler.pick(queue, room=lambda name: ROOM, urgent_room=lambda name: short)
        lead, rows = picked[0], sum(each.rows for each in picked)
        hurry = any(each.priority == URGENT for each in queue)
        guests = [each for each in picked[1:] if each.priority != URGENT]
        assert rows <= (short if guests and hurry else ROOM)
        for each in queue:
            if each.row_class == lead.row_class and each not in picked:
                own = each.priority == URGENT or not hurry
                assert rows + each.rows > (ROOM if own else short), "work conserving"
        scheduler.charge(picked, ROW_MS * rows)
        queue = after(queue, picked)


@given(crowds, st.dictionaries(st.sampled_from(CLASSES), st.integers(2, 9)), st.integers(1, 30))
def test_a_pass_is_of_one_class_full_and_never_fuller(
    queue: list[Ticket], rooms: dict[str, int], ticks: int
) -> None:
    scheduler = Scheduler()
    for _ in range(ticks):
        picked = scheduler.pick(queue, room=lambda name: rooms.get(name, ROOM))
        if not queue:
            assert picked == ()
            return
        room, rows = rooms.get(picked[0].row_class, ROOM), sum(each.rows for each in picked)
        assert len({each.key for each in picked}) == len(picked) > 0 and set(picked) <= set(queue)
        assert {each.row_class for each in picked} == {picked[0].row_class}
        assert rows <= room
        left_out = [each for each in queue if each.row_class == picked[0].row_class and each not in picked]
        assert all(rows + each.rows > room for each in left_out), "work conserving"
        scheduler.charge(picked, ROW_MS * rows)
        queue = after(queue, picked)


@given(crowds, st.integers(1, 40))
def test_lanes_are_strict_apart_from_the_guaranteed_share(queue: list[Ticket], ticks: int) -> None:
    scheduler = Scheduler()
    for tick in range(1, ticks + 1):
        picked = scheduler.pick(queue, room=lambda name: ROOM)
        if not queue:
            return
        lead = picked[0]
        assert tick % LEAD_EVERY == 0 or lead.priority == min(each.priority for each in queue)
        for left_out in queue:
            if left_out.row_class == lead.row_class and left_out not in picked:
                beside = [each for each in picked[1:] if each.priority > left_out.priority]
                assert all(each.rows < left_out.rows for each in beside), "only a smaller one may overtake"
        scheduler.charge(picked, ROW_MS)
        queue = after(queue, picked)


def test_a_flood_of_turbo_leaves_relax_an_eighth_of_the_ticks_and_no_more() -> None:
    scheduler = Scheduler()
    relax = Ticket(key=0, row_class="wide", rows=2, priority=2, steps_left=1000)
    leads = []
    for tick in range(1, 801):
        turbo = Ticket(key=tick, row_class="square", rows=2, priority=0, flow=f"{tick}")
        picked = scheduler.pick([relax, turbo], room=lambda name: ROOM)
        scheduler.charge(picked, 20.0 if picked[0] is relax else 5.0)
        leads.append(picked[0].priority)
    assert leads.count(2) == 800 // LEAD_EVERY


def test_lanes_left_behind_take_turns() -> None:
    scheduler = Scheduler()
    queue = tickets((0, "square", 2), (1, "wide", 2), (2, "tall", 2))
    leads = [scheduler.pick(queue, room=lambda name: ROOM)[0].priority for _ in range(LEAD_EVERY * 4)]
    assert [lane for lane in leads if lane] == [2, 1, 2, 1]


@given(
    st.lists(ticket, min_size=1, max_size=5),
    st.lists(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(CLASSES)), max_size=6), min_size=1),
    st.booleans(),
)
@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate], max_examples=30)  # long runs shrink slowly
def test_nobody_starves_whatever_arrives(
    crowd: list[Ticket], flood: list[list[tuple[int, str]]], heavy: bool
) -> None:
    """Short newcomers, each a flow of its own, never stop; every one of the crowd steps within a bound."""
    scheduler, keys = Scheduler(), count()
    waiting = [replace(each, key=next(keys), steps_left=1000) for each in crowd]
    if heavy:  # they owe a lot: were they to wait until nobody owes less, they would wait for ever
        waiting.append(Ticket(key=next(keys), row_class="square", rows=1, priority=0, flow="idle"))
        picked = scheduler.pick(waiting, room=lambda name: 2 * len(waiting))
        scheduler.charge(picked, 1e9)
    unseen = {each.key for each in waiting}
    old, lanes = len(waiting), 3
    lane_leads = LEAD_EVERY * lanes
    flow_leads = AGED_TICKS + lane_leads * AGED_EVERY * old
    for tick in range(AGED_TICKS + flow_leads * AGED_EVERY * old):
        arrivals = [(0, "wide"), *flood[tick % len(flood)]][: max(0, 12 - len(waiting))]
        waiting += [
            Ticket(key=(key := next(keys)), row_class=name, rows=2, priority=priority, flow=f"{key}")
            for priority, name in arrivals
        ]
        picked = scheduler.pick(waiting, room=lambda name: 2)
        scheduler.charge(picked, ROW_MS)
        unseen -= {each.key for each in picked}
        if not unseen:
            return
        waiting = [each for each in waiting if each not in picked or each.steps_left > 1]
    raise AssertionError(f"{unseen} of {crowd} never stepped")


def test_a_rare_shape_gets_its_turns_while_another_floods() -> None:
    """One flow, one lane: nothing but age speaks for the long image in another shape."""
    scheduler, keys = Scheduler(), count(1)
    rare = Ticket(key=0, row_class="tall", rows=2, priority=0, steps_left=500)
    turns = []
    for tick in range(1000):
        flood = [Ticket(key=next(keys), row_class="square", rows=2, priority=0) for _ in range(4)]
        picked = scheduler.pick([rare, *flood], room=lambda name: ROOM)
        scheduler.charge(picked, 10.0)
        turns += [tick] if rare in picked else []
    waits = [later - sooner for sooner, later in zip([0, *turns], [*turns, 1000], strict=True)]
    assert max(waits) <= AGED_TICKS + AGED_EVERY


@given(st.integers(1, 2), st.integers(1, 40), st.integers(1, 60), st.sampled_from((2, 8)))
@settings(max_examples=25)
def test_flows_that_always_wait_are_served_alike(rows: int, steps: int, other_steps: int, room: int) -> None:
    """One has a hundred images, the other as many as fill a pass; both always want more than half."""
    scheduler, keys, spent = Scheduler(), count(200), {"crowd": 0.0, "few": 0.0}
    waiting = [*images("crowd", 100, steps=steps), *images("few", room // rows, rows=rows, first=100)]
    image_ms = ROW_MS * max(2 * steps, rows * other_steps, rows * 8)
    for _ in range(400):
        picked = scheduler.pick(waiting, room=lambda name: room)
        scheduler.charge(picked, ROW_MS * sum(each.rows for each in picked))
        for each in picked:
            spent[each.flow] += ROW_MS * each.rows
        assert abs(spent["crowd"] - spent["few"]) <= SLACK_IMAGES * image_ms + room * ROW_MS
        done = [each for each in picked if each.steps_left == 1]
        waiting = after(waiting, picked)
        for each in done:
            steps_left = steps if each.flow == "crowd" else other_steps
            waiting.append(replace(each, key=next(keys), steps_left=steps_left))


def test_who_comes_with_one_image_waits_for_a_grid_of_the_crowd_at_most() -> None:
    scheduler, waiting = Scheduler(), images("crowd", 100)
    for tick in count():
        picked = scheduler.pick(waiting, room=lambda name: 2)
        scheduler.charge(picked, 2 * ROW_MS)
        waiting = after(waiting, picked)
        if tick == 100:
            waiting += images("newcomer", 1, first=100)
        if tick > 100 and all(each.flow == "crowd" for each in waiting):
            break
    assert tick <= 100 + (SLACK_IMAGES + 1) * 8 + 8


def test_who_comes_back_does_not_get_rid_of_what_it_owes() -> None:
    scheduler = Scheduler()
    ann, bob = (replace(each, flow=flow) for each, flow in zip(images("", 2), ("ann", "bob"), strict=True))
    scheduler.charge(scheduler.pick([ann, bob], room=lambda name: 2), 100.0)
    before = scheduler.accounts_ms
    assert before == {(0, "ann"): 100.0, (0, "bob"): 0.0}
    for _ in range(SWEEP_EVERY):
        scheduler.pick([bob], room=lambda name: 2)
    scheduler.pick([bob, replace(ann, key=7)], room=lambda name: 2)
    assert scheduler.accounts_ms == before
    scheduler.pick([replace(ann, key=8, flow="cy"), bob], room=lambda name: 2)
    assert scheduler.accounts_ms[0, "cy"] == 0.0, "a newcomer begins where the least of those who wait is"


def test_accounts_begin_anew_when_nobody_waited() -> None:
    """Who had the device alone last night owes nothing to who comes in the morning."""
    scheduler = Scheduler()
    (ann,), (bob,) = images("ann", 1), images("bob", 1, first=1)
    scheduler.charge(scheduler.pick([ann], room=lambda name: 2), 100.0)
    scheduler.pick([], room=lambda name: 2)
    scheduler.pick([ann, bob], room=lambda name: 2)
    assert scheduler.accounts_ms == {(0, "ann"): 0.0, (0, "bob"): 0.0}


@given(crowds, st.lists(st.floats(0.1, 1000), min_size=1, max_size=20))
def test_what_is_charged_is_charged_to_somebody(queue: list[Ticket], times: list[float]) -> None:
    scheduler, total = Scheduler(), 0.0
    queue = [replace(each, steps_left=1000) for each in queue]
    for ms in times:
        scheduler.charge(scheduler.pick(queue, room=lambda name: ROOM), ms)
        total += ms
        assert abs(sum(scheduler.accounts_ms.values()) - total) < 1e-6 * total


def test_a_pass_is_paid_by_rows() -> None:
    scheduler = Scheduler()
    queue = [*images("pair", 1), *images("single", 1, rows=1, first=1)]
    scheduler.charge(scheduler.pick(queue, room=lambda name: ROOM), 30.0)
    assert scheduler.accounts_ms == {(0, "pair"): 20.0, (0, "single"): 10.0}


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20), st.integers(2, 9))
def test_least_remaining_goes_first_where_there_is_no_room_for_all(steps: list[int], room: int) -> None:
    queue = [replace(images("", 1, steps=left)[0], key=key) for key, left in enumerate(steps)]
    expected = sorted(range(len(steps)), key=lambda key: (steps[key], key))[: room // 2]
    assert pick(queue, room=room) == expected


def test_what_remains_is_measured_in_time_and_not_in_steps() -> None:
    """Eight steps of a large shape take longer than twelve of a small one, once both have been seen."""
    scheduler = Scheduler()
    small, large = (
        Ticket(key=key, row_class=name, rows=2, priority=0, steps_left=steps)
        for key, (name, steps) in enumerate((("small", 12), ("large", 8)))
    )
    assert scheduler.pick([small, large], room=lambda name: 2) == (large,)
    scheduler.charge([large], 60.0)
    scheduler.charge(scheduler.pick([small], room=lambda name: 2), 20.0)
    assert scheduler.pick([small, large], room=lambda name: 2) == (small,)


@given(crowds.flatmap(lambda crowd: st.tuples(st.just(crowd), st.permutations(crowd))))
def test_the_order_in_which_tickets_are_told_does_not_matter(
    both: tuple[list[Ticket], list[Ticket]],
) -> None:
    one, other = Scheduler(), Scheduler()
    queue, shuffled = both
    while queue:
        picked = one.pick(queue, room=lambda name: ROOM)
        assert other.pick(shuffled, room=lambda name: ROOM) == picked
        for scheduler in (one, other):
            scheduler.charge(picked, 7.0 * len(picked))
        queue, shuffled = after(queue, picked), after(shuffled, picked)


def test_flows_and_samples_that_are_gone_are_forgotten() -> None:
    """Ten thousand people come once each, while one is always there; then all have gone."""
    scheduler = Scheduler()
    most = 0
    for tick in range(10_000):
        queue = [*images("always", 1, steps=1000), *images(f"{tick}", 1, first=tick + 1)]
        scheduler.charge(scheduler.pick(queue, room=lambda name: 2), ROW_MS)
        most = max(most, len(scheduler.accounts_ms), len(scheduler._stepped))
    assert most <= 3 * SWEEP_EVERY
    for _ in range(SWEEP_EVERY):
        scheduler.pick([], room=lambda name: 2)
    assert not scheduler.accounts_ms and not scheduler._stepped


def finishing_times(queue: Iterable[Ticket], arrivals: dict[int, int], picker: Picker) -> dict[int, int]:
    """The tick in which each image was done, by key. `arrivals` holds the tick in which it comes."""
    todo, waiting, done = sorted(queue, key=lambda each: arrivals[each.key]), list[Ticket](), dict[int, int]()
    for tick in count():
        while todo and arrivals[todo[0].key] <= tick:
            waiting.append(todo.pop(0))
        picked = picker(waiting) if waiting else ()
        done |= {each.key: tick for each in picked if each.steps_left == 1}
        waiting = after(waiting, picked)
        if not todo and not waiting:
            return done
    raise AssertionError


def ours() -> Picker:
    scheduler = Scheduler()

    def picker(waiting: Sequence[Ticket]) -> Sequence[Ticket]:
        picked = scheduler.pick(waiting, room=lambda name: 4)
        scheduler.charge(picked, ROW_MS * sum(each.rows for each in picked))
        return picked

    return picker


def processor_sharing() -> Picker:
    """Who got fewest steps goes first."""
    steps: dict[int, int] = {}

    def picker(waiting: Sequence[Ticket]) -> Sequence[Ticket]:
        order = sorted(waiting, key=lambda each: (steps.get(each.key, 0), each.key))
        for each in order[:2]:
            steps[each.key] = steps.get(each.key, 0) + 1
        return order[:2]

    return picker


def test_equal_flows_are_done_sooner_one_after_another_than_all_in_turn() -> None:
    """Thirty mixes of people and lengths above the room: the mean time is never longer than with turns for all."""
    gains = []
    for seed in range(30):
        rng = random.Random(seed)
        flows, many = rng.randint(1, 12), rng.randint(4, 40)
        queue = [
            replace(images(f"{rng.randrange(flows)}", 1, steps=rng.randint(4, 30))[0], key=key)
            for key in range(many)
        ]
        arrivals = {key: rng.randrange(1 + 8 * many) for key in range(many)}
        done = [finishing_times(queue, arrivals, picker) for picker in (ours(), processor_sharing())]
        mean, turns = (sum(each[key] - arrivals[key] for key in range(many)) / many for each in done)
        assert mean <= turns
        gains.append(turns / mean)
    assert sorted(gains)[15] > 1.15, "half of them gain much"


def test_flows_would_take_strict_turns_without_the_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the slack is for: two people with a grid each."""
    queue = [*images("ann", 4), *images("bob", 4, first=4)]
    arrivals = dict.fromkeys(range(8), 0)
    with_slack = finishing_times(queue, arrivals, ours())
    assert max(with_slack[key] for key in range(4)) == 15 and max(with_slack.values()) == 31
    monkeypatch.setattr(module, "SLACK_IMAGES", 0)
    without = finishing_times(queue, arrivals, ours())
    assert max(without[key] for key in range(4)) > 20 and max(without.values()) == 31


def test_the_scheduler_needs_no_torch() -> None:
    code = "import sys, darkroom.engine.scheduler; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
