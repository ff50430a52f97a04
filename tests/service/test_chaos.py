"""A short version of `make chaos`: one round against the real processes, and that the audit sees what it should see."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from benchmarks.chaos.audit import Books, answers, contradictions
from benchmarks.chaos.customers import Customer, Wish
from benchmarks.chaos.fake import undisturbed
from benchmarks.chaos.rounds import run
from benchmarks.chaos.schedule import Fault, draw
from benchmarks.chaos.stage import HERE

from darkroom.billing.plans import read_plans

SEED = 11  # strikes workers, their network, servers, database and disk
PLANS = read_plans(HERE / "plans.toml").plans
Row = dict[str, Any]


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux", reason="it strikes the database's processes, which it finds in /proc"
)
async def test_a_round_of_chaos_loses_nothing_and_charges_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Namespace(
        rounds=1, mini=0, seed=SEED, seconds=8.0, jobs=25, faults=6, real_times=False, keep=tmp_path
    )
    code = await run(options, tmp_path)
    assert code == 0, capsys.readouterr().out


def test_a_seed_is_a_schedule() -> None:
    first = draw(7, load_s=10, jobs=40, faults=9)
    assert draw(7, load_s=10, jobs=40, faults=9) == first
    assert draw(8, load_s=10, jobs=40, faults=9) != first
    seen = {blow.fault for seed in range(30) for blow in draw(seed, load_s=10, jobs=1, faults=6).blows}
    assert seen == set(Fault)


def test_a_picture_is_a_function_of_prompt_seed_and_number() -> None:
    files = undisturbed("a fox --seed 1", 1, 4, None)
    assert undisturbed("a fox --seed 1", 1, 4, None) == files
    assert len({digest for (_, variant), digest in files.items() if variant == "png"}) == 4
    assert undisturbed("a fox --seed 2", 2, 4, None).keys() == files.keys()
    assert not set(undisturbed("a fox --seed 2", 2, 4, None).values()) & set(files.values())


def step(number: int, job: str, was: str | None, state: str, cause: str) -> Row:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    whose = {"id": number, "account_id": "a", "job_id": job}
    return {**whose, "was": was, "state": state, "cause": cause, "at": at, "detail": ""}


def entry(number: int, job: str | None, kind: str, amount: int) -> Row:
    return {"id": number, "account_id": "a", "job_id": job, "kind": kind, "amount_gpu_ms": amount}


def sound() -> tuple[Books, list[Customer]]:
    """One account on the narrow plan (one slot) with one completed job."""
    job: Row = {
        "id": "j", "account_id": "a", "batch_id": "b", "state": "completed", "lane": "fast", "source": "a fox",
        "prompt": "a fox --seed 1", "seed": 1, "images": 4, "hold_gpu_ms": 100, "price_percent": 100, "attempt": 1,
        "rejections": 0, "fence": 5, "measured_gpu_ms": 60, "charged_gpu_ms": 60, "error_code": None,
    }  # fmt: skip
    walk = [
        (None, "ready", "submitted"),
        ("ready", "running", "claimed"),
        ("running", "finishing", "pixels_made"),
    ]
    history = [
        step(n, "j", *each)
        for n, each in enumerate([*walk, ("finishing", "completed", "published")], start=1)
    ]
    amounts = [(None, "grant", 500), ("j", "hold", 100), ("j", "release", 100), ("j", "settle", 60)]
    entries = [entry(n, *each) for n, each in enumerate(amounts, start=1)]
    sums = {"granted_gpu_ms": 500, "expired_gpu_ms": 0, "settled_gpu_ms": 60, "held_gpu_ms": 0}
    account: Row = {"id": "a", "running": 0, "waiting": 0, **sums}
    books = Books(
        living=[],
        ended={"j": job},
        history=history,
        entries=entries,
        accounts=[account],
        images=[],
        letters=[],
        stray=[],
    )
    promised = {"id": "j", "cost_gpu_ms": 100, "seed": 1, "prompt": "a fox --seed 1"}
    wish = Wish(text="a fox", key="k", lane=None, batch="b", jobs=[promised])
    return books, [Customer(name="ada", account="a", key="dk_x", plan="narrow", wishes={0: wish})]


def lost(books: Books) -> Books:
    return replace(books, ended={}, history=[], entries=books.entries[:1])


def charged_twice(books: Books) -> Books:
    return replace(books, entries=[*books.entries, entry(5, "j", "settle", 60)])


def charged_otherwise(books: Books) -> Books:
    return replace(books, entries=[*books.entries[:3], entry(4, "j", "settle", 61)])


def never_released(books: Books) -> Books:
    return replace(books, entries=[each for each in books.entries if each["kind"] != "release"])


def miscounted(books: Books) -> Books:
    return replace(books, accounts=[{**books.accounts[0], "running": 1}])


def leapt(books: Books) -> Books:
    return replace(books, history=[books.history[0], books.history[3]])


def published_twice(books: Books) -> Books:
    return replace(books, history=[*books.history, step(9, "j", "finishing", "completed", "published")])


def overran_its_cap(books: Books) -> Books:
    return replace(books, history=[step(0, "other", None, "ready", "submitted"), *books.history])


def accepted_twice(books: Books) -> Books:
    return replace(books, ended={**books.ended, "k": {**books.ended["j"], "id": "k", "batch_id": "c"}})


def drew_with_another_seed(books: Books) -> Books:
    return replace(books, ended={"j": {**books.ended["j"], "seed": 2}})


def stuck(books: Books) -> Books:
    return replace(books, living=[{"id": "z", "state": "ready", "account_id": "a"}])


BROKEN: list[tuple[Callable[[Books], Books], str]] = [
    (lost, "is lost"),
    (charged_twice, "has entries"),
    (charged_otherwise, "was charged 61 and says 60"),
    (never_released, "has entries"),
    (miscounted, "has nothing alive and counts"),
    (leapt, "leapt from ready to completed"),
    (published_twice, "its history ended"),
    (overran_its_cap, "2 jobs hold slots on plan narrow"),
    (accepted_twice, "one key made 2 batches"),
    (drew_with_another_seed, "changed its prompt or seed"),
    (stuck, "is stuck"),
]


def test_what_is_sound_has_no_contradictions() -> None:
    books, customers = sound()
    assert list(contradictions(books, customers, PLANS)) == []


@pytest.mark.parametrize(("broken", "told"), BROKEN, ids=[each.__name__ for each, _ in BROKEN])
def test_each_fault_is_seen(broken: Callable[[Books], Books], told: str) -> None:
    books, customers = sound()
    found = list(contradictions(broken(books), customers, PLANS))
    assert any(told in each for each in found), found


def test_a_report_that_was_accepted_twice_is_seen() -> None:
    books, _ = sound()
    note = {"job": "j", "fence": 5, "kind": "Completion", "outcome": "accepted", "late": False}
    assert list(answers(books, [note, {**note, "outcome": "repeated"}])) == []
    assert list(answers(books, [note, note]))
    assert list(answers(books, [note, {**note, "fence": 4}]))
