"""One account whose prompts take long to be checked keeps nobody else waiting: neither their prompts nor their files."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from tests.gateway.conftest import House, Moderator, Person, fault

from darkroom.core.verdicts import Verdict
from darkroom.lifecycle import checks, submit

WAIT_S = 10.0


class Slow(Moderator):
    """Takes as long as the test likes for texts with one word."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.at_once = self.most = 0

    def check(self, texts: Sequence[str]) -> Verdict:
        if any("heavy" in text for text in texts):
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.begun.release()
            assert self.go.wait(WAIT_S)
            self.at_once -= 1
        return super().check(texts)


@pytest.fixture
def slow(house: House) -> Slow:
    slow = Slow()
    object.__setattr__(house.rooms, "moderator", slow)  # the app has these very rooms
    return slow


async def _submit(person: Person, prompt: str) -> httpx.Response:
    return await person.client.post("/api/v1/jobs", json={"prompt": prompt})


async def test_others_are_checked_while_one_accounts_prompts_wait_for_their_turn(
    house: House, member: Person, slow: Slow
) -> None:
    other = await house.person("other")
    heavy = [asyncio.create_task(_submit(member, f"heavy {i}")) for i in range(8)]
    try:
        assert await asyncio.to_thread(slow.begun.acquire, timeout=WAIT_S)
        async with asyncio.timeout(WAIT_S):
            assert (await _submit(other, "a light fox")).status_code == 202
    finally:
        slow.go.set()
        answers = await asyncio.gather(*heavy)
    assert {answer.status_code for answer in answers} == {202}
    assert slow.most == 1, "of one account one check at a time"


async def test_who_asks_for_too_much_at_once_is_told_to_wait(
    house: House, member: Person, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "WAITING_MAX", 1)
    first = asyncio.create_task(_submit(member, "heavy 1"))
    assert await asyncio.to_thread(slow.begun.acquire, timeout=WAIT_S)
    asked = [asyncio.create_task(_submit(member, f"heavy {i}")) for i in (2, 3)]
    try:
        async with asyncio.timeout(WAIT_S):
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        refused = done.pop().result()
        fault(refused, 429, "rate_limited")
        assert refused.headers["Retry-After"] == str(checks.RETRY_AFTER_S)
    finally:
        slow.go.set()
        await asyncio.gather(first, *asked)
    assert (await _submit(member, "heavy 4")).status_code == 202, "nothing of it stays behind"


@pytest.mark.parametrize(
    ("prompt", "beside"),
    [
        ("a red fox", False),
        ("{red,blue} fox", False),
        ("word " * 900, True),
        ("{a,b,c,d} " + "word " * 30, True),
    ],
)
async def test_long_prompts_are_read_beside_the_event_loop(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch, prompt: str, beside: bool
) -> None:
    """One of 6,000 characters with 40 permutations takes half a second, in which nobody would be served."""
    threads: list[threading.Thread] = []
    read = submit.read_prompt

    def watched(*args: Any) -> Any:
        threads.append(threading.current_thread())
        return read(*args)

    monkeypatch.setattr(submit, "read_prompt", watched)
    assert (await _submit(member, prompt)).status_code == 202
    assert [thread is not threading.main_thread() for thread in threads] == [beside]
