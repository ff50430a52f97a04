"""A whole service in memory: the real app over the in-memory stores, the real dispatcher, and a clock that stands still."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from darkroom.billing.periods import month_after
from darkroom.billing.plans import read_plans
from darkroom.billing.pricing import read_prices
from darkroom.classifiers.describing import RetrievalDescriber
from darkroom.classifiers.influence import LeaveOneOut
from darkroom.core.accounts import Account, ApiKey, Role, Scope
from darkroom.core.capabilities import HONOURABLE, ModelCapabilities, ModelCatalogue
from darkroom.core.errors import ModerationUnavailable
from darkroom.core.ids import new_id
from darkroom.core.verdicts import Decision, Verdict
from darkroom.core.workers import Worker, WorkerToken
from darkroom.delivery.bus import EventBus
from darkroom.dispatch.policy import DispatchPolicy
from darkroom.gateway import app as app_module
from darkroom.gateway.app import create_app
from darkroom.gateway.context import Gateway, GatewaySettings
from darkroom.gateway.credentials import KEY_PREFIX, SESSION_PREFIX, WORKER_PREFIX, hash_of, new_secret
from darkroom.intake.door import Door
from darkroom.lifecycle.dispatcher import Dispatcher
from darkroom.lifecycle.rooms import Rooms
from darkroom.moderation.policy import read_policy
from darkroom.storage.memory.store import MemoryStore
from darkroom.storage.objects.memory import MemoryObjects

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
ALL_SCOPES = frozenset(Scope)
HOST = "studio.test"
MODEL = ModelCapabilities(
    name="able-1", title="does everything", family="test", honours=HONOURABLE, native_px=256, large_px=512,
    max_image_prompts=5, letters=True, default=True,
)  # fmt: skip


POLICY = read_policy(None)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Moderator:
    """Blocks one word, and can be broken."""

    broken = False

    def remembered(self, texts: Sequence[str]) -> None:
        return None

    def check(self, texts: Sequence[str]) -> Verdict:
        if self.broken:
            raise ModerationUnavailable
        blocked = any("forbidden" in text for text in texts)
        return Verdict(
            decision=Decision.BLOCK if blocked else Decision.ALLOW,
            policy="test",
            category=POLICY.categories[0].name if blocked else "",
        )


@dataclass(frozen=True, kw_only=True)
class Person:
    """An account and how it asks."""

    account: Account
    client: httpx.AsyncClient
    secret: str
    key: ApiKey | None = None


class Scorer:
    """Scores every picture alike; `scores` is what it says."""

    def __init__(self) -> None:
        self.scores = {"nsfw": 0.01}

    def score(self, width: int, height: int, rgb: bytes) -> Mapping[str, float]:
        assert len(rgb) == 3 * width * height
        return dict(self.scores)


class HashedEmbedder:
    """Texts to vectors that their bytes decide."""

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        return [tuple(byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()) for text in texts]


class House:
    """The service and everything around it that a test turns."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.objects = MemoryObjects(secret=bytes(32), base_url=f"http://{HOST}", clock=self.clock)
        self.moderator = Moderator()
        self.intake = Door()
        self.scorer = Scorer()
        self.describer = RetrievalDescriber()
        self.shortener = LeaveOneOut(HashedEmbedder())
        self.bus = EventBus()
        self.rooms = Rooms(
            ledger=self.store.ledger,
            accounts=self.store.accounts,
            library=self.store.library,
            operations=self.store.operations,
            uploads=self.store.uploads,
            lineage=self.store.lineage,
            gallery=self.store.gallery,
            appeals=self.store.appeals,
            intake=self.intake,
            image_scorer=self.scorer,
            describer=self.describer,
            shortener=self.shortener,
            objects=self.objects,
            moderator=self.moderator,  # type: ignore[arg-type]
            image_policy=POLICY,
            plans=read_plans(None),
            prices=read_prices(None),
            catalogue=ModelCatalogue(models={"able-1": MODEL}, aliases={}),
            bus=self.bus,
            clock=self.clock,
            new_seed=lambda: 7,
        )
        self.dispatcher = Dispatcher(
            self.rooms, DispatchPolicy(), holder="here", url=f"http://{HOST}", rng=random.Random(1)
        )
        self.app: FastAPI = create_app(self.rooms, self.dispatcher)

    @property
    def gateway(self) -> Gateway:
        return self.app.state.gateway  # type: ignore[no-any-return]

    def with_settings(self, settings: GatewaySettings) -> None:
        self.app = create_app(self.rooms, self.dispatcher, settings=settings)

    def client(
        self,
        secret: str = "",
        *,
        cookie: str = "",
        address: str = "203.0.113.5",
        scheme: str = "http",
        raises: bool = True,
    ) -> httpx.AsyncClient:
        """Somebody who asks. What the app does not expect is raised in the test, unless `raises` is False."""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, client=(address, 4711), raise_app_exceptions=raises),
            base_url=f"{scheme}://{HOST}",
            headers=headers,
            cookies={"darkroom_session": cookie} if cookie else None,
        )

    async def account(self, name: str, *, role: Role = Role.MEMBER, plan: str | None = None) -> Account:
        plans = self.rooms.plans
        chosen = plans.plan(plan or (plans.owner if role is Role.OWNER else "pro"))
        account = Account(
            id=new_id(self.clock()),
            name=name,
            role=role,
            plan=chosen.name,
            created_at=self.clock(),
            period_start=self.clock(),
            period_end=month_after(self.clock()),
        )
        return await self.store.accounts.create(account, grant_gpu_ms=chosen.fast_gpu_ms_month or 0)

    async def person(
        self,
        name: str,
        *,
        role: Role = Role.MEMBER,
        scopes: frozenset[Scope] = ALL_SCOPES,
        plan: str | None = None,
    ) -> Person:
        """A new account with a key."""
        return await self.with_key(await self.account(name, role=role, plan=plan), scopes)

    async def with_key(self, account: Account, scopes: frozenset[Scope] = ALL_SCOPES) -> Person:
        secret, now = new_secret(KEY_PREFIX), self.clock()
        key = ApiKey(
            id=new_id(now),
            account_id=account.id,
            name="test",
            prefix=secret[:10],
            scopes=scopes,
            created_at=now,
        )
        await self.store.accounts.add_key(key, secret_hash=hash_of(secret))
        return Person(account=account, key=key, client=self.client(secret), secret=secret)

    async def session(self, account: Account) -> str:
        """A session's secret."""
        secret = new_secret(SESSION_PREFIX)
        await self.store.accounts.add_session(
            hash_of(secret), account_id=account.id, expires_at=self.clock() + timedelta(days=30)
        )
        return secret

    async def worker(self, name: str = "w1") -> Worker:
        now = self.clock()
        return await self.dispatcher.register(
            Worker(
                id=name, name=name, device="cpu", models=("able-1",), slots=1, version="1",
                registered_at=now, seen_at=now,
            )
        )  # fmt: skip

    async def worker_token(self) -> str:
        secret = new_secret(WORKER_PREFIX)
        token = WorkerToken(id=str(new_id(self.clock())), name="cellar", created_at=self.clock())
        await self.store.operations.add_worker_token(token, secret_hash=hash_of(secret))
        return secret


@pytest.fixture(scope="session", autouse=True)
def routers_made_once() -> Iterator[None]:
    """Making forty routes takes a fifth of a second, and most remember nothing of the app that they are in."""
    remembering = {"files_router", "health_router", "events_router", "downloads_router"}
    with pytest.MonkeyPatch.context() as patch:
        for name in {name for name in vars(app_module) if name.endswith("_router")} - remembering:
            patch.setattr(app_module, name, functools.cache(getattr(app_module, name)))
        yield


@pytest.fixture
async def house() -> House:
    house = House()
    await house.dispatcher.tick()
    return house


@pytest.fixture
async def owner(house: House) -> Person:
    return await house.person("olga", role=Role.OWNER)


@pytest.fixture
async def member(house: House, owner: Person) -> Person:
    return await house.person("mia")


def fault(answer: httpx.Response, status: int, code: str) -> dict[str, str | None]:
    """The error in an answer, which must be an envelope of this status and code."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error"}
    error: dict[str, str | None] = body["error"]
    assert set(error) == {"code", "message", "hint", "field"}
    assert error["code"] == code, error
    assert error["message"]
    return error
