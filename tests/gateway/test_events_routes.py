"""Server-sent events: snapshot, replay, reset, latest wins, heartbeats, and who may listen.

Read straight from the route's stream: what a client would get, without a socket.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import UUID

import pytest
from fastapi.responses import StreamingResponse
from starlette.requests import Request
from tests.gateway.conftest import House, Person
from tests.gateway.test_jobs_routes import claimed, submitted

from darkroom.core.errors import Exhausted
from darkroom.core.news import JobPreviewed, JobProgressed
from darkroom.gateway import events
from darkroom.gateway.auth import Caller, Via


class Listener:
    """One stream of events of one person."""

    def __init__(
        self,
        house: House,
        person: Person,
        last: str | None = None,
        *,
        seen: str | None = None,
        beat: bool = False,
    ) -> None:
        self.house, self.person = house, person
        self.asked = {"last_event_id": last, "last_seen": seen, "beat": beat}
        self.route = next(
            route.endpoint for route in house.app.router.routes if getattr(route, "path", "") == "/api/v1/events"
        )  # fmt: skip

    def request(self) -> Request:
        headers = [(b"authorization", f"Bearer {self.person.secret}".encode())]
        return Request({"type": "http", "app": self.house.app, "headers": headers, "method": "GET"})

    async def open(self) -> AsyncIterator[dict[str, Any]]:
        """Each event as it comes: `event`, `id`, `data`; a comment as `event` ":"."""
        plans = self.house.rooms.plans
        caller = Caller(
            account=self.person.account, plan=plans.plan(self.person.account.plan), scopes=frozenset(), via=Via.KEY
        )  # fmt: skip
        answer = await self.route(
            request=self.request(), caller=caller, here=self.house.gateway, **self.asked
        )
        assert isinstance(answer, StreamingResponse)
        assert answer.media_type == "text/event-stream"
        async with aclosing(answer.body_iterator) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                yield parsed(bytes(chunk).decode())


def parsed(text: str) -> dict[str, Any]:
    if text.startswith(":"):
        return {"event": ":"}
    fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
    if "data" in fields:
        fields["data"] = json.loads(fields["data"])
    return fields


async def opened(
    house: House, person: Person, last: str | None = None, *, seen: str | None = None, beat: bool = False
) -> AsyncIterator[dict[str, Any]]:
    """A stream that has begun: the line about retries is read."""
    stream = Listener(house, person, last, seen=seen, beat=beat).open()
    assert "retry" in await anext(stream)
    return stream


async def test_a_new_client_learns_how_things_stand_then_what_happens(house: House, member: Person) -> None:
    job = (await submitted(member))["jobs"][0]
    stream = await opened(house, member)
    snapshot = await anext(stream)
    assert snapshot["event"] == "snapshot"
    assert [each["id"] for each in snapshot["data"]["jobs"]] == [job["id"]]
    other = (await submitted(member))["jobs"][0]
    news = await anext(stream)
    assert (news["event"], news["data"]["job_id"], news["data"]["state"]) == ("job", other["id"], "ready")
    assert int(news["id"]) > int(snapshot["id"])


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice(house: House, member: Person) -> None:
    first = (await submitted(member))["jobs"][0]["id"]
    stream = await opened(house, member)
    last = (await anext(stream))["id"]
    await stream.aclose()  # type: ignore[attr-defined]
    second = (await submitted(member))["jobs"][0]["id"]
    await member.client.delete(f"/api/v1/jobs/{first}")
    again = await opened(house, member, last=last)
    told = [await anext(again) for _ in range(2)]
    assert [(each["data"]["job_id"], each["data"]["state"]) for each in told] == [
        (second, "ready"),
        (first, "cancelled"),
    ]
    third = (await submitted(member))["jobs"][0]["id"]
    assert (await anext(again))["data"]["job_id"] == third


async def test_a_browser_says_in_the_address_what_it_saw_last(house: House, member: Person) -> None:
    """EventSource cannot send the header at first; when it comes back by itself it does, and knows better."""
    stream = await opened(house, member)
    old = (await anext(stream))["id"]
    first = (await submitted(member))["jobs"][0]["id"]
    newer = (await anext(stream))["id"]
    second = (await submitted(member))["jobs"][0]["id"]
    again = await opened(house, member, seen=old)
    assert [(await anext(again))["data"]["job_id"] for _ in range(2)] == [first, second]
    by_itself = await opened(house, member, newer, seen=old)
    assert (await anext(by_itself))["data"]["job_id"] == second


async def test_silence_is_an_event_for_those_who_see_no_comments(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.0)
    stream = await opened(house, member, beat=True)
    await anext(stream)
    assert await anext(stream) == {"event": "beat", "data": {}}


@pytest.mark.parametrize("last", ["999999", "-1", "yesterday", "9" * 40, ""])
async def test_an_id_that_cannot_be_ours_starts_anew(house: House, member: Person, last: str) -> None:
    await submitted(member)
    stream = await opened(house, member, last=last)
    assert [(await anext(stream))["event"] for _ in range(2)] == ["reset", "snapshot"]


async def test_who_missed_too_much_starts_anew(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "REPLAY_MAX", 1)
    for _ in range(2):
        await submitted(member)
    stream = await opened(house, member, last="0")
    assert [(await anext(stream))["event"] for _ in range(2)] == ["reset", "snapshot"]


async def test_of_progress_only_the_newest_is_told_and_it_has_no_id(house: House, member: Person) -> None:
    job_id = UUID((await submitted(member))["jobs"][0]["id"])
    stream = await opened(house, member)
    await anext(stream)
    await claimed(house, str(job_id))
    account = member.account.id
    for done in (1, 2, 3):
        house.bus.publish(JobProgressed(account_id=account, job_id=job_id, done=done, total=9))
    house.bus.publish(JobPreviewed(account_id=account, job_id=job_id, number=4, key="previews/x/4.webp"))
    progress, preview = await anext(stream), await anext(stream)
    assert progress == {"event": "progress", "data": {"job_id": str(job_id), "done": 3, "total": 9}}
    assert preview["event"] == "preview"
    assert "/files/previews/x/4.webp?" in preview["data"]["url"]


async def test_nobody_hears_of_others(house: House, member: Person) -> None:
    stranger = await house.person("stranger")
    await submitted(member)
    stream = await opened(house, stranger)
    assert (await anext(stream))["data"] == {"jobs": []}
    await submitted(member)
    own = (await submitted(stranger))["jobs"][0]["id"]
    assert (await anext(stream))["data"]["job_id"] == own


async def test_silence_is_filled_until_the_key_is_revoked(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.0)
    stream = await opened(house, member)
    await anext(stream)
    assert await anext(stream) == {"event": ":"}
    assert member.key is not None
    await member.client.delete(f"/api/v1/account/keys/{member.key.id}")
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_client_that_is_too_slow_is_told_how_things_stand(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.delivery.bus.MOVES_MAX", 2)
    stream = await opened(house, member)
    await anext(stream)
    ids = [(await submitted(member))["jobs"][0]["id"] for _ in range(4)]
    reset, snapshot = await anext(stream), await anext(stream)
    assert (reset["event"], snapshot["event"]) == ("reset", "snapshot")
    assert {each["id"] for each in snapshot["data"]["jobs"]} == set(ids)
    latest = (await submitted(member))["jobs"][0]["id"]
    assert (await anext(stream))["data"]["job_id"] == latest


async def test_what_another_process_wrote_before_is_told_before(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus of this process hears of it later, or never; who broke off in between would not be told of it again."""
    stream = await opened(house, member)
    await anext(stream)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(house.bus, "publish", lambda news: None)
        theirs = (await submitted(member))["jobs"][0]["id"]
    ours = (await submitted(member))["jobs"][0]["id"]
    told = [await anext(stream) for _ in range(2)]
    assert [each["data"]["job_id"] for each in told] == [theirs, ours]
    assert int(told[0]["id"]) < int(told[1]["id"])


async def test_an_account_has_only_so_many_streams(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STREAMS_MAX", 1)
    stream = await opened(house, member)
    with pytest.raises(Exhausted, match="1 times already"):
        await opened(house, member)
    await stream.aclose()  # type: ignore[attr-defined]
    assert len(house.bus) == 0
    await opened(house, member)


async def test_the_bus_ends_every_stream(house: House, member: Person) -> None:
    stream = await opened(house, member)
    await anext(stream)
    house.bus.close()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_nobody_listens_without_a_key(house: House) -> None:
    assert (await house.client().get("/api/v1/events")).status_code == 401
