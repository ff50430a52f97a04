"""Random histories: from one seed the same operations on any store, right and wrong ones, with every invariant checked after each.

Two stores that keep the contract give equal summaries for equal seeds, whatever their fences and event ids are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from uuid import UUID

from tests.contracts.invariants import ALL, Watch
from tests.contracts.world import Store, World, fence_of

from darkroom.core.accounts import Account, Balance
from darkroom.core.errors import NotActive, Refused
from darkroom.core.jobs import Cause, Change, Ending, Job, JobState, NewJob, Reported, Requeue
from darkroom.core.params import Lane

CAPS = ((2, 3, False), (2, 4, False), (3, 10, True))
"""Running, waiting, unlimited: one account each."""
GRANTS_GPU_MS = (3_000, 60_000, 0)
WRONG_FENCE = 10**9
PRICES = {Lane.TURBO: 200, Lane.FAST: 100, Lane.RELAX: 0}


@dataclass(frozen=True, kw_only=True)
class JobSummary:
    """What a job came to, without the numbers that every store chooses for itself."""

    id: UUID
    state: JobState
    path: tuple[tuple[JobState | None, JobState, Cause], ...]
    worker_id: str | None
    attempt: int
    rejections: int
    avoid: tuple[str, ...]
    seed: int
    cancel_requested: bool
    charged_gpu_ms: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a history came to. `log` says of each step what was asked and how it was answered."""

    log: tuple[str, ...]
    jobs: tuple[JobSummary, ...]
    accounts: tuple[Account, ...]
    balances: tuple[Balance, ...]
    letters: tuple[tuple[UUID, int, str, UUID | None], ...]
    images: tuple[tuple[UUID, int | None], ...]


async def run_history(store: Store, seed: int | Random, steps: int) -> Summary:
    """Drives an empty store with `steps` random operations; AssertionError where an invariant breaks.

    Equal seeds and equal stores give equal summaries. A Random may be given instead of a seed (Hypothesis has one that shrinks).
    """
    rng = seed if isinstance(seed, Random) else Random(seed)
    history = History(World(store), rng)
    await history.begin()
    for _ in range(steps):
        await history.step()
    return await history.summary()


