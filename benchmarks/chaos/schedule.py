"""What one round does and when, drawn from its seed alone: who asks for what, and which faults fall in between.

Plain data; the same seed gives the same schedule. Knows no process.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.chaos.fake import CURSED, FRAGILE, SHAKY

PLANS = ("narrow", "narrow", "wide", "wide", "poor", "unlimited")
WORKERS = 3
SERVERS = 2
LEASE_S = 5.0  # a worker's, when in a hurry
BEYOND = (1.3, 1.8)  # of a lease: so long is longer
REMIXES = 100  # the number of the first submission that begins at a picture
PLAIN = ("fox", "lighthouse", "red apple", "boat", "mountain", "teapot")


class Fault(StrEnum):
    WORKER_KILLED = "worker killed"
    WORKER_STOPPED = "worker stopped"
    WORKER_DRAINED = "worker drained"
    WORKER_REFUSED = "worker's network refused"
    WORKER_STALLED = "worker's network stalled"
    WORKER_DEAF = "answers to worker lost"
    CLIENTS_REFUSED = "clients' network refused"
    CLIENTS_DEAF = "answers to clients lost"
    SERVER_KILLED = "active server killed"
    SERVER_STOPPED = "active server stopped"
    SERVER_RESTARTED = "active server restarted"
    STANDBY_KILLED = "standby killed"
    DATABASE_FAST = "database restarted (fast)"
    DATABASE_IMMEDIATE = "database restarted (immediate)"
    DATABASE_KILLED = "database killed"
    DATABASE_STOPPED = "database stopped"
    SESSIONS_ENDED = "database sessions ended"
    DISK_FULL = "disk full"


DATABASE_FAULTS = frozenset(each for each in Fault if "database" in each.value)


@dataclass(frozen=True, kw_only=True)
class Blow:
    """A fault at `at_s` for `for_s`. `target` is a worker's number where the fault is a worker's."""

    fault: Fault
    at_s: float
    for_s: float
    target: int = 0


class Deed(StrEnum):
    SUBMIT = "submit"
    REPEAT = "repeat"
    CONTRADICT = "contradict"
    CANCEL = "cancel"
    PRY = "pry"
    RESOLVE = "resolve"
    LIST = "list"
    REMIX = "remix"


@dataclass(frozen=True, kw_only=True)
class Act:
    """What a customer does at `at_s`. `number` tells submissions apart; `pick` chooses among what there is then."""

    deed: Deed
    at_s: float
    number: int = 0
    text: str = ""
    lane: str | None = None
    keyed: bool = True
    pick: float = 0.0
    operator: bool = False


@dataclass(frozen=True, kw_only=True)
class Round:
    """A whole round."""

    seed: int
    load_s: float
    plans: tuple[str, ...]
    acts: tuple[tuple[Act, ...], ...]
    blows: tuple[Blow, ...]
    zombies: frozenset[int] = field(default_factory=frozenset)


def draw(seed: int, *, load_s: float, jobs: int, faults: int, lease_s: float = LEASE_S) -> Round:
    """About so many submissions and faults within `load_s`, where a worker's lease is `lease_s`."""
    rng = random.Random(f"round {seed}")
    plans = tuple(rng.sample(PLANS, 5))
    each = max(1, jobs // len(plans))
    acts = tuple(_acts(random.Random(f"{seed} customer {n}"), n, each, load_s) for n in range(len(plans)))
    zombies = frozenset(n for n in range(WORKERS) if rng.random() < 0.3)
    return Round(
        seed=seed,
        load_s=load_s,
        plans=plans,
        acts=acts,
        blows=_blows(rng, faults, load_s, lease_s),
        zombies=zombies,
    )


def _acts(rng: random.Random, customer: int, submissions: int, load_s: float) -> tuple[Act, ...]:
    acts = []
    for number in range(submissions):
        at_s = rng.uniform(0, load_s * 0.85)
        text, lane = _wish(rng, f"{customer}x{number}")
        submit = Act(
            deed=Deed.SUBMIT, at_s=at_s, number=number, text=text, lane=lane, keyed=rng.random() < 0.8
        )
        acts.append(submit)
        if submit.keyed and rng.random() < 0.4:
            deed = Deed.REPEAT if rng.random() < 0.8 else Deed.CONTRADICT
            acts.append(Act(deed=deed, at_s=at_s + rng.uniform(0.01, 4), number=number))
        if rng.random() < 0.3:
            acts.append(
                Act(
                    deed=Deed.CANCEL,
                    at_s=at_s + rng.uniform(0.05, 5),
                    pick=rng.random(),
                    operator=rng.random() < 0.2,
                )
            )
        if rng.random() < 0.3:
            text, lane = (
                f"a {rng.choice(PLAIN)} remixed {customer}x{number}",
                rng.choice(["fast", "relax", None]),
            )
            remix = Act(
                deed=Deed.REMIX,
                at_s=rng.uniform(load_s * 0.4, load_s),
                number=REMIXES + number,
                text=text,
                lane=lane,
                pick=rng.random(),
            )
            again = Act(deed=Deed.REPEAT, at_s=remix.at_s + rng.uniform(0.01, 4), number=remix.number)
            acts += [remix, again]
    acts += [Act(deed=Deed.PRY, at_s=rng.uniform(2, load_s), pick=rng.random())]
    acts += [Act(deed=Deed.LIST, at_s=rng.uniform(1, load_s)) for _ in range(2)]
    acts += [Act(deed=Deed.RESOLVE, at_s=rng.uniform(load_s / 3, load_s), pick=rng.random(), operator=True)]
    return tuple(sorted(acts, key=lambda act: act.at_s))


def _wish(rng: random.Random, mark: str) -> tuple[str, str | None]:
    """A prompt that nobody else asks for, and perhaps a lane."""
    odd = rng.random()
    subject = CURSED if odd < 0.05 else SHAKY if odd < 0.17 else FRAGILE if odd < 0.27 else rng.choice(PLAIN)
    lane = rng.choice(["fast", "relax", "turbo", None])
    text = f"a {subject} numbered {mark}"
    if lane != "relax" and rng.random() < 0.2:
        sizes = rng.choice(["small, large", "small, large, blue"])
        text = f"a {{{sizes}}} {subject} numbered {mark}"
    if rng.random() < 0.5:
        text += f" --seed {rng.randrange(2**32)}"
    return text, lane


def _blows(rng: random.Random, faults: int, load_s: float, lease_s: float) -> tuple[Blow, ...]:
    """Of as many kinds as there are faults; each kind has its turn over the rounds."""
    blows, deck = [], list[Fault]()
    for _ in range(faults):
        deck = deck or rng.sample(list(Fault), len(Fault))
        fault = deck.pop()
        blows.append(
            Blow(
                fault=fault,
                at_s=rng.uniform(0.5, load_s * 0.9),
                for_s=_duration(rng, fault, lease_s),
                target=rng.randrange(WORKERS),
            )
        )
    return tuple(sorted(blows, key=lambda blow: blow.at_s))


def _duration(rng: random.Random, fault: Fault, lease_s: float) -> float:
    beyond_s = lease_s * rng.uniform(*BEYOND)
    if fault in (Fault.WORKER_STOPPED, Fault.SERVER_STOPPED):
        return beyond_s
    if fault in (Fault.WORKER_REFUSED, Fault.WORKER_STALLED, Fault.WORKER_DEAF):
        return rng.choice([rng.uniform(0.3, 2), beyond_s])
    if fault in DATABASE_FAULTS:
        return rng.uniform(0.1, 2.5)
    return rng.uniform(0.3, 3.5)
