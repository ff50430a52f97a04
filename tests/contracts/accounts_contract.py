"""What every store of accounts promises (core.ports.Accounts): people, keys, links and sessions, money by the month."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import uuid4

import pytest
from tests.contracts.world import Store, World

from darkroom.core.accounts import USAGE_LOOKBACK, Account, ApiKey, DayUsage, EntryKind, Role, Scope
from darkroom.core.errors import Conflict, NotFound
from darkroom.core.jobs import JobState
from darkroom.core.params import Lane, Visibility


class AccountsPeopleContract:
    async def test_an_account_is_kept_as_it_was_made(self, store: Store) -> None:
        world = World(store)
        account = Account(
            id=world.id(),
            name="Ada",
            role=Role.ADMIN,
            plan="pro",
            lane=Lane.RELAX,
            visibility=Visibility.STEALTH,
            created_at=world.now,
            period_start=world.now,
            period_end=world.now + timedelta(days=31),
        )
        assert await store.accounts.create(account, grant_gpu_ms=5_000) == account
        assert await store.accounts.get(account.id) == account
        balance = await store.accounts.balance(account.id)
        assert (balance.granted_gpu_ms, balance.available_gpu_ms) == (5_000, 5_000)
        (line,) = await store.accounts.statement(account.id, before=None, limit=10)
        assert (line.kind, line.amount_gpu_ms, line.job_id, line.account_id, line.at) == (
            EntryKind.GRANT,
            5_000,
            None,
            account.id,
            world.now,
        )

    async def test_a_name_is_taken_once(self, store: Store) -> None:
        world = World(store)
        await world.account(name="Ada")
        with pytest.raises(Conflict) as caught:
            await world.account(name="Ada")
        assert caught.value.code == "name_taken"
        assert len(await store.accounts.all(after=None, limit=10)) == 1

    async def test_a_name_is_taken_once_however_many_ask(self, store: Store) -> None:
        world = World(store)
        asked = [world.account(name="Ada") for _ in range(4)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(each, Account) for each in answers) == 1
        assert sum(isinstance(each, Conflict) for each in answers) == 3

    async def test_nobody_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.accounts.get(uuid4())
        with pytest.raises(NotFound):
            await store.accounts.update(uuid4(), plan="pro")

    async def test_all_by_id_in_pages(self, store: Store) -> None:
        world = World(store)
        made = [await world.account() for _ in range(5)]
        assert await store.accounts.all(after=None, limit=2) == made[:2]
        assert await store.accounts.all(after=made[1].id, limit=10) == made[2:]
        assert await store.accounts.all(after=made[4].id, limit=10) == []

    async def test_names_of_those_who_are_there(self, store: Store) -> None:
        world = World(store)
        ada, _, bob = [await world.account(name=name) for name in ("Ada", "Eve", "Bob")]
        found = await store.accounts.names([bob.id, ada.id, uuid4(), ada.id])
        assert found == {ada.id: "Ada", bob.id: "Bob"}
        assert await store.accounts.names([]) == {}

    async def test_an_update_changes_what_is_given_and_nothing_else(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        changed = await store.accounts.update(
            account.id,
            role=Role.ADMIN,
            plan="mega",
            lane=Lane.TURBO,
            visibility=Visibility.STEALTH,
            blocked_reason="spam",
        )
        assert (changed.role, changed.plan, changed.lane) == (Role.ADMIN, "mega", Lane.TURBO)
        assert (changed.visibility, changed.blocked_reason) == (Visibility.STEALTH, "spam")
        assert (changed.name, changed.period_end) == (account.name, account.period_end)
        assert await store.accounts.update(account.id) == changed
        unblocked = await store.accounts.update(account.id, blocked_reason="")
        assert (unblocked.blocked_reason, unblocked.plan) == ("", "mega")
        assert await store.accounts.get(account.id) == unblocked

    async def test_somebody_owns_the_install(self, store: Store) -> None:
        world = World(store)
        first, second = await world.account(role=Role.OWNER), await world.account()
        with pytest.raises(Conflict) as caught:
            await store.accounts.update(first.id, role=Role.ADMIN, plan="mega")
        assert caught.value.code == "last_owner"
        assert await store.accounts.get(first.id) == first
        assert (await store.accounts.update(first.id, role=Role.OWNER, plan="mega")).plan == "mega"
        await store.accounts.update(second.id, role=Role.OWNER)
        assert (await store.accounts.update(first.id, role=Role.MEMBER)).role is Role.MEMBER
        with pytest.raises(Conflict):
            await store.accounts.update(second.id, role=Role.MEMBER)

    async def test_two_owners_who_leave_at_once_leave_one(self, store: Store) -> None:
        world = World(store)
        owners = [await world.account(role=Role.OWNER) for _ in range(2)]
        asked = [store.accounts.update(each.id, role=Role.MEMBER) for each in owners]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(each, Conflict) for each in answers) == 1
        kept = await store.accounts.all(after=None, limit=10)
        assert sum(each.role is Role.OWNER for each in kept) == 1


class AccountsCredentialsContract:
    def key(self, world: World, account: Account, name: str = "laptop") -> ApiKey:
        return ApiKey(
            id=world.id(),
            account_id=account.id,
            name=name,
            prefix="dk_12345",
            scopes=frozenset({Scope.READ, Scope.WRITE}),
            created_at=world.now,
        )

    async def test_a_key_opens_its_account(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        key = self.key(world, account)
        assert await store.accounts.add_key(key, secret_hash=b"1" * 32) == key
        assert await store.accounts.find_key(b"1" * 32) == (account, key)
        assert await store.accounts.find_key(b"2" * 32) is None

    async def test_keys_are_listed_by_account_revoked_ones_too(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        keys = [self.key(world, one, "a"), self.key(world, one, "b"), self.key(world, two, "c")]
        for number, key in enumerate(keys):
            await store.accounts.add_key(key, secret_hash=bytes([number]) * 32)
        revoked = await store.accounts.revoke_key(keys[0].id, account_id=one.id, now=world.now)
        listed = {key.id: key for key in await store.accounts.keys(one.id)}
        assert listed == {keys[0].id: revoked, keys[1].id: keys[1]}
        assert await store.accounts.keys(two.id) == [keys[2]]

    async def test_a_revoked_key_opens_nothing(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        key, other = self.key(world, account), self.key(world, account)
        await store.accounts.add_key(key, secret_hash=b"1" * 32)
        await store.accounts.add_key(other, secret_hash=b"2" * 32)
        revoked = await store.accounts.revoke_key(key.id, account_id=account.id, now=world.now)
        assert revoked.revoked_at == world.now
        assert await store.accounts.find_key(b"1" * 32) is None
        assert await store.accounts.find_key(b"2" * 32) == (account, other)

    async def test_nobody_revokes_the_key_of_another(self, store: Store) -> None:
        world = World(store)
        owner, other = await world.account(), await world.account()
        key = self.key(world, owner)
        await store.accounts.add_key(key, secret_hash=b"1" * 32)
        for key_id, account_id in [(key.id, other.id), (uuid4(), owner.id)]:
            with pytest.raises(NotFound):
                await store.accounts.revoke_key(key_id, account_id=account_id, now=world.now)
        assert await store.accounts.find_key(b"1" * 32) is not None

    async def test_the_last_use_of_many_keys_is_noted_at_once(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        keys = [self.key(world, account) for _ in range(3)]
        for number, key in enumerate(keys):
            await store.accounts.add_key(key, secret_hash=bytes([number]) * 32)
        used = {keys[0].id: world.wait(5), keys[2].id: world.wait(5), uuid4(): world.now}
        await store.accounts.touch_keys(used)
        await store.accounts.touch_keys({})
        kept = {key.id: key.last_used_at for key in await store.accounts.keys(account.id)}
        assert kept == {keys[0].id: used[keys[0].id], keys[1].id: None, keys[2].id: used[keys[2].id]}

    async def test_a_login_link_is_good_once(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        later = world.now + timedelta(minutes=10)
        await store.accounts.add_login(b"1" * 32, account_id=account.id, expires_at=later)
        assert await store.accounts.take_login(b"2" * 32, now=world.now) is None
        taken = await asyncio.gather(*(store.accounts.take_login(b"1" * 32, now=world.now) for _ in range(4)))
        assert [each for each in taken if each is not None] == [account]
        assert await store.accounts.take_login(b"1" * 32, now=world.now) is None

    async def test_an_expired_login_link_is_good_for_nothing(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        later = world.now + timedelta(minutes=10)
        await store.accounts.add_login(b"1" * 32, account_id=account.id, expires_at=later)
        assert await store.accounts.take_login(b"1" * 32, now=world.wait(601)) is None

    async def test_a_session_lasts_until_it_expires_or_ends(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        later = world.now + timedelta(minutes=10)
        for secret in (b"1" * 32, b"2" * 32):
            await store.accounts.add_session(secret, account_id=account.id, expires_at=later)
        find = store.accounts.find_session
        assert await find(b"1" * 32, now=world.now) == await find(b"1" * 32, now=world.now) == account
        assert await find(b"3" * 32, now=world.now) is None
        await store.accounts.end_session(b"1" * 32)
        await store.accounts.end_session(b"3" * 32)
        assert await find(b"1" * 32, now=world.now) is None
        assert await find(b"2" * 32, now=world.now) == account
        assert await find(b"2" * 32, now=world.wait(601)) is None

    async def test_a_login_link_is_no_session_and_a_session_no_key(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        later = world.now + timedelta(minutes=10)
        await store.accounts.add_login(b"1" * 32, account_id=account.id, expires_at=later)
        await store.accounts.add_session(b"2" * 32, account_id=account.id, expires_at=later)
        assert await store.accounts.find_session(b"1" * 32, now=world.now) is None
        assert await store.accounts.take_login(b"2" * 32, now=world.now) is None
        assert await store.accounts.find_key(b"2" * 32) is None


class AccountsMoneyContract:
    async def test_a_grant_is_a_line_and_adds_to_the_balance(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=1_000)
        balance = await store.accounts.grant(account.id, amount_gpu_ms=250, note="sorry", now=world.wait(5))
        assert (balance.granted_gpu_ms, balance.available_gpu_ms) == (1_250, 1_250)
        newest, _first = await store.accounts.statement(account.id, before=None, limit=10)
        assert (newest.kind, newest.amount_gpu_ms, newest.note, newest.at) == (
            EntryKind.GRANT,
            250,
            "sorry",
            world.now,
        )
        assert await store.accounts.balance(account.id) == balance

    async def test_the_statement_is_newest_first_and_in_pages(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        for amount in (1, 2, 3):
            await store.accounts.grant(account.id, amount_gpu_ms=amount, note="", now=world.wait(1))
            await store.accounts.grant(other.id, amount_gpu_ms=9, note="", now=world.now)
        first = await store.accounts.statement(account.id, before=None, limit=2)
        rest = await store.accounts.statement(account.id, before=first[-1].id, limit=10)
        assert [each.amount_gpu_ms for each in first + rest] == [3, 2, 1, 100_000]
        assert {each.account_id for each in first + rest} == {account.id}
        assert await store.accounts.statement(account.id, before=rest[-1].id, limit=10) == []

    async def test_usage_is_what_ended_by_day_and_lane(self, store: Store) -> None:
        world = World(store)  # noon of 1 March
        account, other = await world.account(), await world.account()
        done = [await world.running(account), await world.running(account, lane=Lane.RELAX, price_percent=0)]
        await store.ledger.finish([world.finish(job) for job in done])
        await store.ledger.finish([world.finish(await world.running(other))])
        overnight = await world.running(account)
        failed = await world.dead_letter(account)
        assert failed.state is JobState.FAILED
        cancelled = await world.running(account, lane=Lane.TURBO)
        ending = world.ending(cancelled, JobState.CANCELLED, measured_gpu_ms=300)
        await store.ledger.end([ending], now=world.now)
        first_day = world.now.replace(hour=0)
        world.wait(13 * 3600)
        await store.ledger.finish([world.finish(overnight)])
        await world.submitted(account)  # has not ended
        day, next_day = first_day.date(), world.now.date()
        found = await store.accounts.usage(account.id, since=first_day, until=first_day + timedelta(days=31))

        def used(day: date, lane: Lane, gpu_ms: int, jobs: int, images: int) -> DayUsage:
            return DayUsage(day=day, lane=lane, gpu_ms=gpu_ms, jobs=jobs, images=images)

        assert found == [
            used(day, Lane.FAST, 400, 2, 4),
            used(day, Lane.RELAX, 0, 1, 4),
            used(day, Lane.TURBO, 300, 1, 0),
            used(next_day, Lane.FAST, 400, 1, 4),
        ]
        settled = (await store.accounts.balance(account.id)).settled_gpu_ms
        assert sum(each.gpu_ms for each in found) == settled == 1_100
        one_day = await store.accounts.usage(account.id, since=first_day, until=first_day + timedelta(days=1))
        assert one_day == found[:3]
        later = first_day + timedelta(days=2)
        assert await store.accounts.usage(account.id, since=later, until=later + timedelta(days=1)) == []

    async def test_usage_looks_back_so_far_and_no_further(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        slow = await world.running(account)
        submitted = world.now
        await store.ledger.finish([world.finish(slow, now=submitted + timedelta(days=40))])
        until = submitted + timedelta(days=60)
        for since, jobs in ((submitted + USAGE_LOOKBACK, 1), (submitted + timedelta(days=39), 0)):
            found = await store.accounts.usage(account.id, since=since, until=until)
            assert sum(each.jobs for each in found) == jobs

    async def test_the_lines_add_up_to_the_balance(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        running = [await world.running(account) for _ in range(3)]
        await world.submit(account, world.job(), world.job(hold_gpu_ms=77))
        await store.ledger.finish([world.finish(running[0])])
        await store.ledger.end([world.ending(running[1])], now=world.now)
        lines = await store.accounts.statement(account.id, before=None, limit=100)
        sums = dict.fromkeys(EntryKind, 0)
        for line in lines:
            assert line.amount_gpu_ms > 0
            sums[line.kind] += line.amount_gpu_ms
        balance = await store.accounts.balance(account.id)
        assert balance.granted_gpu_ms == sums[EntryKind.GRANT] == 100_000
        assert balance.settled_gpu_ms == sums[EntryKind.SETTLE] == 400
        assert balance.held_gpu_ms == sums[EntryKind.HOLD] - sums[EntryKind.RELEASE] == 2_077
        assert balance.available_gpu_ms == 100_000 - 400 - 2_077

    async def test_nothing_is_renewed_before_the_month_is_over(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        world.now = account.period_end - timedelta(seconds=1)
        later = account.period_end + timedelta(days=30)
        before = await world.seen(account)
        renewed = await store.accounts.renew(account.id, grant_gpu_ms=7_000, period_end=later, now=world.now)
        assert renewed == account and await world.seen(account) == before

    async def test_a_new_month_comes_once_however_many_ask(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=5_000)
        running = await world.running(account)
        world.now = account.period_end + timedelta(seconds=1)
        later = account.period_end + timedelta(days=30)
        asked = [
            store.accounts.renew(account.id, grant_gpu_ms=7_000, period_end=later, now=world.now)
            for _ in range(4)
        ]
        answers = await asyncio.gather(*asked)
        assert {each.period_end for each in answers} == {later}
        balance = await store.accounts.balance(account.id)
        assert (balance.granted_gpu_ms, balance.expired_gpu_ms) == (12_000, 4_000)
        assert (balance.held_gpu_ms, balance.available_gpu_ms) == (1_000, 7_000)
        await store.ledger.finish([world.finish(running)])
        assert await world.available_gpu_ms(account) == 7_600
        kinds = [each.kind for each in await store.accounts.statement(account.id, before=None, limit=99)]
        assert (kinds.count(EntryKind.GRANT), kinds.count(EntryKind.EXPIRE)) == (2, 1)

    async def test_a_debt_does_not_expire(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=0)
        await world.submit(account, unlimited=True)
        world.now = account.period_end + timedelta(seconds=1)
        later = account.period_end + timedelta(days=30)
        await store.accounts.renew(account.id, grant_gpu_ms=7_000, period_end=later, now=world.now)
        balance = await store.accounts.balance(account.id)
        assert (balance.expired_gpu_ms, balance.available_gpu_ms) == (0, 6_000)

    async def test_what_was_used_without_a_limit_is_no_debt_of_the_next_month(self, store: Store) -> None:
        world = World(store)
        account = await world.account(grant_gpu_ms=100)
        (first, second) = (await world.submit(account, world.job(), world.job(), unlimited=True)).change.jobs
        (claimed,) = await world.claimed(first)
        await store.ledger.finish([world.finish(claimed)])
        spent = (await store.accounts.balance(account.id)).settled_gpu_ms
        assert spent > 100
        world.now = account.period_end + timedelta(seconds=1)
        later = account.period_end + timedelta(days=30)
        await store.accounts.renew(account.id, grant_gpu_ms=7_000, period_end=later, now=world.now)
        balance = await store.accounts.balance(account.id)
        assert (balance.granted_gpu_ms, balance.expired_gpu_ms) == (spent + 7_000, 0)
        assert balance.available_gpu_ms == 7_000 - second.hold_gpu_ms
        entries = await store.accounts.statement(account.id, before=None, limit=99)
        assert sum(each.amount_gpu_ms for each in entries if each.kind is EntryKind.GRANT) == spent + 7_000


class AccountsContract(AccountsPeopleContract, AccountsCredentialsContract, AccountsMoneyContract):
    """Every promise of core.ports.Accounts."""
