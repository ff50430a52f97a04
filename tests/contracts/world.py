"""A small world around a store: a clock that a test owns, ids in order, and short words for the usual steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from darkroom.core.accounts import Account, Role
from darkroom.core.ids import new_id
from darkroom.core.images import Finish, ImageFile, NewImage, Variant
from darkroom.core.jobs import Cause, Ending, Job, JobState, NewJob, Requeue, Submission, Submitted
from darkroom.core.params import Lane, Visibility
from darkroom.core.ports import (
    Accounts,
    Appeals,
    Gallery,
    JobFilter,
    Ledger,
    Library,
    Lineage,
    Operations,
    Uploads,
)
from darkroom.core.recipes import Action, Input, ParentKind, Recipe
from darkroom.core.recipes import Role as ParentRole
from darkroom.core.uploads import Upload
from darkroom.core.workers import Lease

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOLD_GPU_MS = 1_000
GRANT_GPU_MS = 100_000
LEASE_S = 1e9  # longer than any clock of a test runs


class Store(Protocol):
    """What is under test. The suites need it empty at the start of each test."""

    ledger: Ledger
    accounts: Accounts
    library: Library
    operations: Operations
    uploads: Uploads
    lineage: Lineage
    gallery: Gallery
    appeals: Appeals


class World:
    """A store, its clock (which stands still unless a test moves it), and a dispatcher that holds the lease."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self._ids = 0
        self.lease: Lease | None = None

    def wait(self, seconds: float) -> datetime:
        """Moves the clock; the new time."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def id(self) -> UUID:
        """A new id, larger than all before."""
        self._ids += 1
        return new_id(self.now, randomness=self._ids)

    async def account(
        self, *, grant_gpu_ms: int = GRANT_GPU_MS, role: Role = Role.MEMBER, name: str = ""
    ) -> Account:
        """A new account whose month ends in 30 days."""
        identifier = self.id()
        account = Account(
            id=identifier,
            name=name or f"account-{identifier}",
            role=role,
            plan="standard",
            created_at=self.now,
            period_start=self.now,
            period_end=self.now + timedelta(days=30),
        )
        return await self.store.accounts.create(account, grant_gpu_ms=grant_gpu_ms)

    def job(self, **changes: Any) -> NewJob:
        """A job to submit: fast, 1,000 ms held at the plain price."""
        new = NewJob(
            id=self.id(),
            prompt="a red fox --seed 7",
            words="a red fox",
            model="mini-1",
            seed=7,
            lane=Lane.FAST,
            visibility=Visibility.PUBLIC,
            hold_gpu_ms=HOLD_GPU_MS,
            price_percent=100,
        )
        return replace(new, **changes)

    def submission(self, account: Account, *jobs: NewJob, **changes: Any) -> Submission:
        """One request for these jobs, or for one plain job; 3 may run and 10 wait."""
        submission = Submission(
            account_id=account.id,
            batch_id=self.id(),
            source="a red fox",
            jobs=jobs or (self.job(),),
            running_cap=3,
            waiting_cap=10,
            unlimited=False,
            now=self.now,
        )
        return replace(submission, **changes)

    async def submit(self, account: Account, *jobs: NewJob, **changes: Any) -> Submitted:
        return await self.store.ledger.submit(self.submission(account, *jobs, **changes))

    async def submitted(self, account: Account, **changes: Any) -> Job:
        """One job, ready where a slot was free; `changes` are the new job's."""
        return (await self.submit(account, self.job(**changes))).change.jobs[0]

    async def epoch(self) -> int:
        """The epoch of a valid lease of our own."""
        if self.lease is None:
            self.lease = await self.store.operations.acquire_lease(
                holder="dispatcher", url="http://here", ttl_s=LEASE_S, now=self.now
            )
        return self.lease.epoch

    async def claimed(self, *jobs: Job, worker: str = "worker-1") -> list[Job]:
        """The jobs, claimed; those that could not be are missing."""
        change = await self.store.ledger.claim(
            [job.id for job in jobs], worker_id=worker, epoch=await self.epoch(), now=self.now
        )
        return list(change.jobs)

    async def running(self, account: Account, **changes: Any) -> Job:
        """A new job that worker-1 runs."""
        (job,) = await self.claimed(await self.submitted(account, **changes))
        return job

    async def finishing(self, account: Account, **changes: Any) -> Job:
        """A new job whose pixels are there."""
        job = await self.running(account, **changes)
        change = await self.store.ledger.mark_finishing([(job.id, fence_of(job))], now=self.now)
        return change.jobs[0]

    def image(self, index: int | None = 0) -> NewImage:
        identifier = self.id()
        png = ImageFile(
            variant=Variant.PNG,
            digest=f"{identifier.int:064x}",
            media_type="image/png",
            width=256,
            height=192,
            size_bytes=1_234,
        )
        thumbnail = replace(png, variant=Variant.THUMBNAIL, media_type="image/webp", size_bytes=99)
        return NewImage(
            id=identifier,
            index=index,
            files=(png, replace(thumbnail, digest=f"a{identifier.int:063x}", width=64, height=48)),
            scores={"nsfw": 0.125},
            policy="policy-1",
            provenance='{"seed": 7}',
        )

    def finish(self, job: Job, **changes: Any) -> Finish:
        """What publishes a claimed job: two images and the grid, 400 ms measured."""
        finish = Finish(
            job_id=job.id,
            fence=fence_of(job),
            measured_gpu_ms=400,
            images=(self.image(0), self.image(1), self.image(None)),
            notes=("seed was drawn",),
            now=self.now,
        )
        return replace(finish, **changes)

    async def made(
        self,
        account: Account,
        *parents: UUID | Upload,
        images: int = 1,
        grid: bool = False,
        roles: Sequence[ParentRole] = (),
        **changes: Any,
    ) -> tuple[UUID, ...]:
        """The images of a new job that was made from these images and uploads; the grid last."""
        recipe = self.recipe(*parents, roles=roles)
        job = await self.running(account, recipe=recipe, hold_gpu_ms=0, **changes)
        new = (*(self.image(n) for n in range(images)), *([self.image(None)] if grid else ()))
        await self.store.ledger.finish([self.finish(job, images=new)])
        return tuple(each.id for each in new)

    def recipe(self, *parents: UUID | Upload, roles: Sequence[ParentRole] = ()) -> Recipe:
        """Made from these images and uploads; what has no role given is an image prompt."""
        if not parents:
            return Recipe()
        given = (*roles, *[ParentRole.PROMPT] * (len(parents) - len(roles)))
        return Recipe(
            action=Action.BLEND if len(parents) > 1 else Action.VARY_SUBTLE,
            inputs=tuple(
                Input(role=role, parent_id=each.id, kind=ParentKind.UPLOAD, digest=each.digest)
                if isinstance(each, Upload)
                else Input(role=role, parent_id=each, kind=ParentKind.IMAGE)
                for each, role in zip(parents, given, strict=True)
            ),
        )

    def upload(self, account: Account, **changes: Any) -> Upload:
        """A picture to bring along."""
        identifier = self.id()
        upload = Upload(
            id=identifier,
            account_id=account.id,
            digest=f"b{identifier.int:063x}",
            width=256,
            height=192,
            size_bytes=1_234,
            scores={"nsfw": 0.125},
            policy="policy-1",
            created_at=self.now,
        )
        return replace(upload, **changes)

    async def uploaded(self, account: Account, **changes: Any) -> Upload:
        return await self.store.uploads.add(self.upload(account, **changes))

    def requeue(self, job: Job, cause: Cause = Cause.WORKER_LOST, **changes: Any) -> Requeue:
        requeue = Requeue(
            job_id=job.id, fence=fence_of(job), cause=cause, not_before=self.now + timedelta(seconds=2)
        )
        return replace(requeue, **changes)

    def ending(self, job: Job, state: JobState = JobState.FAILED, **changes: Any) -> Ending:
        cause = {JobState.FAILED: Cause.OUT_OF_ATTEMPTS, JobState.REJECTED: Cause.IMAGE_REJECTED}
        ending = Ending(
            job_id=job.id,
            fence=job.fence,
            state=state,
            cause=cause.get(state, Cause.CANCELLED_BY_USER),
            error_code="why",
            error_message="It could not be.",
        )
        return replace(ending, **changes)

    async def dead_letter(self, account: Account, **changes: Any) -> Job:
        """A new job that failed for good."""
        job = await self.running(account, **changes)
        (reported,) = await self.store.ledger.end([self.ending(job)], now=self.now)
        return reported.change.jobs[0]

    async def held_gpu_ms(self, account: Account) -> int:
        return (await self.store.accounts.balance(account.id)).held_gpu_ms

    async def available_gpu_ms(self, account: Account) -> int:
        return (await self.store.accounts.balance(account.id)).available_gpu_ms

    async def states(self, account: Account) -> list[JobState]:
        """The states of all jobs of an account, oldest job first."""
        jobs = await self.store.library.jobs(JobFilter(account_id=account.id), before=None, limit=10_000)
        return [job.state for job in reversed(jobs)]

    async def path(self, job: Job) -> list[JobState]:
        """The states that a job went through."""
        return [each.state for each in await self.store.library.history(job.id)]

    async def seen(self, account: Account) -> tuple[object, ...]:
        """All that can be seen of an account, to tell whether anything changed."""
        return (
            await self.store.accounts.get(account.id),
            await self.store.accounts.balance(account.id),
            await self.store.accounts.statement(account.id, before=None, limit=10_000),
            await self.store.library.newest_event(),
            await self.states(account),
        )


def fence_of(job: Job) -> int:
    assert job.fence is not None, f"job {job.id} is claimed by nobody"
    return job.fence


async def unchanged(world: World, account: Account, act: Callable[[], Awaitable[object]]) -> None:
    """Does something, and insists that it changed nothing that can be seen of the account."""
    before = await world.seen(account)
    await act()
    assert await world.seen(account) == before
