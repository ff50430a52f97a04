"""The server process: stores, embedded or by address; the gateway and the dispatcher over them; this machine's workers.

The story of one process: open the stores -> see to the owner -> join the rooms -> listen -> start the workers -> serve until
told to stop -> drain. Loads no torch: what draws is a process of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from darkroom import __version__
from darkroom.billing.plans import read_plans
from darkroom.billing.pricing import read_prices
from darkroom.bootstrap.connections import Connection
from darkroom.bootstrap.folder import Running, announce, locked
from darkroom.bootstrap.library import BUILTIN_FAMILY, without_missing
from darkroom.bootstrap.models import open_catalogue
from darkroom.bootstrap.owner import Welcome, admit_local_workers, welcome
from darkroom.bootstrap.stores import open_objects, open_store
from darkroom.classifiers.describing import RetrievalDescriber
from darkroom.classifiers.influence import LeaveOneOut
from darkroom.classifiers.pixels import OnDemandScorer
from darkroom.classifiers.text import OnnxTextEmbedder
from darkroom.classifiers.vision import VisionDescriber
from darkroom.core.errors import OutputError, Unavailable
from darkroom.core.params import SEED_MAX
from darkroom.delivery.bus import EventBus
from darkroom.delivery.follower import Follower
from darkroom.dispatch.policy import read_dispatch_policy
from darkroom.dispatch.retry import retry_delay_s
from darkroom.fleet.devices import local_devices
from darkroom.fleet.local import LocalFleet
from darkroom.gateway.app import create_app
from darkroom.gateway.context import GatewaySettings
from darkroom.intake.door import Door, public_links
from darkroom.lifecycle.dispatcher import Dispatcher
from darkroom.lifecycle.rooms import Rooms
from darkroom.model.families import FAMILIES
from darkroom.moderation.policy import read_policy
from darkroom.moderation.prompts import PromptModerator
from darkroom.settings import Settings
from darkroom.storage.objects import sweep_staging

if TYPE_CHECKING:
    from fastapi import FastAPI

    from darkroom.core.ports import Describer
    from darkroom.storage.objects.seam import ObjectStore
    from darkroom.storage.postgres.store import PostgresStore

REQUESTS_GRACE_S = 5  # for requests under way when the server stops
KEEP_ALIVE_S = (
    75  # longer than proxies keep idle connections, so that none is closed under a request on its way
)
WORKERS_GRACE_S = 10.0
BACKLOG = 2048  # connections that wait to be accepted
OPEN_FILES = 65_536
SWEEP_EVERY_S = 3600.0
STAGED_LIFE = timedelta(hours=12)

log = logging.getLogger("darkroom.server")


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What is told once the server answers."""

    url: str
    data: Path
    welcome: Welcome

    @property
    def login_url(self) -> str:
        return f"{self.url}/login?token={self.welcome.login_token}"


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


async def serve(settings: Settings, *, tell: Callable[[Ready], None]) -> None:
    """Serves until it is told to stop (SIGINT, SIGTERM, or by being cancelled). `tell` is called once when it answers.

    Raises DarkroomError where a part cannot be opened: the data folder, the database, a policy file, the port.
    """
    _allow_many_connections()
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(settings.data))
        listener = stack.enter_context(_listen(settings))
        url = settings.public_url or _url_of(listener)
        store = await stack.enter_async_context(open_store(settings))
        objects = await open_objects(settings, store, base_url=url)
        greeting = await welcome(store.accounts, read_plans(settings.plans), data=settings.data, now=now())
        bus = EventBus()
        rooms = join(settings, store, objects, bus)
        await asyncio.to_thread(rooms.moderator.warm)
        dispatcher = Dispatcher(
            rooms,
            read_dispatch_policy(settings.dispatch),
            holder=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
            url=url,
            rng=random.Random(),
        )
        app = create_app(rooms, dispatcher, settings=GatewaySettings(public_url=settings.public_url))
        stack.callback(bus.close)
        dispatching = asyncio.ensure_future(dispatcher.run())
        await stack.enter_async_context(
            _running(dispatching, Follower(store.library, bus).run(), _sweeping(objects))
        )
        announce(settings.data, Running(url=_url_of(listener), pid=os.getpid(), version=__version__))
        fleet = await _start_workers(settings, store, dispatcher, url=_url_of(listener))
        ready = Ready(url=url, data=settings.data, welcome=greeting)

        async def wind_up() -> None:
            bus.close()
            await fleet.stop(WORKERS_GRACE_S)
            dispatching.cancel()  # now, so that no pull of another machine's worker waits on, and a standby takes over at once
            await asyncio.wait([dispatching])

        try:
            await _answer(app, listener, tell=lambda: tell(ready), wind_up=wind_up)
        finally:
            await fleet.stop(0)