class History:
    """The next operation is drawn from what there is: all jobs, every claim ever made, all keys used."""

    def __init__(self, world: World, rng: Random) -> None:
        self._world = world
        self._store = world.store
        self._rng = rng
        self._accounts: list[UUID] = []
        self._caps: dict[UUID, tuple[int, int, bool]] = {}
        self._claims: list[Job] = []
        self._log: list[str] = []
        self._told: list[Change] = []
        self._watch = Watch(world, self._caps)

    async def begin(self) -> None:
        for caps, grant in zip(CAPS, GRANTS_GPU_MS, strict=True):
            account = await self._world.account(grant_gpu_ms=grant)
            self._accounts.append(account.id)
            self._caps[account.id] = caps
        await self._world.epoch()

    async def step(self) -> None:
        """One operation a second after the last, then every invariant."""
        self._world.wait(1)
        act = self._rng.choices(list(_ACTS), weights=list(_ACTS.values()))[0]
        self._told = []
        try:
            answer = await act(self)
        except (Refused, NotActive) as refused:
            answer = refused.code
        self._log.append(f"{act.__name__}: {answer}")
        try:
            await self._watch.check(self._told)
        except AssertionError as broken:
            recent = "\n".join(self._log[-15:])
            raise AssertionError(f"after {len(self._log)} steps: {broken}\n{recent}") from broken

    async def submit(self) -> str:
        rng, account_id = self._rng, self._rng.choice(self._accounts)
        jobs = tuple(self._new_job() for _ in range(rng.choice((1, 1, 2, 3))))
        running, waiting, unlimited = self._caps[account_id]
        account = await self._store.accounts.get(account_id)
        submitted = await self._world.submit(
            account,
            *jobs,
            running_cap=running,
            waiting_cap=waiting,
            unlimited=unlimited,
            idempotency_key=rng.choice((None, None, "a", "b", "c")),
            body_digest=rng.choice("xxxy"),
        )
        self._told = [submitted.change]
        states = " ".join(job.state for job in submitted.change.jobs)
        return f"{'again ' if submitted.replayed else ''}{states}"

    def _new_job(self) -> NewJob:
        lane = self._rng.choice(list(Lane))
        hold = 0 if lane is Lane.RELAX else self._rng.choice((500, 1_000, 2_500))
        return self._world.job(lane=lane, hold_gpu_ms=hold, price_percent=PRICES[lane])

    async def claim(self) -> str:
        jobs = self._some_jobs(4)
        worker = self._rng.choice(("w1", "w2"))
        epoch = await self._world.epoch() + (self._rng.random() < 0.05)
        change = await self._store.ledger.claim(
            [job.id for job in jobs], worker_id=worker, epoch=epoch, now=self._world.now
        )
        self._claims += change.jobs
        self._told = [change]
        return f"{len(jobs)} asked, {len(change.jobs)} got"

    def _some_jobs(self, most: int) -> list[Job]:
        """Living jobs more often than ended ones, which are many."""
        jobs = list(self._watch.jobs.values())
        living = [job for job in jobs if job.finished_at is None]
        pool = living if living and self._rng.random() < 0.9 else jobs
        return self._rng.sample(pool, min(len(pool), self._rng.randint(1, most)))

    def _some_claims(self) -> list[Job]:
        """Claims that were made: mostly such as still hold, sometimes old ones, sometimes the same one twice."""
        if not self._claims:
            return []
        now = self._watch.jobs
        valid = [
            each for each in self._claims if now[each.id].fence == each.fence and not now[each.id].finished_at
        ]
        pool = valid if valid and self._rng.random() < 0.8 else self._claims
        return [self._wrong(self._rng.choice(pool)) for _ in range(self._rng.randint(1, 3))]

    def _wrong(self, claim: Job) -> Job:
        return replace(claim, fence=WRONG_FENCE) if self._rng.random() < 0.05 else claim

    async def mark_finishing(self) -> str:
        claims = [(each.id, fence_of(each)) for each in self._some_claims()]
        change = await self._store.ledger.mark_finishing(claims, now=self._world.now)
        self._told = [change]
        return f"{len(claims)} asked, {len(change.jobs)} done"

    async def finish(self) -> str:
        measured = (0, 300, 700, 5_000)
        finishes = [
            self._world.finish(claim, measured_gpu_ms=self._rng.choice(measured))
            for claim in self._some_claims()
        ]
        return self._answers(await self._store.ledger.finish(finishes))

    async def requeue(self) -> str:
        requeues = [self._requeue(claim) for claim in self._some_claims()]
        return self._answers(await self._store.ledger.requeue(requeues, now=self._world.now))

    def _requeue(self, claim: Job) -> Requeue:
        causes = (Cause.WORKER_LOST, Cause.WORKER_FAILED, Cause.WORKER_DRAINED, Cause.IMAGE_REJECTED)
        cause = self._rng.choice(causes)
        requeue = self._world.requeue(claim, cause)
        if cause is Cause.IMAGE_REJECTED:
            seed = self._rng.randrange(2**32)
            return replace(requeue, counts_attempt=False, seed=seed, prompt=f"a fox --seed {seed}")
        return replace(requeue, counts_attempt=cause is not Cause.WORKER_DRAINED, avoid=claim.worker_id)

    async def end(self) -> str:
        claims, rng = self._some_claims(), self._rng
        if rng.random() < 0.3:
            claims += [replace(job, fence=None) for job in self._some_jobs(1)]
        endings = [self._ending(each) for each in claims]
        return self._answers(await self._store.ledger.end(endings, now=self._world.now))

    def _ending(self, claim: Job) -> Ending:
        states = (JobState.FAILED, JobState.FAILED, JobState.REJECTED, JobState.CANCELLED)
        return self._world.ending(
            claim, self._rng.choice(states), measured_gpu_ms=self._rng.choice((0, 250, 9_000))
        )

    def _answers(self, reported: list[Reported]) -> str:
        self._told = [each.change for each in reported]
        return " ".join(each.outcome for each in reported)

    async def cancel(self) -> str:
        for job in self._some_jobs(1):
            account_id = self._rng.choice((None, job.account_id, job.account_id, self._accounts[0]))
            change = await self._store.ledger.request_cancel(
                job.id, account_id=account_id, by_operator=account_id is None, now=self._world.now
            )
            self._told = [change]
            return f"{job.state} -> {change.jobs[0].state}, {len(change.promoted)} promoted"
        return "nobody"

    async def resolve(self) -> str:
        letters = await self._store.operations.dead_letters(before=None, limit=5, open_only=False)
        for letter in self._rng.sample(letters, min(len(letters), 1)):
            if self._rng.random() < 0.3:
                await self._store.operations.drop_dead_letter(letter.job_id, now=self._world.now)
                return "dropped"
            successor = self._world.id()
            self._watch.extra.add(successor)
            change = await self._store.ledger.resubmit(letter.job_id, new_id=successor, now=self._world.now)
            self._told = [change]
            return "requeued"
        return "none"

    async def money(self) -> str:
        account = await self._store.accounts.get(self._rng.choice(self._accounts))
        if self._rng.random() < 0.5:
            await self._store.accounts.grant(account.id, amount_gpu_ms=3_000, note="", now=self._world.now)
            return "granted"
        if self._rng.random() < 0.3:
            self._world.now = max(self._world.now, account.period_end)
        later = account.period_end + timedelta(days=30)
        renewed = await self._store.accounts.renew(
            account.id, grant_gpu_ms=9_000, period_end=later, now=self._world.now
        )
        return "renewed" if renewed.period_end == later else "not yet"

    async def block(self) -> str:
        account_id = self._rng.choice(self._accounts)
        reason = self._rng.choice(("", "", "", "spam"))
        await self._store.accounts.update(account_id, blocked_reason=reason)
        return reason or "unblocked"

    async def summary(self) -> Summary:
        """What all came to, after the checks that are too slow for each step."""
        for account_id in self._accounts:
            await self._watch.check_statement(account_id)
        await self._watch.check_images()
        accounts, operations = self._store.accounts, self._store.operations
        letters = await operations.dead_letters(before=None, limit=ALL, open_only=False)
        images = await self._store.library.images_of(sorted(self._watch.jobs))
        return Summary(
            log=tuple(self._log),
            jobs=tuple(self._told_of(job) for job in self._watch.jobs.values()),
            accounts=tuple([await accounts.get(each) for each in self._accounts]),
            balances=tuple([await accounts.balance(each) for each in self._accounts]),
            letters=tuple((e.job_id, e.attempts, e.resolution, e.successor_id) for e in letters),
            images=tuple((image.job_id, image.index) for image in images),
        )

    def _told_of(self, job: Job) -> JobSummary:
        return JobSummary(
            id=job.id,
            state=job.state,
            path=tuple((each.was, each.state, each.cause) for each in self._watch.paths[job.id]),
            worker_id=job.worker_id if job.finished_at is None else None,
            attempt=job.attempt,
            rejections=job.rejections,
            avoid=job.avoid,
            seed=job.seed,
            cancel_requested=job.cancel_requested,
            charged_gpu_ms=job.charged_gpu_ms or 0,
        )


_ACTS: dict[Callable[[History], Awaitable[str]], int] = {
    History.submit: 25,
    History.claim: 25,
    History.mark_finishing: 8,
    History.finish: 14,
    History.requeue: 12,
    History.end: 8,
    History.cancel: 5,
    History.resolve: 3,
    History.money: 4,
    History.block: 2,
}
"""How often each is drawn."""
