"""What every store promises to operators (core.ports.Operations): the lease, workers, tokens, the moderation log, secrets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.contracts.world import Store, World

from darkroom.core.errors import NotActive, NotFound
from darkroom.core.verdicts import Decision, ModerationRecord, Subject, Verdict
from darkroom.core.workers import Lease, Worker, WorkerState, WorkerToken


class OperationsLeaseContract:
    async def acquire(self, world: World, holder: str) -> Lease:
        return await world.store.operations.acquire_lease(
            holder=holder, url=f"http://{holder}", ttl_s=10, now=world.now
        )

    async def test_a_free_lease_is_taken_and_prolonged(self, store: Store) -> None:
        world = World(store)
        first = await self.acquire(world, "a")
        assert (first.holder, first.url, first.until) == ("a", "http://a", world.now + timedelta(seconds=10))
        world.wait(8)
        again = await self.acquire(world, "a")
        assert again == replace(first, until=world.now + timedelta(seconds=10))

    async def test_who_comes_second_is_on_standby(self, store: Store) -> None:
        world = World(store)
        first = await self.acquire(world, "a")
        world.wait(9)
        assert await self.acquire(world, "b") == first

    async def test_an_expired_lease_changes_hands_with_a_new_epoch(self, store: Store) -> None:
        world = World(store)
        first = await self.acquire(world, "a")
        world.wait(11)
        second = await self.acquire(world, "b")
        assert (second.holder, second.url) == ("b", "http://b") and second.epoch > first.epoch
        assert await self.acquire(world, "a") == second

    async def test_a_released_lease_is_free_at_once(self, store: Store) -> None:
        world = World(store)
        first = await self.acquire(world, "a")
        await store.operations.release_lease(holder="b")
        assert (await self.acquire(world, "b")).holder == "a"
        await store.operations.release_lease(holder="a")
        job = await world.submitted(await world.account())
        with pytest.raises(NotActive):
            await store.ledger.claim([job.id], worker_id="w", epoch=first.epoch, now=world.now)
        second = await self.acquire(world, "b")
        assert second.holder == "b" and second.epoch > first.epoch

    async def test_one_of_many_gets_it(self, store: Store) -> None:
        world = World(store)
        leases = await asyncio.gather(*(self.acquire(world, f"h{i}") for i in range(6)))
        assert len({(each.holder, each.epoch) for each in leases}) == 1

    async def test_epochs_only_grow(self, store: Store) -> None:
        world = World(store)
        epochs = []
        for number in range(4):
            epochs.append((await self.acquire(world, f"h{number % 2}")).epoch)
            world.wait(11)
        assert epochs == sorted(set(epochs)) and epochs[0] > 0


class OperationsWorkersContract:
    def worker(self, world: World, name: str = "w1") -> Worker:
        return Worker(
            id=name,
            name=f"name of {name}",
            device="cpu",
            models=("mini-1", "other-1"),
            slots=2,
            version="1.0",
            registered_at=world.now,
            seen_at=world.now,
        )

    async def kept(self, store: Store) -> dict[str, Worker]:
        return {worker.id: worker for worker in await store.operations.workers()}

    async def test_a_worker_is_kept_as_it_registered_and_brought_up_to_date(self, store: Store) -> None:
        world = World(store)
        worker, other = self.worker(world), self.worker(world, "w2")
        assert await store.operations.register_worker(worker) == worker
        await store.operations.register_worker(other)
        world.wait(60)
        newer = replace(worker, device="cuda:0", models=("mini-1",), slots=4, seen_at=world.now)
        registered = await store.operations.register_worker(newer)
        assert (registered.device, registered.models, registered.slots) == ("cuda:0", ("mini-1",), 4)
        assert await self.kept(store) == {"w1": registered, "w2": other}

    async def test_quarantine_outlives_registration_and_draining_does_not(self, store: Store) -> None:
        world = World(store)
        for name, state in (("w1", WorkerState.QUARANTINED), ("w2", WorkerState.DRAINING)):
            await store.operations.register_worker(self.worker(world, name))
            changed = await store.operations.set_worker_state(name, state=state, reason="why")
            assert (changed.state, changed.reason) == (state, "why")
            await store.operations.register_worker(self.worker(world, name))
        kept = await self.kept(store)
        assert (kept["w1"].state, kept["w1"].reason) == (WorkerState.QUARANTINED, "why")
        assert kept["w2"].state is WorkerState.ACTIVE
        readmitted = await store.operations.set_worker_state("w1", state=WorkerState.ACTIVE, reason="")
        assert (readmitted.state, readmitted.reason) == (WorkerState.ACTIVE, "")

    async def test_nobody_turns_a_worker_that_is_not_there(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.operations.set_worker_state("nobody", state=WorkerState.DRAINING, reason="")

    async def test_many_heartbeats_are_one_update(self, store: Store) -> None:
        world = World(store)
        for name in ("w1", "w2", "w3"):
            await store.operations.register_worker(self.worker(world, name))
        start, one, two = world.now, world.wait(5), world.wait(5)
        await store.operations.see_workers({"w1": one, "w3": two, "nobody": two})
        await store.operations.see_workers({})
        kept = await self.kept(store)
        assert {name: worker.seen_at for name, worker in kept.items()} == {
            "w1": one,
            "w2": start,
            "w3": two,
        }

    async def test_a_worker_token_lets_in_until_it_is_revoked(self, store: Store) -> None:
        world = World(store)
        token = WorkerToken(id="t1", name="box at home", created_at=world.now)
        other = WorkerToken(id="t2", name="local", created_at=world.now)
        assert await store.operations.add_worker_token(token, secret_hash=b"1" * 32) == token
        await store.operations.add_worker_token(other, secret_hash=b"2" * 32)
        assert await store.operations.find_worker_token(b"1" * 32) == token
        assert await store.operations.find_worker_token(b"3" * 32) is None
        revoked = await store.operations.revoke_worker_token("t1", now=world.wait(5))
        assert revoked == replace(token, revoked_at=world.now)
        assert await store.operations.find_worker_token(b"1" * 32) is None
        assert await store.operations.find_worker_token(b"2" * 32) == other
        kept = {each.id: each for each in await store.operations.worker_tokens()}
        assert kept == {"t1": revoked, "t2": other}


class OperationsModerationContract:
    async def test_verdicts_newest_first_narrowed_and_in_pages(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        allow = Verdict(decision=Decision.ALLOW, policy="p1", scores={"gore": 0.125})
        block = Verdict(decision=Decision.BLOCK, policy="p1", category="gore", matched="blood")
        plain = ModerationRecord(
            account_id=one.id,
            job_id=None,
            subject=Subject.PROMPT,
            text="0",
            verdict=allow,
            at=world.now,
        )
        records = [
            plain,
            replace(plain, text="1", verdict=block),
            replace(plain, text="2", account_id=two.id, subject=Subject.IMAGE, job_id=uuid4()),
            replace(plain, text="3", verdict=block, subject=Subject.PREVIEW),
        ]
        await store.operations.log_verdicts(records[:2])
        await store.operations.log_verdicts(records[2:])
        await store.operations.log_verdicts([])
        read = store.operations.verdicts
        kept = await read(before=None, limit=10, blocked_only=False)
        assert [replace(each, id=0) for each in kept] == records[::-1]
        assert len({each.id for each in kept}) == 4 and 0 not in {each.id for each in kept}

        def texts(found: list[ModerationRecord]) -> str:
            return "".join(each.text for each in found)

        page = await read(before=None, limit=3, blocked_only=False)
        assert texts(page) == "321"
        assert texts(await read(before=page[-1].id, limit=3, blocked_only=False)) == "0"
        assert texts(await read(before=None, limit=9, blocked_only=True)) == "31"
        assert texts(await read(before=None, limit=9, blocked_only=False, account_id=two.id)) == "2"
        assert texts(await read(before=None, limit=9, blocked_only=True, subject=Subject.PROMPT)) == "1"

    async def test_a_secret_is_made_once_and_shared(self, store: Store) -> None:
        secrets = await asyncio.gather(*(store.operations.secret("urls") for _ in range(4)))
        assert len(set(secrets)) == 1 and len(secrets[0]) == 32
        assert await store.operations.secret("urls") == secrets[0]
        assert await store.operations.secret("cookies") != secrets[0]

    async def test_vitals_tell_what_lies_about(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        before = await store.operations.vitals()
        assert (before.open_dead_letters, before.oldest_ready_at) == (0, None)
        letter = await world.dead_letter(account)
        oldest = await world.submitted(account)
        world.wait(5)
        await world.submitted(account)
        now = await store.operations.vitals()
        assert (now.open_dead_letters, now.oldest_ready_at) == (1, oldest.ready_at)
        assert now.database_bytes is None or now.database_bytes > 1_000_000
        await store.operations.drop_dead_letter(letter.id, now=world.now)
        await world.claimed(oldest)
        later = await store.operations.vitals()
        assert later.open_dead_letters == 0 and later.oldest_ready_at == world.now

    async def test_a_store_that_works_answers(self, store: Store) -> None:
        await store.operations.ping()


class OperationsContract(OperationsLeaseContract, OperationsWorkersContract, OperationsModerationContract):
    """Every promise of core.ports.Operations; dead letters are in the contract of the ledger, which makes them."""
