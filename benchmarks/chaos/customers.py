"""Customers who do what the schedule says, over a bad line: they ask again when no answer comes, and remember every answer.

They know the public API and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from benchmarks.chaos.schedule import Act, Deed

PATIENCE_S = 25.0  # for one wish, over all tries
ANSWER_S = 6.0
PAUSE_S = 0.25
TRY_AGAIN = frozenset({408, 425, 500, 502, 503, 504})
NOT_YET = frozenset({"rate_limited"})


@dataclass
class Wish:
    """One submission as its customer remembers it. `jobs` and `batch` are of the first answer; `refused` is a code.
    `new`: one answer said that it was accepted just then.

    With an `image` it begins at that picture of theirs. `unsure`: some request of it was never answered. `faults` are
    contradictions between its answers.
    """

    text: str
    key: str | None
    lane: str | None
    image: str = ""
    batch: str | None = None
    new: bool = False
    jobs: list[dict[str, Any]] = field(default_factory=list)
    refused: str = ""
    unsure: bool = False
    tries: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def asked(self) -> tuple[str, dict[str, str]]:
        """Where it is said, and what."""
        lane = {"lane": self.lane} if self.lane else {}
        if self.image:
            body = {"action": "remix", "prompt": self.text, **lane}
            return f"/api/v1/images/{self.image}/actions", body
        return "/api/v1/jobs", {"prompt": self.text, **lane}


@dataclass
class Customer:
    """An account with its key, and what it has seen. `strange` are answers that should never be given."""

    name: str
    account: str
    key: str
    plan: str
    wishes: dict[int, Wish] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)

    @property
    def job_ids(self) -> list[str]:
        return [job["id"] for wish in self.wishes.values() for job in wish.jobs]


class Desk:
    """Where customers go: the servers in turn, through one wire."""

    def __init__(self, urls: Sequence[str], proxy: str | None) -> None:
        self._urls = list(urls)
        self._turn = 0
        self._client = httpx.AsyncClient(proxy=proxy, timeout=ANSWER_S)

    async def ask(
        self, method: str, path: str, key: str, body: Any = None, *, idempotency: str | None = None
    ) -> httpx.Response:
        """One try. httpx.HTTPError where no answer came."""
        headers = {"Authorization": f"Bearer {key}"}
        if idempotency is not None:
            headers["Idempotency-Key"] = idempotency
        url = self._urls[self._turn % len(self._urls)]
        try:
            return await self._client.request(method, url + path, headers=headers, json=body)
        except httpx.HTTPError:
            self._turn += 1
            raise

    async def insist(
        self, method: str, path: str, key: str, body: Any = None, *, patience_s: float = PATIENCE_S
    ) -> httpx.Response:
        """Until there is an answer that is one. TimeoutError."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            try:
                answer = await self.ask(method, path, key, body)
            except httpx.HTTPError:
                pass
            else:
                if answer.status_code not in TRY_AGAIN:
                    return answer
                self._turn += 1
            await asyncio.sleep(PAUSE_S)
        raise TimeoutError(f"{method} {path} got no answer within {patience_s:.0f} s")

    async def close(self) -> None:
        await self._client.aclose()


async def live(
    customer: Customer, others: Sequence[Customer], acts: Sequence[Act], desk: Desk, owner_key: str
) -> None:
    """Does everything in time, or as soon after as the line allows. Submissions overlap; nothing waits for another's answer."""
    began = time.monotonic()
    tasks = []
    for act in acts:
        await asyncio.sleep(max(0.0, began + act.at_s - time.monotonic()))
        tasks.append(asyncio.create_task(_do(customer, others, act, desk, owner_key)))
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException) and not isinstance(result, TimeoutError):
            raise result


async def _do(customer: Customer, others: Sequence[Customer], act: Act, desk: Desk, owner_key: str) -> None:
    if act.deed is Deed.SUBMIT:
        wish = Wish(text=act.text, key=f"k-{uuid4().hex}" if act.keyed else None, lane=act.lane)
        customer.wishes[act.number] = wish
        await submit(customer, wish, desk)
    elif act.deed is Deed.REPEAT and (before := customer.wishes.get(act.number)):
        await submit(customer, before, desk, again=True)
    elif act.deed is Deed.CONTRADICT and (before := customer.wishes.get(act.number)):
        await _contradict(customer, before, desk)
    elif act.deed is Deed.REMIX:
        await _remix(customer, act, desk)
    elif act.deed is Deed.CANCEL and (ids := customer.job_ids):
        await _cancel(customer, ids[int(act.pick * len(ids))], act, desk, owner_key)
    elif act.deed is Deed.RESOLVE:
        await _resolve(customer, act, desk, owner_key)
    elif act.deed is Deed.PRY:
        await _pry(customer, others, act, desk)
    elif act.deed is Deed.LIST:
        answer = await desk.insist("GET", "/api/v1/jobs?limit=100", customer.key)
        _count(customer, answer)
        known = {job["id"] for job in answer.json().get("jobs", [])}
        if foreign := known & {each for other in others if other is not customer for each in other.job_ids}:
            customer.strange.append(f"the list shows jobs of others: {sorted(foreign)}")


