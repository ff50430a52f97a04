"""What every ledger promises about ends without pictures: failing, rejecting, cancelling, and dead letters."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.contracts.world import Store, World, fence_of

from darkroom.core.accounts import EntryKind
from darkroom.core.errors import Conflict, NotFound
from darkroom.core.jobs import Cause, Job, JobState, Outcome
from darkroom.core.params import Lane

WAITING, READY, RUNNING, FINISHING = (
    JobState.WAITING,
    JobState.READY,
    JobState.RUNNING,
    JobState.FINISHING,
)
COMPLETED, CANCELLED, FAILED, REJECTED = (
    JobState.COMPLETED,
    JobState.CANCELLED,
    JobState.FAILED,
    JobState.REJECTED,
)


class LedgerEndContract:
    @pytest.mark.parametrize(
        ("state", "finishing", "measured", "charged"),
        [
            (FAILED, False, 400, 0),
            (FAILED, True, 400, 0),
            (REJECTED, True, 400, 0),
            (CANCELLED, False, 400, 400),
            (CANCELLED, True, 400, 400),
            (CANCELLED, False, 4_000, 1_000),
            (CANCELLED, False, 0, 0),
        ],
    )
    async def test_the_hold_goes_back_and_only_a_cancelled_run_is_charged(
        self, store: Store, state: JobState, finishing: bool, measured: int, charged: int
    ) -> None:
        world = World(store)
        account = await world.account()
        job = await (world.finishing if finishing else world.running)(account)
        world.wait(4)
        ending = world.ending(job, state, measured_gpu_ms=measured)
        (reported,) = await store.ledger.end([ending], now=world.now)
        (ended,) = reported.change.jobs
        assert (reported.outcome, ended.state) == (Outcome.ACCEPTED, state)
        assert (ended.error_code, ended.error_message) == ("why", "It could not be.")
        assert ((ended.charged_gpu_ms or 0), ended.finished_at) == (charged, world.now)
        assert (reported.change.moved[-1].state, reported.change.moved[-1].cause) == (state, ending.cause)
        balance = await store.accounts.balance(account.id)
        assert (balance.held_gpu_ms, balance.settled_gpu_ms) == (0, charged)
        assert (await store.accounts.get(account.id)).running == 0
        assert await store.library.images_of([job.id]) == []

    async def test_a_cancelled_run_pays_its_lanes_price(self, store: Store) -> None:
        world = World(store)
        job = await world.running(await world.account(), price_percent=200)
        await store.ledger.end([world.ending(job, CANCELLED, measured_gpu_ms=300)], now=world.now)
        assert (await store.library.job(job.id)).charged_gpu_ms == 600

    async def test_a_running_job_that_is_rejected_passes_through_finishing(self, store: Store) -> None:
        world = World(store)
        job = await world.running(await world.account())
        await store.ledger.end([world.ending(job, REJECTED)], now=world.now)
        assert await world.path(job) == [READY, RUNNING, FINISHING, REJECTED]

    async def test_the_third_rejection_can_be_the_last(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        for seed in (8, 9, 10):
            requeue = world.requeue(job, Cause.IMAGE_REJECTED, counts_attempt=False, prompt="p", seed=seed)
            (reported,) = await store.ledger.requeue([requeue], now=world.now)
            (job,) = await world.claimed(*reported.change.jobs)
        (reported,) = await store.ledger.end([world.ending(job, REJECTED)], now=world.now)
        (ended,) = reported.change.jobs
        assert (ended.state, ended.rejections, await world.available_gpu_ms(account)) == (
            REJECTED,
            3,
            100_000,
        )

    async def test_jobs_that_no_worker_has_are_cancelled_without_a_fence(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        change = (await world.submit(account, world.job(), world.job(), running_cap=1)).change
        ready, waiting = change.jobs
        endings = [
            world.ending(waiting, CANCELLED, measured_gpu_ms=400),
            world.ending(ready, CANCELLED, measured_gpu_ms=400),
        ]
        reported = await store.ledger.end(endings, now=world.now)
        assert [each.outcome for each in reported] == [Outcome.ACCEPTED] * 2
        balance = await store.accounts.balance(account.id)
        assert (balance.settled_gpu_ms, balance.held_gpu_ms) == (0, 0)
        kept = await store.accounts.get(account.id)
        assert (kept.running, kept.waiting) == (0, 0)

    async def test_a_fence_that_is_not_the_jobs_ends_nothing(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        before = await world.seen(account)
        endings = [
            world.ending(job, fence=fence_of(job) + 1),
            world.ending(job, CANCELLED, fence=None),
            world.ending(job, job_id=uuid4()),
        ]
        reported = await store.ledger.end(endings, now=world.now)
        assert [each.outcome for each in reported] == [Outcome.STALE] * 3
        assert await world.seen(account) == before

    @pytest.mark.parametrize("state", [FAILED, REJECTED, CANCELLED])
    async def test_the_same_end_again_is_repeated(self, store: Store, state: JobState) -> None:
        world = World(store)
        account = await world.account()
        ending = world.ending(await world.running(account), state, measured_gpu_ms=400)
        await store.ledger.end([ending], now=world.now)
        before = await world.seen(account)
        (again,) = await store.ledger.end([ending], now=world.wait(1))
        assert again.outcome is Outcome.REPEATED and again.change.moved == ()
        assert await world.seen(account) == before

    async def test_an_end_is_the_end(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        await store.ledger.finish([world.finish(job)])
        failed = await world.dead_letter(account)
        before = await world.seen(account)
        (late,) = await store.ledger.end([world.ending(job, CANCELLED)], now=world.now)
        (finish,) = await store.ledger.finish([world.finish(failed, fence=1)])
        assert (late.outcome, finish.outcome) == (Outcome.STALE, Outcome.STALE)
        assert await world.seen(account) == before

    async def test_the_end_of_a_lost_run_does_not_end_the_next(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        lost = await world.running(account)
        await store.ledger.requeue([world.requeue(lost)], now=world.now)
        (late,) = await store.ledger.end([world.ending(lost)], now=world.now)
        assert late.outcome is Outcome.STALE
        await world.claimed(lost)
        (late,) = await store.ledger.end([world.ending(lost)], now=world.now)
        assert late.outcome is Outcome.STALE and await world.states(account) == [RUNNING]


class LedgerDeadLetterContract:
    async def test_a_failed_job_leaves_a_dead_letter(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        (reported,) = await store.ledger.requeue([world.requeue(job, avoid="worker-1")], now=world.now)
        (job,) = await world.claimed(*reported.change.jobs, worker="worker-2")
        ending = world.ending(job, device="cuda:0", fingerprint="print")
        await store.ledger.end([ending], now=world.wait(1))
        letter = await store.operations.dead_letter(job.id)
        assert (letter.job_id, letter.account_id) == (job.id, account.id)
        assert (letter.prompt, letter.model, letter.seed) == (job.prompt, job.model, job.seed)
        assert (letter.error_message, letter.device, letter.fingerprint) == (
            "It could not be.",
            "cuda:0",
            "print",
        )
        assert (letter.attempts, letter.avoided, letter.at) == (2, ("worker-1",), world.now)
        assert (letter.resolution, letter.resolved_at, letter.successor_id) == ("", None, None)

    async def test_other_ends_leave_none(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        jobs = [await world.running(account) for _ in range(3)]
        endings = [world.ending(jobs[0], REJECTED), world.ending(jobs[1], CANCELLED)]
        await store.ledger.end(endings, now=world.now)
        await store.ledger.finish([world.finish(jobs[2])])
        assert await store.operations.dead_letters(before=None, limit=10, open_only=False) == []

    async def test_a_resubmitted_job_is_new_free_and_ahead_of_any_cap(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=2_000)
        failed = await world.dead_letter(
            account, lane=Lane.TURBO, seed=99, prompt="a fox --seed 99", notes=("it shrinks",)
        )
        await world.submit(account, world.job(), world.job(), running_cap=1, waiting_cap=1)
        identifier = world.id()
        change = await store.ledger.resubmit(failed.id, new_id=identifier, now=world.wait(1))
        (job,) = change.jobs
        assert (job.id, job.account_id, job.state) == (identifier, account.id, READY)
        assert (job.prompt, job.seed, job.model, job.images) == (
            "a fox --seed 99",
            99,
            failed.model,
            failed.images,
        )
        assert (job.hold_gpu_ms, job.price_percent, job.attempt, job.avoid) == (0, 0, 0, ())
        assert job.notes == ("it shrinks",)
        assert [(each.was, each.state) for each in change.moved] == [(None, READY)]
        assert (await world.available_gpu_ms(account), (await store.accounts.get(account.id)).running) == (
            0,
            2,
        )
        (claimed,) = await world.claimed(job)
        await store.ledger.finish([world.finish(claimed)])
        assert (await store.accounts.balance(account.id)).settled_gpu_ms == 0

    async def test_a_dead_letter_is_resolved_once(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        requeued, dropped = await world.dead_letter(account), await world.dead_letter(account)
        successor = world.id()
        await store.ledger.resubmit(requeued.id, new_id=successor, now=world.wait(1))
        letter = await store.operations.dead_letter(requeued.id)
        assert (letter.resolution, letter.resolved_at, letter.successor_id) == (
            "requeued",
            world.now,
            successor,
        )
        letter = await store.operations.drop_dead_letter(dropped.id, now=world.now)
        assert (letter.resolution, letter.resolved_at, letter.successor_id) == ("dropped", world.now, None)
        before = await world.seen(account)
        for job in (requeued, dropped):
            with pytest.raises(Conflict) as caught:
                await store.ledger.resubmit(job.id, new_id=world.id(), now=world.now)
            assert caught.value.code == "already_resolved"
            with pytest.raises(Conflict) as caught:
                await store.operations.drop_dead_letter(job.id, now=world.now)
            assert caught.value.code == "already_resolved"
        assert await world.seen(account) == before

    async def test_what_is_no_dead_letter_cannot_be_resolved(self, store: Store) -> None:
        world = World(store)
        lives = await world.running(await world.account())
        for job_id in (lives.id, uuid4()):
            with pytest.raises(NotFound):
                await store.ledger.resubmit(job_id, new_id=world.id(), now=world.now)
            with pytest.raises(NotFound):
                await store.operations.drop_dead_letter(job_id, now=world.now)
            with pytest.raises(NotFound):
                await store.operations.dead_letter(job_id)

    async def test_a_failed_job_is_free_and_its_hold_released_once(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        failed = await world.dead_letter(account)
        await store.ledger.resubmit(failed.id, new_id=world.id(), now=world.now)
        lines = await store.accounts.statement(account.id, before=None, limit=10)
        assert sorted(each.kind for each in lines if each.job_id == failed.id and each.amount_gpu_ms) == [
            EntryKind.HOLD,
            EntryKind.RELEASE,
        ]

    async def test_dead_letters_newest_first_by_pages(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        jobs = []
        for _ in range(4):
            world.wait(1)
            jobs.append(await world.dead_letter(account))
        await store.operations.drop_dead_letter(jobs[2].id, now=world.now)

        async def page(before: Job | None, *, limit: int, open_only: bool = False) -> list[int]:
            letters = await store.operations.dead_letters(
                before=before and before.id, limit=limit, open_only=open_only
            )
            return [[job.id for job in jobs].index(each.job_id) for each in letters]

        assert await page(None, limit=3) == [3, 2, 1]
        assert await page(jobs[1], limit=3) == [0]
        assert await page(None, limit=2, open_only=True) == [3, 1]
        assert await page(jobs[0], limit=2) == []
