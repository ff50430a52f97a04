"""The story's world: real rooms over the stores in memory, a clock that a test moves, and workers played by hand."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from darkroom.billing.plans import read_plans
from darkroom.billing.pricing import read_prices
from darkroom.classifiers.describing import RetrievalDescriber
from darkroom.classifiers.influence import LeaveOneOut
from darkroom.core.accounts import Account, Role
from darkroom.core.capabilities import HONOURABLE, ModelCapabilities, ModelCatalogue
from darkroom.core.errors import ModerationUnavailable, StoreUnavailable
from darkroom.core.ids import new_id
from darkroom.core.images import ImageFile, Variant
from darkroom.core.jobs import TERMINAL, Job, JobState, Outcome
from darkroom.core.news import News
from darkroom.core.params import Lane
from darkroom.core.ports import JobFilter
from darkroom.core.verdicts import Decision, Verdict
from darkroom.core.work import Assignment, Claim, Completion, Failure, Fault, StagedFile, StagedImage
from darkroom.core.workers import Worker
from darkroom.dispatch.policy import DispatchPolicy
from darkroom.intake.door import Door
from darkroom.lifecycle.dispatcher import Dispatcher
from darkroom.lifecycle.keys import staging_key
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.submit import submit
from darkroom.moderation.policy import read_policy
from darkroom.storage.memory.store import MemoryStore
from darkroom.storage.objects.memory import MemoryObjects

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
FINE = {"nsfw": 0.01}
BAD = {"nsfw": 0.99}
MODEL = ModelCapabilities(
    name="able-1", title="does everything", family="test", honours=HONOURABLE, native_px=256, large_px=512,
    max_image_prompts=5, letters=True, default=True,
)  # fmt: skip
OTHER = replace(MODEL, name="other-1", family="unbuilt", default=False)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Moderator:
    """Blocks one word, can be broken, and counts."""

    def __init__(self) -> None:
        self.broken = False
        self.checked: list[str] = []

    def remembered(self, texts: Sequence[str]) -> None:
        return None

    def check(self, texts: Sequence[str]) -> Verdict:
        if self.broken:
            raise ModerationUnavailable
        self.checked += texts
        blocked = any("forbidden" in text for text in texts)
        return Verdict(
            decision=Decision.BLOCK if blocked else Decision.ALLOW,
            policy="test",
            category=read_policy(None).categories[0].name if blocked else "",
        )


class Told:
    """Remembers all news."""

    def __init__(self) -> None:
        self.news: list[News] = []

    def publish(self, news: News) -> None:
        self.news.append(news)


class Flaky:
    """A store that fails when it is asked to: `failing` calls from now on, before or after they did their work."""

    def __init__(self, real: object) -> None:
        self._real = real
        self.failing: dict[str, int] = {}
        self.after: dict[str, int] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        if not asyncio.iscoroutinefunction(method):
            return method

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            await asyncio.sleep(0)
            self._fail(self.failing, name)
            if name in self.gates:
                await self.gates[name].wait()
            result = await method(*args, **kwargs)
            self._fail(self.after, name)
            return result

        return call

    def _fail(self, counted: dict[str, int], name: str) -> None:
        if counted.get(name, 0) > 0:
            counted[name] -= 1
            raise StoreUnavailable(f"{name} fails as it was told")


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


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.ledger = Flaky(self.store.ledger)
        self.library = Flaky(self.store.library)
        self.operations = Flaky(self.store.operations)
        self.kept = MemoryObjects(secret=bytes(32), base_url="http://here", clock=self.clock)
        self.objects = Flaky(self.kept)
        self.moderator = Moderator()
        self.intake = Door()
        self.scorer = Scorer()
        self.describer = RetrievalDescriber()
        self.shortener = LeaveOneOut(HashedEmbedder())
        self.told = Told()
        self.seeds = itertools.count(100)
        self.rooms = self.make_rooms()
        self.dispatcher = self.make_dispatcher("one")

    def make_rooms(self) -> Rooms:
        return Rooms(
            ledger=self.ledger,  # type: ignore[arg-type]
            accounts=self.store.accounts,
            library=self.library,  # type: ignore[arg-type]
            operations=self.operations,  # type: ignore[arg-type]
            uploads=self.store.uploads,
            lineage=self.store.lineage,
            gallery=self.store.gallery,
            appeals=self.store.appeals,
            intake=self.intake,
            image_scorer=self.scorer,
            describer=self.describer,
            shortener=self.shortener,
            objects=self.objects,  # type: ignore[arg-type]
            moderator=self.moderator,  # type: ignore[arg-type]
            image_policy=read_policy(None),
            plans=read_plans(None),
            prices=read_prices(None),
            catalogue=ModelCatalogue(models={"able-1": MODEL, "other-1": OTHER}),
            bus=self.told,
            clock=self.clock,
            new_seed=lambda: next(self.seeds),
            families=frozenset({"test"}),
        )

    def make_dispatcher(self, holder: str, rooms: Rooms | None = None) -> Dispatcher:
        return Dispatcher(
            rooms or self.rooms,
            DispatchPolicy(),
            holder=holder,
            url=f"http://{holder}",
            rng=random.Random(1),
        )

    async def later(self, seconds: float, *dispatchers: Dispatcher) -> None:
        """Time passes, and the dispatcher (or these) has its rounds."""
        while seconds > 0:
            self.clock.move(min(seconds, 2))
            seconds -= 2
            for dispatcher in dispatchers or (self.dispatcher,):
                await dispatcher.tick()

    async def account(
        self, name: str, *, plan: str = "pro", grant_gpu_ms: int | None = None, **changes: Any
    ) -> Account:
        account = Account(
            id=new_id(self.clock()),
            name=name,
            role=Role.MEMBER,
            plan=plan,
            created_at=self.clock(),
            period_start=self.clock(),
            period_end=self.clock() + timedelta(days=30),
        )
        granted = grant_gpu_ms
        if granted is None:
            granted = self.rooms.plans.plan(plan).fast_gpu_ms_month or 0
        return await self.store.accounts.create(replace(account, **changes), grant_gpu_ms=granted)

    async def submit(self, account: Account, text: str = "a red fox", **more: Any) -> list[Job]:
        return list((await submit(self.rooms, account, text=text, **more)).change.jobs)

    async def job(self, job: Job) -> Job:
        return await self.store.library.job(job.id)

    async def job_of(self, assignment: Assignment) -> Job:
        return await self.store.library.job(assignment.claim.job_id)

    async def worker(self, name: str = "w1", *, slots: int = 4, dispatcher: Dispatcher | None = None) -> str:
        now = self.clock()
        worker = Worker(
            id=name, name=name, device="cpu", models=("able-1",), slots=slots, version="1",
            registered_at=now, seen_at=now,
        )  # fmt: skip
        return (await (dispatcher or self.dispatcher).register(worker)).id

    async def pull(self, worker: str = "w1", *, free: int = 4, wait_s: float = 0) -> list[Assignment]:
        return await self.dispatcher.pull(worker, free=free, warm=["able-1"], wait_s=wait_s)

    async def complete(
        self, assignment: Assignment, *, scores: Mapping[str, float] = FINE, measured_gpu_ms: int = 900
    ) -> Completion:
        """Uploads four pictures and a grid; the report that says so."""
        images = []
        for index in (*range(assignment.images), None):
            data = f"{assignment.claim} {index}".encode()
            name = f"{'grid' if index is None else index}.png"
            await self.kept.put(staging_key(assignment.claim, name), data, media_type="image/png")
            file = ImageFile(
                variant=Variant.PNG,
                digest=hashlib.sha256(data).hexdigest(),
                media_type="image/png",
                width=256,
                height=256,
                size_bytes=len(data),
            )
            images.append(
                StagedImage(
                    index=index,
                    files=(StagedFile(name=name, file=file),),
                    scores={} if index is None else scores,
                )
            )
        return Completion(
            claim=assignment.claim, measured_gpu_ms=measured_gpu_ms, images=tuple(images), notes=()
        )

    async def draw(self, assignment: Assignment, worker: str = "w1", **how: Any) -> Outcome:
        """A whole run of a job, from its assignment to the answer to its report."""
        return (await self.dispatcher.report(worker, [await self.complete(assignment, **how)]))[0]

    async def fail(self, assignment: Assignment, fault: Fault, worker: str = "w1") -> Outcome:
        failure = Failure(
            claim=assignment.claim, fault=fault, message="it broke", measured_gpu_ms=500, device="cpu"
        )
        return (await self.dispatcher.report(worker, [failure]))[0]

    async def history(self, job: Job) -> list[str]:
        return [moved.state.value for moved in await self.store.library.history(job.id)]

    async def check_money(self, *accounts: Account) -> None:
        """What is held is what living jobs hold, and nothing else; what was settled is what jobs were charged."""
        for account in accounts:
            jobs = await self.store.library.jobs(JobFilter(account_id=account.id), before=None, limit=10_000)
            balance = await self.store.accounts.balance(account.id)
            assert balance.held_gpu_ms == sum(job.hold_gpu_ms for job in jobs if job.state not in TERMINAL)
            assert balance.settled_gpu_ms == sum(job.charged_gpu_ms or 0 for job in jobs)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.dispatcher.tick()
    return world


async def eventually(holds: Callable[[], bool], *, within_s: float = 10) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  (whatever it is, it has no event of its own)
            await asyncio.sleep(0.001)


__all__ = ["BAD", "FINE", "Claim", "Flaky", "JobState", "Lane", "World", "eventually"]
