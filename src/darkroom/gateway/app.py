"""The HTTP service put together: routers, errors, limits, description. Knows no database and starts no process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI

from darkroom import __version__
from darkroom.delivery.bus import EventBus
from darkroom.gateway import description, errors
from darkroom.gateway.account import account_router
from darkroom.gateway.actions import actions_router
from darkroom.gateway.admin_figures import admin_figures_router
from darkroom.gateway.admin_jobs import admin_jobs_router, dead_letters_router
from darkroom.gateway.admin_moderation import admin_moderation_router
from darkroom.gateway.admin_users import admin_users_router
from darkroom.gateway.admin_workers import admin_workers_router
from darkroom.gateway.appeals import appeals_router
from darkroom.gateway.context import Gateway, GatewaySettings
from darkroom.gateway.credentials import Credentials
from darkroom.gateway.describing import describing_router
from darkroom.gateway.downloads import downloads_router
from darkroom.gateway.events import events_router
from darkroom.gateway.explore import explore_router
from darkroom.gateway.files import files_router
from darkroom.gateway.folders import folders_router
from darkroom.gateway.front_door import FrontDoor
from darkroom.gateway.gallery import gallery_router
from darkroom.gateway.health import health_router
from darkroom.gateway.images import images_router
from darkroom.gateway.jobs import jobs_router
from darkroom.gateway.keys import keys_router
from darkroom.gateway.lineage import lineage_router
from darkroom.gateway.metrics import Metrics, follow
from darkroom.gateway.models import models_router
from darkroom.gateway.parsing import parsing_router
from darkroom.gateway.rank import rank_router
from darkroom.gateway.searches import searches_router
from darkroom.gateway.sessions import sessions_router
from darkroom.gateway.signals import signals_router
from darkroom.gateway.studio import studio_router
from darkroom.gateway.uploads import uploads_router
from darkroom.gateway.usage import usage_router
from darkroom.gateway.worker_protocol import worker_router

if TYPE_CHECKING:
    from darkroom.lifecycle.dispatcher import Dispatcher
    from darkroom.lifecycle.rooms import Rooms

FLUSH_EVERY_S = 5.0  # how late it may be known when a key was last used


def create_app(rooms: Rooms, dispatcher: Dispatcher, *, settings: GatewaySettings | None = None) -> FastAPI:
    """The service over these rooms, whose bus must be an EventBus. Who calls runs the dispatcher."""
    assert isinstance(rooms.bus, EventBus), "streams of events need a bus to subscribe to"
    app = FastAPI(
        title=description.TITLE,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_life,
    )
    gateway = Gateway(
        rooms=rooms,
        dispatcher=dispatcher,
        bus=rooms.bus,
        settings=settings or GatewaySettings(),
        credentials=Credentials(rooms.accounts, rooms.operations),
        metrics=Metrics(),
    )
    app.state.gateway = gateway
    for router in _routers(rooms):
        app.router.routes.extend(router.routes)  # flat, so that a route's template can be read off a request
    errors.install(app)
    app.add_middleware(FrontDoor, metrics=gateway.metrics)
    _describe(app)
    return app


def _routers(rooms: Rooms) -> Iterable[APIRouter]:
    """Every router; the busiest first, because they are asked in this order."""
    yield jobs_router()
    yield worker_router()
    yield parsing_router()
    yield actions_router()
    yield events_router()
    yield images_router()
    yield lineage_router()
    yield gallery_router()
    yield folders_router()
    yield searches_router()
    yield explore_router()
    yield downloads_router()
    yield signals_router()
    yield rank_router()
    yield models_router()
    yield describing_router()
    yield files_router(rooms.objects, clock=rooms.clock)
    yield uploads_router()
    yield account_router()
    yield usage_router()
    yield keys_router()
    yield appeals_router()
    yield sessions_router()
    yield studio_router()
    yield health_router()
    yield admin_users_router()
    yield admin_jobs_router()
    yield dead_letters_router()
    yield admin_figures_router()
    yield admin_workers_router()
    yield admin_moderation_router()


@contextlib.asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    """Beside the requests: notes when keys were used, and measures what the bus tells."""
    gateway: Gateway = app.state.gateway
    news = gateway.bus.subscribe(None)
    flushing = asyncio.create_task(_flush(gateway))
    following = asyncio.create_task(follow(news, gateway.metrics))
    try:
        yield
    finally:
        news.close()  # what was told by now is still measured
        flushing.cancel()
        await asyncio.gather(flushing, following, return_exceptions=True)
        await gateway.credentials.flush()


async def _flush(gateway: Gateway) -> None:
    while True:
        await asyncio.sleep(FLUSH_EVERY_S)
        await gateway.credentials.flush()


def _describe(app: FastAPI) -> None:
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(description.described(app))
        return made

    app.openapi = openapi  # type: ignore[method-assign]
