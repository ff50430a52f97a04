"""Fairness on the service as it runs: HTTP, ledger and dispatcher, and one worker with one slot that takes what it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.service.conftest import Hand, Served, Tenant, ended, serve, tenant

from darkroom.billing import plans

CLAIMS = 300
SHARES = {"turbo": 70, "fast": 20, "relax": 10}  # of dispatch/policy.toml
BACKLOG = {"turbo": 240, "fast": 80, "relax": 40}  # more than each lane gets of CLAIMS
BATCH = 40
WIDE = """
[plans.wide]
title = "Wide"
fast_minutes_month = "unlimited"
turbo = true
relax = true
running = 1000
waiting = 1000
batch = 40
stealth = true
weight = 1
images_kept_days = "forever"
requests_per_minute = 100000
"""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a plan without caps, so that the queue itself is what is fair."""
    folder = tmp_path_factory.mktemp("fair")
    shipped = Path(plans.__file__).with_name("plans.toml").read_text(encoding="utf-8")
    (folder / "plans.toml").write_text(shipped + WIDE, encoding="utf-8")
    served = serve(folder / "data", "--workers", "0", DARKROOM_PLANS=str(folder / "plans.toml"))
    yield served
    ended(served)


@pytest.fixture
def hand(wide: Served) -> Iterator[Hand]:
    hand = Hand(wide, "hand", slots=1)
    yield hand
    hand.leave()


@pytest.fixture
def people(wide: Served, request: pytest.FixtureRequest) -> Iterator[list[Tenant]]:
    """What they leave in the queue is cancelled before the next test."""
    people = [tenant(wide, f"{request.node.name} {number}", plan="wide") for number in range(5)]
    yield people
    for person in people:
        for job_id, state in person.states().items():
            if state not in ("completed", "cancelled"):
                person.client.delete(f"/api/v1/jobs/{job_id}")
        person.client.close()


def fill(person: Tenant, lane: str, count: int) -> None:
    """The relax lane takes one job at a time, the others take batches."""
    at_once = 1 if lane == "relax" else BATCH
    for _ in range(count // at_once):
        prompt = "a red fox" if at_once == 1 else f"a red fox --repeat {at_once}"
        answer = person.submit(prompt, lane=lane)
        assert answer.status_code == 202, answer.text


def test_a_single_relax_job_waits_for_at_most_one_job_of_each_active_user(
    hand: Hand, people: list[Tenant]
) -> None:
    *busy, ada = people
    fill(busy[0], "relax", 120)
    for other in busy[1:]:
        fill(other, "relax", 12)
    whose = {job_id: person.id for person in busy for job_id in person.states()}
    for _ in range(9):  # everybody is under way
        hand.draw()
    mine = ada.submit(lane="relax").json()["jobs"][0]
    before: list[str] = []
    while (drawn := hand.draw()["job_id"]) != mine["id"]:
        before.append(whose[drawn])
    assert max(Counter(before).values(), default=0) <= 1, "somebody went twice before a single job"
    assert mine["position"] is not None and len(before) <= len(busy)
    assert ada.job(mine["id"])["state"] == "completed"


def test_with_the_other_lanes_saturated_relax_gets_its_share(hand: Hand, people: list[Tenant]) -> None:
    for person, lane in zip(people, SHARES):
        fill(person, lane, BACKLOG[lane])
    got: Counter[str] = Counter()
    for claims in range(1, CLAIMS + 1):
        got[hand.draw()["lane"]] += 1
        for lane, share in SHARES.items():
            due = claims * share / sum(SHARES.values())
            assert abs(got[lane] - due) <= 2, (
                f"{lane} had {got[lane]} of {claims} claims, and {due:.1f} were due"
            )
