"""The worker protocol over HTTP: what workers send is checked and made into nouns, what they are told becomes JSON.

Every rule is the dispatcher's; this only translates. Lists everywhere, so that a busy worker needs few calls.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from darkroom.core.errors import Conflict
from darkroom.core.params import Lane
from darkroom.core.work import (
    ABORT_AFTER_S,
    HEARTBEAT_EVERY_S,
    LEASE_S,
    Assignment,
    Claim,
    Instructions,
)
from darkroom.core.workers import Worker
from darkroom.gateway.auth import WorkerHere
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.worker_messages import (
    HeartbeatIn,
    InstructionsOut,
    LeaveIn,
    OutcomesOut,
    ProgressIn,
    PulledOut,
    PullIn,
    RegisteredOut,
    RegisterIn,
    ReportsIn,
    UploadsIn,
    UploadsOut,
    claim_of,
    instructions_json,
    progress_of,
    pulled_json,
    report_of,
    vitals_of,
)
from darkroom.lifecycle.keys import staging_key

UPLOAD_EXPIRES_S = 900  # seconds for which a place to upload to is good

REFUSALS = refusals(401, 404, 422, 503)


def worker_router() -> APIRouter:
    """All under /worker/v1. A standby answers 503 `not_active` with the address of the active one."""
    router = APIRouter(prefix="/worker/v1", tags=["workers"], responses=REFUSALS)
    _add_presence(router)
    _add_runs(router)
    return router


def _add_presence(router: APIRouter) -> None:
    """Coming, being there, going."""

    @router.post("/register", operation_id="registerWorker", response_model=RegisteredOut)
    async def register(body: RegisterIn, token: WorkerHere, here: Here) -> JSONResponse:
        """A worker introduces itself. Its name is its id: the same name again is the same worker, started anew."""
        now = here.now()
        worker = Worker(
            id=body.name,
            name=body.name,
            device=body.device,
            models=tuple(body.models),
            slots=body.slots,
            version=body.version,
            registered_at=now,
            seen_at=now,
        )
        stored = await here.dispatcher.register(worker)
        return JSONResponse(
            {
                "worker_id": stored.id,
                "heartbeat_s": HEARTBEAT_EVERY_S,
                "abort_after_s": ABORT_AFTER_S,
                "lease_s": LEASE_S,
            }
        )

    @router.post("/heartbeat", operation_id="heartbeat", response_model=InstructionsOut)
    async def heartbeat(body: HeartbeatIn, token: WorkerHere, here: Here) -> JSONResponse:
        """The worker lives, and has these runs."""
        claims = [claim_of(claim) for claim in body.claims]
        told = here.dispatcher.heartbeat(body.worker_id, claims, vitals_of(body.vitals))
        return JSONResponse(instructions_json(told))

    @router.post("/leave", operation_id="leave", status_code=204)
    async def leave(body: LeaveIn, token: WorkerHere, here: Here) -> None:
        """The worker goes; what it still has is handed back."""
        await here.dispatcher.leave(body.worker_id)


def _add_runs(router: APIRouter) -> None:
    """Jobs go down; steps, files and reports come up."""

    @router.post("/pull", operation_id="pullJobs", response_model=PulledOut)
    async def pull(body: PullIn, token: WorkerHere, here: Here, request: Request) -> JSONResponse:
        """Waits for work. Where the worker hangs up first, what it was to get goes back to its place."""
        lanes = frozenset(body.lanes or Lane)
        asked = here.dispatcher.pull(
            body.worker_id, free=body.free, warm=body.warm, wait_s=body.wait_s, lanes=lanes
        )
        jobs, gone = await _while_connected(request, asked)
        if gone and jobs:
            here.dispatcher.give_back(body.worker_id, [job.claim for job in jobs])
            jobs = []
        told = Instructions() if gone else here.dispatcher.instructions(body.worker_id)
        return JSONResponse(pulled_json(jobs, told))

    @router.post("/progress", operation_id="reportProgress", response_model=InstructionsOut)
    async def progress(body: ProgressIn, token: WorkerHere, here: Here) -> JSONResponse:
        """Steps and previews; fire and forget."""
        told = here.dispatcher.progress(body.worker_id, [progress_of(item) for item in body.items])
        return JSONResponse(instructions_json(told))

    @router.post(
        "/uploads",
        operation_id="openUploads",
        response_model=UploadsOut,
        responses=refusals(409),
    )
    async def uploads(body: UploadsIn, token: WorkerHere, here: Here) -> JSONResponse:
        """Where to PUT the files of a run, each with its media type: a URL, or a path (`/files/...?...`) at the address
        at which the worker reaches this service."""
        claim = claim_of(body)
        if not here.dispatcher.holds(body.worker_id, claim):
            raise _stale(claim)
        expires_at = here.now() + timedelta(seconds=UPLOAD_EXPIRES_S)
        urls = {
            file.name: await here.rooms.objects.write_url(
                staging_key(claim, file.name), expires_at=expires_at, media_type=file.media_type
            )
            for file in body.files
        }
        return JSONResponse({"urls": urls})

    @router.post("/reports", operation_id="reportRuns", response_model=OutcomesOut)
    async def reports(body: ReportsIn, token: WorkerHere, here: Here) -> JSONResponse:
        """What became of runs; to be repeated until it is answered."""
        outcomes = await here.dispatcher.report(body.worker_id, [report_of(each) for each in body.reports])
        return JSONResponse({"outcomes": [outcome.value for outcome in outcomes]})


async def _while_connected(
    request: Request, asked: Coroutine[Any, Any, list[Assignment]]
) -> tuple[list[Assignment], bool]:
    """What was asked for, and whether the client went away before it came."""
    pulling = asyncio.ensure_future(asked)
    leaving = asyncio.ensure_future(request.receive())  # the body is read: the next message is the goodbye
    try:
        await asyncio.wait({pulling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if pulling.done():
            return pulling.result(), leaving.done()
        pulling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await pulling, True
        return [], True
    finally:
        pulling.cancel()
        leaving.cancel()


def _stale(claim: Claim) -> Conflict:
    return Conflict(
        f"Job {claim.job_id} is no longer this worker's under fence {claim.fence}.",
        code="stale_claim",
        hint="Drop it without a word; somebody else draws it, or nobody needs to.",
    )
