"""What every ledger promises about taking jobs in: slots, caps, holds, idempotency, all or nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.contracts.world import Store, World, unchanged

from darkroom.core.accounts import EntryKind
from darkroom.core.errors import Conflict, DarkroomError, Exhausted, NotAllowed, NotFound, Refused
from darkroom.core.jobs import Cause, JobState
from darkroom.core.params import Lane, Visibility
from darkroom.core.recipes import Action, Input, ParentKind, Recipe, Role
from darkroom.core.verdicts import Decision, Subject, Verdict

READY, WAITING = JobState.READY, JobState.WAITING


class LedgerSubmissionContract:
    async def test_a_job_is_kept_as_it_was_submitted(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        new = world.job(
            lane=Lane.TURBO,
            visibility=Visibility.STEALTH,
            price_percent=200,
            weight=4,
            images=2,
            seed=4_294_967_295,
        )
        submission = world.submission(account, new)
        (job,) = (await store.ledger.submit(submission)).change.jobs
        assert (job.id, job.account_id, job.batch_id) == (new.id, account.id, submission.batch_id)
        assert (job.source, job.prompt, job.model, job.seed) == (
            submission.source,
            new.prompt,
            "mini-1",
            new.seed,
        )
        assert (job.lane, job.visibility, job.images, job.weight) == (Lane.TURBO, Visibility.STEALTH, 2, 4)
        assert (job.hold_gpu_ms, job.price_percent) == (1_000, 200)
        assert (job.state, job.created_at, job.ready_at) == (READY, world.now, world.now)
        assert (job.attempt, job.rejections, job.avoid, job.worker_id, job.fence) == (0, 0, (), None, None)
        assert not job.cancel_requested and job.charged_gpu_ms is None and job.finished_at is None
        assert await store.library.job(job.id) == job

    async def test_recipes_stay_with_their_jobs(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        recipe = world.recipe(uuid4(), await world.uploaded(account))
        alone = await world.submit(account, world.job(), world.job())
        mixed = await world.submit(account, world.job(recipe=recipe), world.job(), world.job(recipe=recipe))
        assert [job.recipe for job in alone.change.jobs] == [Recipe()] * 2
        assert [job.recipe for job in mixed.change.jobs] == [recipe, Recipe(), recipe]
        made = mixed.change.jobs[0]
        assert await store.library.job(made.id) == made
        assert made in await store.ledger.active_jobs()
        (running,) = await world.claimed(made)
        assert running.recipe == recipe
        (back,) = await store.ledger.requeue([world.requeue(running)], now=world.now)
        assert back.change.jobs[0].recipe == recipe
        change = await store.ledger.request_cancel(made.id, account_id=account.id, now=world.now)
        assert change.jobs[0].recipe == (await store.library.job(made.id)).recipe == recipe

    async def test_jobs_get_slots_while_the_cap_allows_and_the_rest_wait(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        submitted = await world.submit(account, *(world.job() for _ in range(5)), running_cap=2)
        assert [job.state for job in submitted.change.jobs] == [READY, READY, WAITING, WAITING, WAITING]
        assert not submitted.replayed and submitted.change.promoted == ()
        later = await world.submit(account, running_cap=2)
        assert [job.state for job in later.change.jobs] == [WAITING]
        kept = await store.accounts.get(account.id)
        assert (kept.running, kept.waiting) == (2, 4)

    async def test_each_job_is_born_with_one_event(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        change = (await world.submit(account, world.job(), world.job(), running_cap=1)).change
        assert [(each.job_id, each.was, each.state) for each in change.moved] == [
            (change.jobs[0].id, None, READY),
            (change.jobs[1].id, None, WAITING),
        ]
        assert {each.cause for each in change.moved} == {Cause.SUBMITTED}
        assert {(each.account_id, each.batch_id, each.at) for each in change.moved} == {
            (account.id, change.jobs[0].batch_id, world.now)
        }
        assert change.moved[0].id < change.moved[1].id
        assert await store.library.history(change.jobs[0].id) == [change.moved[0]]

    async def test_the_whole_batch_is_held(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=5_000)
        jobs = [world.job(hold_gpu_ms=1_500), world.job(hold_gpu_ms=3_500)]
        await world.submit(account, *jobs)
        balance = await store.accounts.balance(account.id)
        assert (balance.held_gpu_ms, balance.available_gpu_ms, balance.settled_gpu_ms) == (5_000, 0, 0)
        lines = await store.accounts.statement(account.id, before=None, limit=10)
        assert {(e.job_id, e.amount_gpu_ms) for e in lines if e.kind is EntryKind.HOLD} == {
            (jobs[0].id, 1_500),
            (jobs[1].id, 3_500),
        }

    async def test_a_batch_over_the_balance_is_refused_whole(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=1_999)
        before = await world.seen(account)
        with pytest.raises(Exhausted) as caught:
            await world.submit(account, world.job(), world.job())
        assert caught.value.code == "fast_time_exhausted"
        assert await world.seen(account) == before
        await world.submit(account)

    async def test_an_unlimited_account_is_never_exhausted(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=0)
        (job,) = (await world.submit(account, unlimited=True)).change.jobs
        assert job.state is READY and await world.available_gpu_ms(account) == -1_000

    async def test_a_job_that_holds_nothing_needs_no_balance(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=0)
        await world.submit(account, unlimited=True)
        relax = world.job(lane=Lane.RELAX, hold_gpu_ms=0, price_percent=0)
        (job,) = (await world.submit(account, relax)).change.jobs
        assert job.state is READY and await world.held_gpu_ms(account) == 1_000

    async def test_a_batch_over_the_waiting_cap_is_refused_whole(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        await world.submit(account, world.job(), world.job(), running_cap=1, waiting_cap=2)
        before = await world.seen(account)
        with pytest.raises(Exhausted) as caught:
            await world.submit(account, world.job(), world.job(), running_cap=1, waiting_cap=2)
        assert caught.value.code == "queue_full"
        assert await world.seen(account) == before
        (job,) = (await world.submit(account, running_cap=1, waiting_cap=2)).change.jobs
        assert job.state is WAITING

    async def test_slots_and_waiting_room_together_are_what_a_batch_may_take(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        jobs = [world.job() for _ in range(5)]
        with pytest.raises(Exhausted):
            await world.submit(account, *jobs, running_cap=2, waiting_cap=2)
        change = (await world.submit(account, *jobs, running_cap=2, waiting_cap=3)).change
        assert [job.state for job in change.jobs] == [READY] * 2 + [WAITING] * 3

    async def test_a_job_that_gets_a_slot_does_not_care_how_many_wait(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        await world.submit(account, *(world.job() for _ in range(3)), running_cap=1, waiting_cap=2)
        (job,) = (await world.submit(account, running_cap=2, waiting_cap=0)).change.jobs
        assert job.state is READY

    async def test_one_account_does_not_fill_the_queue_of_another(self, store: Store) -> None:
        world = World(store)
        full, free = await world.account(), await world.account()
        await world.submit(full, world.job(), running_cap=1, waiting_cap=0)
        (job,) = (await world.submit(free, running_cap=1, waiting_cap=0)).change.jobs
        assert job.state is READY

    async def test_a_blocked_account_submits_nothing_until_it_is_unblocked(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        await store.accounts.update(account.id, blocked_reason="spam")
        before = await world.seen(account)
        with pytest.raises(NotAllowed) as caught:
            await world.submit(account)
        assert caught.value.code == "account_blocked"
        assert await world.seen(account) == before
        await store.accounts.update(account.id, blocked_reason="")
        await world.submit(account)

    async def test_nobody_submits_for_an_account_that_is_not_there(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        with pytest.raises(NotFound):
            await store.ledger.submit(world.submission(account, account_id=uuid4()))
        assert await store.library.newest_event() == 0

    async def test_the_same_key_and_body_give_the_first_answer_again(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        asked = {"idempotency_key": "k", "body_digest": "d"}
        first = await world.submit(account, world.job(), world.job(), **asked)
        before = await world.seen(account)
        again = await world.submit(account, world.job(), world.job(), **asked)
        assert again.replayed and not first.replayed
        assert [job.id for job in again.change.jobs] == [job.id for job in first.change.jobs]
        assert {job.batch_id for job in again.change.jobs} == {first.change.jobs[0].batch_id}
        assert await world.seen(account) == before

    async def test_a_replay_outlives_a_full_queue_and_an_empty_balance(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=1_000)
        asked = {"idempotency_key": "k", "body_digest": "d", "running_cap": 1, "waiting_cap": 0}
        first = await world.submit(account, **asked)
        again = await world.submit(account, **asked)
        assert again.replayed and again.change.jobs[0].id == first.change.jobs[0].id

    async def test_the_same_key_with_another_body_is_a_conflict(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        await world.submit(account, idempotency_key="k", body_digest="d")
        before = await world.seen(account)
        with pytest.raises(Conflict) as caught:
            await world.submit(account, idempotency_key="k", body_digest="e")
        assert caught.value.code == "idempotency_conflict"
        assert await world.seen(account) == before

    async def test_what_a_key_was_answered_can_be_asked_for(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        asked = {"idempotency_key": "k", "body_digest": "d"}
        assert await store.ledger.earlier(account.id, **asked) is None
        first = await world.submit(account, world.job(), world.job(), **asked)
        again = await store.ledger.earlier(account.id, **asked)
        assert again is not None and again.replayed and again.change.moved == ()
        assert again.change.jobs == first.change.jobs
        assert await store.ledger.earlier(other.id, **asked) is None
        with pytest.raises(Conflict) as caught:
            await store.ledger.earlier(account.id, idempotency_key="k", body_digest="e")
        assert caught.value.code == "idempotency_conflict"

    async def test_idempotency_keys_belong_to_an_account(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        first = await world.submit(one, idempotency_key="k", body_digest="d")
        second = await world.submit(two, idempotency_key="k", body_digest="e")
        assert not second.replayed and second.change.jobs[0].id != first.change.jobs[0].id

    async def test_a_refused_submission_does_not_use_up_its_key(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=0)
        with pytest.raises(Exhausted):
            await world.submit(account, idempotency_key="k", body_digest="d")
        await store.accounts.grant(account.id, amount_gpu_ms=1_000, note="", now=world.now)
        assert not (await world.submit(account, idempotency_key="k", body_digest="d")).replayed

    async def test_the_very_same_call_again_holds_nothing_twice(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        submission = world.submission(account)
        await store.ledger.submit(submission)
        before = await world.seen(account)
        with suppress(DarkroomError):
            await store.ledger.submit(submission)
        assert await world.seen(account) == before

    async def test_the_verdict_goes_into_the_moderation_log(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        verdict = Verdict(decision=Decision.ALLOW, policy="policy-1", scores={"violence": 0.25})
        job = await world.submitted(account, verdict=verdict)
        await world.submitted(account)
        (record,) = await store.operations.verdicts(before=None, limit=10, blocked_only=False)
        assert (record.account_id, record.job_id, record.subject) == (account.id, job.id, Subject.PROMPT)
        assert record.verdict == verdict and record.at == world.now and record.id > 0

    async def test_many_at_once_never_overrun_a_cap_or_the_balance(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=4_000)
        asked = [world.submission(account, running_cap=2, waiting_cap=3) for _ in range(8)]
        answers = await asyncio.gather(*map(store.ledger.submit, asked), return_exceptions=True)
        refused = [each for each in answers if isinstance(each, BaseException)]
        assert len(refused) == 4 and all(isinstance(each, Exhausted) for each in refused)
        kept = await store.accounts.get(account.id)
        assert (kept.running, kept.waiting) == (2, 2)
        assert await world.available_gpu_ms(account) == 0

    async def test_many_at_once_under_one_key_are_one(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        asked = [world.submission(account, idempotency_key="k", body_digest="d") for _ in range(5)]
        answers = await asyncio.gather(*map(store.ledger.submit, asked))
        assert len({each.change.jobs[0].id for each in answers}) == 1
        assert sorted(each.replayed for each in answers) == [False] + [True] * 4
        assert await world.states(account) == [READY]

    @pytest.mark.parametrize("of", ["an image", "an upload"])
    async def test_a_picture_that_was_deleted_while_the_request_was_on_its_way(
        self, store: Store, of: str
    ) -> None:
        world = World(store)
        account = await world.account()
        if of == "an upload":
            upload = await world.uploaded(account)
            await store.uploads.delete(upload.id, account_id=account.id, now=world.now)
            gone, recipe = upload.id, world.recipe(upload)
        else:
            (gone,) = await world.made(account)
            image = await store.library.image(gone)
            parent = Input(
                role=Role.INIT, parent_id=gone, kind=ParentKind.IMAGE, digest=image.files[0].digest
            )
            recipe = Recipe(action=Action.VARY_SUBTLE, inputs=(parent,), strength=0.5)
            await store.gallery.delete([gone], account_id=account.id, now=world.now)
        fine, needs = world.job(), world.job(recipe=recipe)

        async def ask() -> None:
            with pytest.raises(Refused, match=str(gone)) as refused:
                await world.submit(account, fine, needs)
            assert refused.value.code == "inputs_gone"

        await unchanged(world, account, ask)
        words_alone = replace(recipe, inputs=(replace(recipe.inputs[0], digest="", role=Role.SOURCE),))
        await world.submitted(account, recipe=words_alone)

    async def test_a_dead_letter_whose_picture_is_deleted_is_not_tried_in_vain(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        upload = await world.uploaded(account)
        letter = await world.dead_letter(account, recipe=world.recipe(upload))
        other = await world.dead_letter(account, recipe=world.recipe(upload))
        await store.ledger.resubmit(letter.id, new_id=world.id(), now=world.now)
        await store.uploads.delete(upload.id, account_id=account.id, now=world.now)

        async def ask() -> None:
            with pytest.raises(Refused, match=str(upload.id)):
                await store.ledger.resubmit(other.id, new_id=world.id(), now=world.now)

        await unchanged(world, account, ask)