def join(settings: Settings, store: PostgresStore, objects: ObjectStore, bus: EventBus) -> Rooms:
    """The rooms over these stores, with the policies that the settings name."""
    policy = read_policy(settings.policy)
    embedder = OnnxTextEmbedder.load(settings.weights)
    catalogue = open_catalogue(settings)
    dispatch_policy, rng = read_dispatch_policy(settings.dispatch), random.Random()
    return Rooms(
        ledger=store.ledger,
        accounts=store.accounts,
        library=store.library,
        operations=store.operations,
        uploads=store.uploads,
        lineage=store.lineage,
        gallery=store.gallery,
        appeals=store.appeals,
        objects=objects,
        intake=Door(links=public_links if settings.fetch == "on" else None),
        image_scorer=OnDemandScorer(),
        describer=describer_of(settings),
        shortener=LeaveOneOut(embedder),
        moderator=PromptModerator(policy, embedder),
        image_policy=policy,
        plans=read_plans(settings.plans),
        prices=read_prices(settings.prices),
        catalogue=catalogue if settings.workers == 0 else without_missing(catalogue),
        bus=bus,
        clock=now,
        new_seed=lambda: secrets.randbelow(SEED_MAX + 1),
        families=frozenset({BUILTIN_FAMILY, *FAMILIES}),
        retry_delay_s=lambda attempt: retry_delay_s(attempt, rng, dispatch_policy),
    )


def describer_of(settings: Settings) -> Describer:
    """The model at the address that the operator names, else the embedder in the package. Neither is asked at start."""
    if settings.vision_url:
        return VisionDescriber(url=settings.vision_url, model=settings.vision_model, key=settings.vision_key)
    return RetrievalDescriber.load(settings.weights)


def _allow_many_connections() -> None:
    """Each connection is an open file, and systems allow a process 1,024 unless it asks for more, as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@contextmanager
def _listen(settings: Settings) -> Iterator[socket.socket]:
    """The port, taken before anything slow is done. OutputError where somebody else has it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as fault:
        listener.close()
        raise Unavailable(
            f"the server cannot listen on {settings.host}:{settings.port}: {fault.strerror}. "
            "Stop what listens there, or set DARKROOM_PORT to another port."
        ) from fault
    with closing(listener):
        yield listener


def _url_of(listener: socket.socket) -> str:
    """How this machine reaches the server."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@asynccontextmanager
async def _running(*loops: Awaitable[None]) -> AsyncIterator[None]:
    """Runs what runs for ever beside the server. One that ends before is our mistake, and is logged with its reason."""
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    for task in tasks:
        task.add_done_callback(_mourn)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _mourn(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        log.critical("a loop of the server has died; restart the server", exc_info=fault)


async def _sweeping(objects: ObjectStore) -> None:
    """Takes away what crashed runs left, for ever."""
    while True:
        try:
            swept = await sweep_staging(objects, older_than=STAGED_LIFE, now=now())
            if swept:
                log.info("%d staged objects that nobody reported were removed", swept)
        except (Unavailable, OutputError) as fault:
            log.warning("staged objects cannot be swept at the moment: %s", fault.message)
        await asyncio.sleep(SWEEP_EVERY_S)


async def _start_workers(
    settings: Settings, store: PostgresStore, dispatcher: Dispatcher, *, url: str
) -> LocalFleet:
    token = await admit_local_workers(
        store.operations, place=f"{socket.gethostname()}:{settings.data}", now=now()
    )
    fleet = LocalFleet(
        url=url,
        token=token,
        logs=settings.data / "logs",
        devices=local_devices(os.environ, workers=settings.workers, device=settings.device),
        on_exit=dispatcher.lost,
    )
    dispatcher.listen(drained=fleet.drain, readmitted=fleet.wake)
    await fleet.start()
    return fleet


async def _answer(
    app: FastAPI, listener: socket.socket, *, tell: Callable[[], None], wind_up: Callable[[], Awaitable[None]]
) -> None:
    """Serves HTTP until told to stop."""
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=REQUESTS_GRACE_S,
    )
    await _HttpServer(config, tell, wind_up).serve(sockets=[listener])


class _HttpServer(uvicorn.Server):
    """Tells when it answers. When it stops, it still answers while streams end and workers hand back what they have.

    It takes the signals as uvicorn does, and does not raise them again afterwards: what stands around it has yet to be put away.
    """

    def __init__(
        self, config: uvicorn.Config, tell: Callable[[], None], wind_up: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._tell, self._wind_up = tell, wind_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._wind_up()
        await super().shutdown(sockets=sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
