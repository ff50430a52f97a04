"""Whether this process lives, and whether it can do its work: /healthz, /readyz, /metrics. Tells strangers no more than that."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field

from darkroom.core.errors import DarkroomError, NotActive
from darkroom.core.ids import new_id
from darkroom.core.work import Claim
from darkroom.gateway.auth import admin, caller_of
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.views import Out
from darkroom.storage.objects.seam import Measured

PROBE_S = 5.0  # a part that has not answered by then is not ready
REMEMBERED_S = 1.0  # an answer is given again for so long, so that nobody can wear out the stores by asking
HANDED_ON = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
PROBE_TYPE = "application/octet-stream"

Part = Literal["ok", "standby", "failing"]


class AliveOut(Out):
    status: Literal["ok"] = "ok"


class ReadyOut(Out):
    status: Literal["ok", "unavailable"]
    parts: Annotated[
        dict[str, Part],
        Field(description="database, objects, dispatcher (standby: another process dispatches)"),
    ]


def health_router() -> APIRouter:
    """/healthz, /readyz and /metrics."""
    router = APIRouter(tags=["operation"])
    remembered: list[tuple[float, ReadyOut]] = []
    probing = asyncio.Lock()  # who asks meanwhile waits for the same answer

    @router.get("/healthz", operation_id="isAlive")
    async def is_alive() -> AliveOut:
        """This process answers."""
        return AliveOut()

    @router.get("/readyz", operation_id="isReady", responses={503: {"model": ReadyOut}})
    async def is_ready(here: Here, response: Response) -> ReadyOut:
        """This process can take jobs; with 503, which part of it cannot."""
        clock = asyncio.get_running_loop().time
        async with probing:
            if not remembered or clock() - remembered[0][0] > REMEMBERED_S:
                ready = await readiness(here)
                remembered[:] = [(clock(), ready)]
            ready = remembered[0][1]
        response.headers["Cache-Control"] = "no-store"
        if ready.status != "ok":
            response.status_code = 503
            response.headers["Retry-After"] = "2"
        return ready

    @router.get(
        "/metrics",
        operation_id="getMetrics",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format"},
            **refusals(401, 403, 429, 503),
        },
    )  # fmt: skip
    async def get_metrics(request: Request, here: Here) -> Response:
        """Counters and gauges for Prometheus. From this machine, or with an operator's key."""
        if here.settings.public_url or not from_this_machine(request):
            await admin(await caller_of(request, here))
        await refresh(here)
        return Response(here.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router


async def readiness(here: Gateway) -> ReadyOut:
    """Asks every part."""
    database, objects = await asyncio.gather(_answers(here.rooms.operations.ping()), _answers(_write(here)))
    parts: dict[str, Part] = {"database": database, "objects": objects, "dispatcher": _dispatcher(here)}
    return ReadyOut(status="unavailable" if "failing" in parts.values() else "ok", parts=parts)


async def refresh(here: Gateway) -> None:
    """Brings the gauges up to date; those of the store stay as they were where it is away."""
    here.metrics.dispatching.set(_dispatcher(here) == "ok")
    here.metrics.subscribers.set(len(here.bus))
    here.metrics.show_queue(await here.rooms.library.queue_depth())
    here.metrics.show_workers(await here.rooms.operations.workers(), now=here.now())
    here.metrics.engines.show(here.dispatcher.vitals())
    vitals = await here.rooms.operations.vitals()
    here.metrics.show_vitals(vitals, free_bytes=await _free_bytes(here), now=here.now())


async def _free_bytes(here: Gateway) -> int | None:
    """Only a folder has an end that can be seen coming."""
    objects = here.rooms.objects
    return await objects.free_bytes() if isinstance(objects, Measured) else None


def from_this_machine(request: Request) -> bool:
    """Whether a request came from loopback by itself: not by a proxy here, nor by a page whose name was made to lead here."""
    if request.client is None or any(name in request.headers for name in HANDED_ON):
        return False
    return _is_loopback(request.client.host) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _answers(probe: Awaitable[None]) -> Part:
    try:
        async with asyncio.timeout(PROBE_S):
            await probe
    except (DarkroomError, TimeoutError):
        return "failing"
    return "ok"


async def _write(here: Gateway) -> None:
    """An object store that can be read and not written would lose what workers upload."""
    key = f"staging/{new_id(here.now())}/0/probe"
    await here.rooms.objects.put(key, b"ready", media_type=PROBE_TYPE)
    await here.rooms.objects.delete([key])


def dispatching(here: Gateway) -> bool:
    """Whether any process is known to dispatch: this one, or one that it stands by for."""
    return _dispatcher(here) != "failing"


def _dispatcher(here: Gateway) -> Part:
    """Asked by a question that every worker asks: on standby it is answered with where to go."""
    try:
        here.dispatcher.holds("", Claim(job_id=UUID(int=0), fence=0))
    except NotActive as elsewhere:
        return "standby" if elsewhere.url else "failing"
    return "ok"
