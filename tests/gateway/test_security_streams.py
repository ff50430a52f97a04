"""A stream that never falls silent ends with its key all the same."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from tests.gateway.conftest import House, Person
from tests.gateway.test_events_routes import opened

from darkroom.core.news import JobProgressed
from darkroom.gateway import events

WAIT_S = 10.0


async def test_a_busy_stream_ends_when_its_key_is_revoked(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    stream = await opened(house, member)
    await anext(stream)
    assert member.key is not None
    await house.store.accounts.revoke_key(member.key.id, account_id=member.account.id, now=house.clock())
    house.gateway.credentials.forget_account(member.account.id)
    job_id = uuid4()

    async def chatter() -> None:
        while True:
            house.bus.publish(JobProgressed(account_id=member.account.id, job_id=job_id, done=1, total=9))
            await asyncio.sleep(0)

    talking = asyncio.create_task(chatter())
    try:
        async with asyncio.timeout(WAIT_S):
            heard = [each["event"] async for each in stream]
    finally:
        talking.cancel()
    assert set(heard) == {"progress"}, "it was busy all the while, and ended"
