"""What a route works with: the rooms of the service, the dispatcher, and what this process keeps between requests.

For routers: take `here: Here` and use `here.rooms`, `here.dispatcher`, `here.bus`, `here.now()`, `here.metrics`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from darkroom.delivery.bus import EventBus
from darkroom.gateway.credentials import Credentials
from darkroom.gateway.crowd import Crowd
from darkroom.gateway.limits import Buckets
from darkroom.gateway.metrics import Metrics

if TYPE_CHECKING:
    from darkroom.lifecycle.dispatcher import Dispatcher
    from darkroom.lifecycle.rooms import Rooms


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """`public_url` is the origin under which people reach this service, "" for whatever address they asked for.

    `studio` is the folder of the built studio, None for the one that ships.
    """

    public_url: str = ""
    studio: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """One per app, in `app.state.gateway`. The clock is that of the rooms."""

    rooms: Rooms
    dispatcher: Dispatcher
    bus: EventBus
    settings: GatewaySettings
    credentials: Credentials
    metrics: Metrics
    requests: Buckets = field(default_factory=Buckets)
    """Requests by account."""
    failures: Buckets = field(default_factory=Buckets)
    """Failed keys, sessions and logins by network address."""
    uploads: Buckets = field(default_factory=Buckets)
    """Pictures that accounts bring along."""
    descriptions: Buckets = field(default_factory=Buckets)
    """Descriptions and shortenings by account."""
    wide: Buckets = field(default_factory=Buckets)
    """Feeds and lineages by account: they read more than the one page that they answer."""
    crowd: Crowd = field(default_factory=Crowd)
    """Submissions under way."""

    def now(self) -> datetime:
        return self.rooms.clock()


async def gateway(request: Request) -> Gateway:
    """The gateway of the app that this request came in by. Async although it waits for nothing: FastAPI runs what is not in a thread."""
    found = request.app.state.gateway
    assert isinstance(found, Gateway)
    return found


Here = Annotated[Gateway, Depends(gateway)]
"""For the signature of a route: `async def route(here: Here) -> ...`."""
