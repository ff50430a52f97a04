"""The routes of operators for workers and for the tokens that let them in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Field

from darkroom.core.ids import new_id
from darkroom.core.workers import Worker, WorkerState, WorkerToken
from darkroom.dispatch.breaker import BreakerState
from darkroom.gateway.auth import Admin
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.credentials import WORKER_PREFIX, hash_of, new_secret
from darkroom.gateway.invalid import Body
from darkroom.gateway.views import Out

NAME_MAX_CHARACTERS = 100
REASON_MAX_CHARACTERS = 500

Name = Annotated[str, Path(min_length=1, max_length=200)]


class WorkerOut(Out):
    id: str
    name: str
    device: str
    models: list[str]
    slots: Annotated[int, Field(description="Jobs that it takes at once")]
    version: str
    state: WorkerState
    reason: str
    registered_at: datetime
    seen_at: datetime
    health: HealthOut


class HealthOut(Out):
    """How a worker does. Null is what the process that answers does not know: all but `unseen_s` where another one dispatches."""

    unseen_s: Annotated[float, Field(description="Since it was last heard of")]
    breaker: Annotated[
        BreakerState | None,
        Field(description="closed: it gets jobs; open: none for a while; half_open: one, as a trial; quarantined: none"),
    ]  # fmt: skip
    running: Annotated[int | None, Field(description="Jobs that it has now")]
    busy_share: Annotated[
        float | None, Field(description="Use of its device over the last minute, 0 to 1; null before it told")
    ]
    failures_recent: Annotated[int | None, Field(description="Failures of its own that the breaker counts")]


class WorkersOut(Out):
    workers: list[WorkerOut]


class TokenOut(Out):
    id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


class NewTokenOut(TokenOut):
    token: Annotated[str, Field(description="The token itself; this is the only time that it is shown")]


class TokensOut(Out):
    worker_tokens: list[TokenOut]


class NewTokenIn(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "the box in the cellar"}]})

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX_CHARACTERS)]


def admin_workers_router() -> APIRouter:
    """All under /api/v1/admin/workers and /api/v1/admin/worker-tokens."""
    router = APIRouter(prefix="/api/v1/admin", tags=["admin: workers"])

    @router.get("/workers", operation_id="listWorkers")
    async def list_workers(caller: Admin, here: Here) -> WorkersOut:
        """Every worker that ever registered."""
        return WorkersOut(workers=[_worker(each, here) for each in await here.rooms.operations.workers()])

    @router.post("/workers/{worker_id}/drain", operation_id="drainWorker")
    async def drain_worker(worker_id: Name, caller: Admin, here: Here) -> WorkerOut:
        """Let it finish what it has, and give it nothing new."""
        return _worker(await here.dispatcher.drain(worker_id), here)

    @router.post("/workers/{worker_id}/quarantine", operation_id="quarantineWorker")
    async def quarantine_worker(worker_id: Name, caller: Admin, here: Here) -> WorkerOut:
        """Give it nothing until it is readmitted, not even when it registers anew."""
        return _worker(await here.dispatcher.quarantine(worker_id), here)

    @router.post("/workers/{worker_id}/readmit", operation_id="readmitWorker")
    async def readmit_worker(worker_id: Name, caller: Admin, here: Here) -> WorkerOut:
        """Give it jobs again. A drained one of this machine is started anew; one that is not there is `gone` until it registers."""
        return _worker(await here.dispatcher.readmit(worker_id), here)

    _add_token_routes(router)
    return router


def _add_token_routes(router: APIRouter) -> None:
    @router.get("/worker-tokens", operation_id="listWorkerTokens")
    async def list_worker_tokens(caller: Admin, here: Here) -> TokensOut:
        """The tokens that let workers in, without their secrets."""
        return TokensOut(worker_tokens=[_token(each) for each in await here.rooms.operations.worker_tokens()])

    @router.post("/worker-tokens", status_code=201, operation_id="createWorkerToken")
    async def create_worker_token(body: NewTokenIn, caller: Admin, here: Here) -> NewTokenOut:
        """Make a token for a worker on another machine: `darkroom worker --url ... --token ...`."""
        secret, now = new_secret(WORKER_PREFIX), here.now()
        token = WorkerToken(id=str(new_id(now)), name=body.name, created_at=now)
        made = await here.rooms.operations.add_worker_token(token, secret_hash=hash_of(secret))
        return NewTokenOut(**_token(made).model_dump(), token=secret)

    @router.delete("/worker-tokens/{token_id}", operation_id="revokeWorkerToken")
    async def revoke_worker_token(token_id: Name, caller: Admin, here: Here) -> TokenOut:
        """Revoke a token: workers that use it are locked out."""
        token = await here.rooms.operations.revoke_worker_token(token_id, now=here.now())
        here.credentials.forget_worker_tokens()
        return _token(token)


def _worker(worker: Worker, here: Gateway) -> WorkerOut:
    return WorkerOut(
        id=worker.id,
        name=worker.name,
        device=worker.device,
        models=list(worker.models),
        slots=worker.slots,
        version=worker.version,
        state=worker.state,
        reason=worker.reason,
        registered_at=worker.registered_at,
        seen_at=worker.seen_at,
        health=_health(worker, here),
    )


def _health(worker: Worker, here: Gateway) -> HealthOut:
    """What the store knows is seconds old, because heartbeats are written many at a time; who dispatches knows better."""
    known = here.dispatcher.health(worker.id)
    unseen_s = max(0.0, (here.now() - worker.seen_at).total_seconds())
    return HealthOut(
        unseen_s=unseen_s if known is None or known.unseen_s is None else known.unseen_s,
        breaker=None if known is None else known.breaker,
        running=None if known is None else known.running,
        busy_share=None if known is None else known.busy_share,
        failures_recent=None if known is None else known.failures_recent,
    )


def _token(token: WorkerToken) -> TokenOut:
    return TokenOut(id=token.id, name=token.name, created_at=token.created_at, revoked_at=token.revoked_at)
