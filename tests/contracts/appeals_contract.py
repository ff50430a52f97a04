"""What every store promises of appeals (core.ports.Appeals): one for each verdict that refused, decided once, counted while open."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.contracts.world import Store, World

from darkroom.core.accounts import Account
from darkroom.core.appeals import Appeal, AppealState
from darkroom.core.errors import Conflict, DarkroomError, Exhausted, NotFound
from darkroom.core.verdicts import Decision, ModerationRecord, Subject, Verdict

OPEN_MAX = 3


class AppealsContract:
    async def verdict(self, world: World, account: Account, decision: Decision = Decision.BLOCK) -> int:
        """The number of a new verdict on a prompt of this account."""
        verdict = Verdict(decision=decision, policy="p1", category="gore", matched="blood", scores={"x": 0.5})
        record = ModerationRecord(
            account_id=account.id, job_id=None, subject=Subject.PROMPT, text="red", verdict=verdict, at=world.now
        )  # fmt: skip
        await world.store.operations.log_verdicts([record])
        newest = await world.store.operations.verdicts(before=None, limit=1, blocked_only=False)
        return newest[0].id

    def appeal(self, world: World, account: Account, verdict_id: int, **changes: Any) -> Appeal:
        appeal = Appeal(
            id=world.id(), verdict_id=verdict_id, account_id=account.id, reason="It is paint.", at=world.now
        )
        return replace(appeal, **changes)

    async def appealed(self, world: World, account: Account) -> Appeal:
        """An open appeal against a new verdict."""
        new = self.appeal(world, account, await self.verdict(world, account))
        return await world.store.appeals.add(new, open_max=OPEN_MAX)

    async def decide(self, world: World, appeal: Appeal, operator: Account, *, granted: bool) -> Appeal:
        return await world.store.appeals.decide(
            appeal.id, granted=granted, note="Seen.", decided_by=operator.id, now=world.now
        )

    async def test_refusals_are_ones_own_newest_first_in_pages(self, store: Store) -> None:
        world = World(store)
        mine, other = await world.account(), await world.account()
        made = [await self.verdict(world, mine) for _ in range(3)]
        await self.verdict(world, mine, Decision.ALLOW)
        await self.verdict(world, other)
        page = await store.appeals.refusals(mine.id, before=None, limit=2)
        rest = await store.appeals.refusals(mine.id, before=page[-1].id, limit=2)
        assert [each.id for each in (*page, *rest)] == made[::-1]
        assert {(each.account_id, each.text, each.verdict.category) for each in page} == {
            (mine.id, "red", "gore")
        }
        assert await store.appeals.refusals(world.id(), before=None, limit=2) == []

    async def test_an_appeal_is_kept_as_it_was_made_and_found_by_its_verdict(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        against, other = await self.verdict(world, account), await self.verdict(world, account)
        appeal = self.appeal(world, account, against, reason='Farbe, nicht "Blut" \N{ARTIST PALETTE}')
        assert await store.appeals.add(appeal, open_max=OPEN_MAX) == appeal
        assert await store.appeals.of_verdicts([against, other, 10_000]) == {against: appeal}
        assert await store.appeals.of_verdicts([]) == {}

    async def test_nobody_appeals_against_what_refused_them_nothing(self, store: Store) -> None:
        world = World(store)
        mine, other = await world.account(), await world.account()
        allowed = await self.verdict(world, mine, Decision.ALLOW)
        theirs = await self.verdict(world, other)
        for verdict_id in (allowed, theirs, theirs + 1, 10**15):
            with pytest.raises(NotFound):
                await store.appeals.add(self.appeal(world, mine, verdict_id), open_max=OPEN_MAX)
        assert await store.appeals.of_verdicts([allowed, theirs]) == {}

    async def test_one_for_each_verdict_even_of_many_at_once(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        against = await self.verdict(world, account)
        added = await asyncio.gather(
            *(store.appeals.add(self.appeal(world, account, against), open_max=OPEN_MAX) for _ in range(4)),
            return_exceptions=True,
        )
        refused = [each for each in added if isinstance(each, DarkroomError)]
        assert [(type(each), each.code) for each in refused] == [(Conflict, "already_appealed")] * 3
        operator = await world.account()
        (made,) = (await store.appeals.of_verdicts([against])).values()
        await self.decide(world, made, operator, granted=False)
        with pytest.raises(Conflict):
            await store.appeals.add(self.appeal(world, account, against), open_max=OPEN_MAX)

    async def test_so_many_may_be_open_even_of_many_at_once(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        verdicts = [await self.verdict(world, account) for _ in range(OPEN_MAX + 2)]
        added = await asyncio.gather(
            *(store.appeals.add(self.appeal(world, account, each), open_max=OPEN_MAX) for each in verdicts),
            return_exceptions=True,
        )
        refused = [each for each in added if isinstance(each, DarkroomError)]
        assert [(type(each), each.code) for each in refused] == [(Exhausted, "too_many_appeals")] * 2
        await self.appealed(world, other)
        assert await store.appeals.open_of([account.id, other.id, world.id()]) == {
            account.id: OPEN_MAX,
            other.id: 1,
        }
        made = next(each for each in added if isinstance(each, Appeal))
        await self.decide(world, made, other, granted=True)
        assert (await store.appeals.open_of([account.id]))[account.id] == OPEN_MAX - 1
        await self.appealed(world, account)

    async def test_the_first_decision_stands_and_says_whose_it_was(self, store: Store) -> None:
        world = World(store)
        account, operator, late = await world.account(), await world.account(), await world.account()
        for granted, state in ((True, AppealState.GRANTED), (False, AppealState.DENIED)):
            appeal = await self.appealed(world, account)
            world.wait(60)
            decided = await self.decide(world, appeal, operator, granted=granted)
            assert decided == replace(
                appeal, state=state, note="Seen.", decided_by=operator.id, decided_at=world.now
            )
            with pytest.raises(Conflict) as refused:
                await self.decide(world, appeal, late, granted=not granted)
            assert refused.value.code == "already_resolved" and state.value in refused.value.message
            assert await store.appeals.of_verdicts([appeal.verdict_id]) == {appeal.verdict_id: decided}
        with pytest.raises(NotFound):
            await store.appeals.decide(
                world.id(), granted=True, note="", decided_by=operator.id, now=world.now
            )

    async def test_cases_come_with_their_verdicts_newest_first_in_pages(self, store: Store) -> None:
        world = World(store)
        account, operator = await world.account(), await world.account()
        made = [await self.appealed(world, account) for _ in range(3)]
        decided = await self.decide(world, made[1], operator, granted=True)
        still_open = await store.appeals.cases(open_only=True, before=None, limit=10)
        assert [case.appeal for case in still_open] == [made[2], made[0]]
        assert [case.record.id for case in still_open] == [made[2].verdict_id, made[0].verdict_id]
        assert {(case.record.text, case.record.verdict.matched) for case in still_open} == {("red", "blood")}
        assert still_open[0].record.verdict.scores == {"x": 0.5}
        page = await store.appeals.cases(open_only=True, before=None, limit=1)
        rest = await store.appeals.cases(open_only=True, before=page[-1].appeal.id, limit=1)
        assert [case.appeal.id for case in (*page, *rest)] == [made[2].id, made[0].id]
        over = await store.appeals.cases(open_only=False, before=None, limit=10)
        assert [case.appeal for case in over] == [decided]
