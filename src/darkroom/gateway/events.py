"""Live news as server-sent events: first how things stand, or what was missed, then what happens.

Transitions carry durable ids, so that a client that comes back with `Last-Event-ID` misses none. Progress and previews
carry none and are never repeated.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from darkroom.core.errors import Exhausted, StoreUnavailable
from darkroom.core.jobs import TERMINAL, JobMoved, JobState
from darkroom.core.news import JobPreviewed, JobProgressed
from darkroom.core.ports import JobFilter
from darkroom.delivery.bus import Reset, Subscription
from darkroom.gateway.auth import Reader, still_valid
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.jobs import shown
from darkroom.gateway.views import PREVIEW_TYPE, link_expiry, move_out

HEARTBEAT_S = 15.0
REPLAY_MAX = 1_000  # transitions that are replayed; who missed more starts anew
SNAPSHOT_MAX = 100  # living jobs in a snapshot, newest first
STREAMS_MAX = 20  # of one account at a time
RETRY_MS = 2_000
EVENT_ID_MAX = 2**63 - 1
COMMENT = b": still here\n\n"
BEAT = b"event: beat\ndata: {}\n\n"
LIVING = frozenset(state for state in JobState if state not in TERMINAL)


class EventStream(StreamingResponse):
    media_type = "text/event-stream"


def events_router() -> APIRouter:
    """`GET /api/v1/events`."""
    router = APIRouter(prefix="/api/v1/events", tags=["events"])
    streams: dict[UUID, int] = {}

    @router.get(
        "",
        response_class=EventStream,
        responses={**refusals(429, 503), 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
        operation_id="followEvents",
    )  # fmt: skip
    async def follow_events(
        request: Request,
        caller: Reader,
        here: Here,
        last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
        last_seen: Annotated[
            str | None,
            Query(
                alias="last_event_id",
                description="The same, for clients that cannot send a header; the header goes first",
            ),
        ] = None,
        beat: Annotated[
            bool,
            Query(description="In silence an event `beat` instead of a comment, which browsers do not show"),
        ] = False,
    ) -> StreamingResponse:
        """Your jobs, live: `snapshot` or a replay first, then `job`, `progress`, `preview`; `reset` when too much was missed."""
        account_id = caller.account.id
        if streams.get(account_id, 0) >= STREAMS_MAX:
            raise Exhausted(
                f"This account follows its events {STREAMS_MAX} times already.",
                code="too_many_streams",
                hint="Close one of the other streams first.",
                retry_after_s=int(HEARTBEAT_S),
            )

        async def stream() -> AsyncIterator[bytes]:
            streams[account_id] = streams.get(account_id, 0) + 1
            subscription = here.bus.subscribe(account_id)
            try:
                last = _event_id(last_event_id if last_event_id is not None else last_seen)
                async for chunk in _told(
                    subscription, request, here, account_id, last, silence=BEAT if beat else COMMENT
                ):
                    yield chunk
            finally:
                subscription.close()
                streams[account_id] -= 1
                if not streams[account_id]:
                    del streams[account_id]

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return EventStream(stream(), headers=headers)

    return router


def _event_id(text: str | None) -> int | None:
    """A durable id that a client names; -1 for one that cannot be ours, None for none."""
    if text is None:
        return None
    known = text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= EVENT_ID_MAX
    return int(text) if known else -1


async def _told(
    subscription: Subscription,
    request: Request,
    here: Gateway,
    account_id: UUID,
    last: int | None,
    *,
    silence: bytes,
) -> AsyncIterator[bytes]:
    """The whole stream. It subscribed before it reads, so nothing falls between; what was read is not told twice.

    The bus only says that there are transitions; they are read. Where several processes write, the bus hears of them out of
    order, and who came back after a break with the larger id would never be told of the smaller one.
    """
    yield f"retry: {RETRY_MS}\n\n".encode()
    try:
        missed = await _missed(here, account_id, last)
        if missed is None:
            if last is not None:
                yield _event("reset", {"reason": "too much was missed; this is how things stand"})
            last, snapshot = await _snapshot(here, account_id)
            yield snapshot
        for moved in missed or ():
            last = moved.id
            yield _moved(moved)
        clock = asyncio.get_running_loop().time
        checked_s = clock()
        while True:
            if clock() - checked_s > HEARTBEAT_S:  # a busy stream must end with its key, too
                if not await still_valid(request, here):
                    return
                checked_s = clock()
            try:
                news = await asyncio.wait_for(anext(subscription), HEARTBEAT_S)
            except TimeoutError:
                if not await still_valid(request, here):
                    return
                yield silence
                continue
            except StopAsyncIteration:
                return
            if isinstance(news, Reset):
                yield _event("reset", {"reason": "this connection was too slow; this is how things stand"})
                last, snapshot = await _snapshot(here, account_id)
                yield snapshot
            elif not isinstance(news, JobMoved):
                yield await _fleeting(news, here)
            elif news.id > (last or 0):
                for moved in await _since(here, account_id, last or 0):
                    last = moved.id
                    yield _moved(moved)
    except StoreUnavailable:
        return  # the client comes back by itself, with the last id that it saw


async def _missed(here: Gateway, account_id: UUID, last: int | None) -> list[JobMoved] | None:
    """The transitions after `last`; None where a snapshot must do."""
    if last is None or last < 0 or last > await here.rooms.library.newest_event():
        return None
    found = await here.rooms.library.moved_since(last, account_id=account_id, limit=REPLAY_MAX + 1)
    return found if len(found) <= REPLAY_MAX else None


async def _since(here: Gateway, account_id: UUID, last: int) -> list[JobMoved]:
    """All transitions after `last`: those of one account become visible in the order of their ids."""
    return await here.rooms.library.moved_since(last, account_id=account_id, limit=REPLAY_MAX)


async def _snapshot(here: Gateway, account_id: UUID) -> tuple[int, bytes]:
    """How things stand, and the newest transition that is in it."""
    newest = await here.rooms.library.newest_event(account_id)
    wanted = JobFilter(account_id=account_id, states=LIVING)
    jobs = await here.rooms.library.jobs(wanted, before=None, limit=SNAPSHOT_MAX)
    body = [job.model_dump(mode="json") for job in await shown(jobs, here, owner=account_id)]
    return newest, _event("snapshot", {"jobs": body}, event_id=newest)


async def _fleeting(news: JobProgressed | JobPreviewed, here: Gateway) -> bytes:
    if isinstance(news, JobProgressed):
        return _event("progress", {"job_id": str(news.job_id), "done": news.done, "total": news.total})
    return _event("preview", {"job_id": str(news.job_id), "url": await _preview_url(news, here)})


async def _preview_url(news: JobPreviewed, here: Gateway) -> str:
    expires_at = link_expiry(here.now())
    return await here.rooms.objects.read_url(news.key, expires_at=expires_at, media_type=PREVIEW_TYPE)


def _moved(moved: JobMoved) -> bytes:
    return _event("job", move_out(moved).model_dump(mode="json"), event_id=moved.id)


def _event(name: str, data: dict[str, object], *, event_id: int | None = None) -> bytes:
    """One event (WHATWG HTML, 9.2). The data is one line of JSON."""
    line = f"id: {event_id}\n" if event_id is not None else ""
    return f"event: {name}\n{line}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