async def submit(customer: Customer, wish: Wish, desk: Desk, *, again: bool = False) -> None:
    """Asks until there is an answer. Without a key, once: who repeats that asks for a second job."""
    until = time.monotonic() + PATIENCE_S
    path, body = wish.asked
    while time.monotonic() < until:
        wish.tries += 1
        try:
            answer = await desk.ask("POST", path, customer.key, body, idempotency=wish.key)
        except httpx.HTTPError:
            wish.unsure = True
        else:
            _count(customer, answer)
            if answer.status_code not in TRY_AGAIN and _code(answer) not in NOT_YET:
                _remember(wish, answer, again=again)
                return
            if answer.status_code != 503:
                wish.unsure = True
        if wish.key is None:
            return
        await asyncio.sleep(PAUSE_S)


def _remember(wish: Wish, answer: httpx.Response, *, again: bool) -> None:
    if answer.status_code != 202:
        code = _code(answer) or str(answer.status_code)
        if wish.batch is not None:
            wish.faults.append(f"was accepted, and then refused under the same key: {code}")
        elif not again:
            wish.refused = code
        return
    found = answer.json()
    if not found["replayed"] and wish.new:
        wish.faults.append("the same key was accepted twice as new")
    wish.new = wish.new or not found["replayed"]  # answers of a race may come in any order
    batch = found["jobs"][0]["batch_id"]
    if wish.batch is None:
        wish.batch, wish.jobs, wish.refused = batch, found["jobs"], ""
        return
    if batch != wish.batch or [job["id"] for job in found["jobs"]] != [j["id"] for j in wish.jobs]:
        wish.faults.append("the same key gave other jobs")


async def _remix(customer: Customer, act: Act, desk: Desk) -> None:
    """New words for one of their pictures, where they have any by then: its file goes to the worker with the job."""
    answer = await desk.insist("GET", "/api/v1/images?limit=100", customer.key)
    _count(customer, answer)
    images = [each["id"] for each in answer.json().get("images", []) if each["index"]]
    if images:
        image = images[int(act.pick * len(images))]
        wish = Wish(text=act.text, key=f"k-{uuid4().hex}", lane=act.lane, image=image)
        customer.wishes[act.number] = wish
        await submit(customer, wish, desk)


async def _contradict(customer: Customer, wish: Wish, desk: Desk) -> None:
    if wish.batch is None:
        return
    try:
        answer = await desk.ask(
            "POST", "/api/v1/jobs", customer.key, {"prompt": "a duck"}, idempotency=wish.key
        )
    except httpx.HTTPError:
        return
    _count(customer, answer)
    if answer.status_code < 500 and answer.status_code not in (409, 429):
        customer.strange.append(
            f"another body under a used key gave {answer.status_code} {answer.text[:200]}"
        )


async def _cancel(customer: Customer, job_id: str, act: Act, desk: Desk, owner_key: str) -> None:
    path = f"/api/v1/admin/jobs/{job_id}" if act.operator else f"/api/v1/jobs/{job_id}"
    answer = await desk.insist("DELETE", path, owner_key if act.operator else customer.key)
    _count(customer, answer)
    if answer.status_code != 200:
        customer.strange.append(f"cancelling {job_id} gave {answer.status_code} {answer.text[:200]}")


async def _resolve(customer: Customer, act: Act, desk: Desk, owner_key: str) -> None:
    """The operator looks at the customer's dead letters, and requeues or drops them."""
    path = "/api/v1/admin/dead-letters"
    found = (await desk.insist("GET", f"{path}?limit=100", owner_key)).raise_for_status().json()
    for letter in found["dead_letters"]:
        if letter["account_id"] != customer.account:
            continue
        what = "requeue" if act.pick < 0.7 else "drop"
        answer = await desk.insist("POST", f"{path}/{letter['job_id']}/{what}", owner_key)
        _count(customer, answer)
        if answer.status_code not in (200, 409):  # 409: done before, and the answer was lost
            customer.strange.append(f"{what} of a dead letter gave {answer.status_code} {answer.text[:200]}")


async def _pry(customer: Customer, others: Sequence[Customer], act: Act, desk: Desk) -> None:
    foreign = [job_id for other in others if other is not customer for job_id in other.job_ids]
    if not foreign:
        return
    job_id = foreign[int(act.pick * len(foreign))]
    for method in ("GET", "DELETE"):
        answer = await desk.insist(method, f"/api/v1/jobs/{job_id}", customer.key)
        _count(customer, answer)
        if answer.status_code != 404:
            customer.strange.append(f"{method} of somebody else's job gave {answer.status_code}")


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _count(customer: Customer, answer: httpx.Response) -> None:
    said = str(answer.status_code) if answer.is_success else f"{answer.status_code} {_code(answer)}"
    customer.statuses[said] = customer.statuses.get(said, 0) + 1
    if answer.status_code == 500:
        customer.strange.append(f"500: {answer.text[:200]}")
