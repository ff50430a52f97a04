"""What holds of every store at every moment, whatever was done to it: checked through the ports alone, after each step."""

from __future__ import annotations

from collections import Counter, defaultdict
from uuid import UUID

from tests.contracts.world import World

from darkroom.core.accounts import Balance, EntryKind
from darkroom.core.jobs import HOLDS_SLOT, TERMINAL, TRANSITIONS, Change, Job, JobMoved, JobState
from darkroom.core.ports import JobFilter

ALL = 1_000_000


class Watch:
    """Follows a store step by step. `caps` are (running, waiting, unlimited) by account and never change.

    `extra` is told which jobs came back from the dead, because they may exceed a cap.
    """

    def __init__(self, world: World, caps: dict[UUID, tuple[int, int, bool]]) -> None:
        self._world = world
        self._caps = caps
        self._last_event = 0
        self.extra: set[UUID] = set()
        self.jobs: dict[UUID, Job] = {}
        self.paths: dict[UUID, list[JobMoved]] = defaultdict(list)

    async def check(self, told: list[Change]) -> None:
        """After one step, which told these changes."""
        store = self._world.store
        jobs = await store.library.jobs(JobFilter(), before=None, limit=ALL)
        self.jobs = {job.id: job for job in reversed(jobs)}
        await self._check_events(told)
        for account_id in self._caps:
            own = [job for job in self.jobs.values() if job.account_id == account_id]
            await self._check_counters(account_id, own)
            self._check_money(account_id, own, await store.accounts.balance(account_id))

    async def _check_events(self, told: list[Change]) -> None:
        """Every transition is legal, continues its job's path, and is what the operation told."""
        library = self._world.store.library
        new = await library.moved_since(self._last_event, account_id=None, limit=ALL)
        for moved in new:
            path = self.paths[moved.job_id]
            assert moved.id > self._last_event, "events come in order"
            assert moved.was is (path[-1].state if path else None), (
                f"{moved} does not continue its job's path"
            )
            legal = TRANSITIONS[moved.was] if moved.was else {JobState.WAITING, JobState.READY}
            assert moved.state in legal, f"{moved.was} -> {moved.state} is no step of a job's life"
            path.append(moved)
            self._last_event = moved.id
        assert [each for change in told for each in change.moved] == new, "what is told is what is kept"
        for job in self.jobs.values():
            assert self.paths[job.id][-1].state is job.state, f"the history of {job.id} ends elsewhere"
        for change in told:
            for job in change.promoted:
                assert job.state is JobState.READY

    async def _check_counters(self, account_id: UUID, own: list[Job]) -> None:
        """The counters are the counts, and the caps hold; only resubmitted jobs come on top."""
        account = await self._world.store.accounts.get(account_id)
        running = sum(job.state in HOLDS_SLOT for job in own)
        waiting = sum(job.state is JobState.WAITING for job in own)
        assert (account.running, account.waiting) == (running, waiting)
        running_cap, waiting_cap, _unlimited = self._caps[account_id]
        extra = sum(job.id in self.extra and job.state in HOLDS_SLOT for job in own)
        assert running <= running_cap + extra, "the running cap is overrun"
        assert waiting <= waiting_cap, "the waiting cap is overrun"
        assert not waiting or running >= running_cap, "a job waits beside a free slot"

    def _check_money(self, account_id: UUID, own: list[Job], balance: Balance) -> None:
        """What is held is held by living jobs, what is settled was charged to ended ones, nobody is in debt."""
        assert balance.held_gpu_ms == sum(job.hold_gpu_ms for job in own if job.state not in TERMINAL)
        assert balance.settled_gpu_ms == sum(job.charged_gpu_ms or 0 for job in own)
        for job in own:
            charged = job.charged_gpu_ms or 0
            assert 0 <= charged <= job.hold_gpu_ms
            assert not charged or job.state in (JobState.COMPLETED, JobState.CANCELLED)
        assert self._caps[account_id][2] or balance.available_gpu_ms >= 0, "the account is in debt"

    async def check_statement(self, account_id: UUID) -> None:
        """The lines add up to the balance, and no job has two lines of one kind."""
        accounts = self._world.store.accounts
        lines = await accounts.statement(account_id, before=None, limit=ALL)
        sums: Counter[EntryKind] = Counter()
        for line in lines:
            sums[line.kind] += line.amount_gpu_ms
        kinds = Counter((line.job_id, line.kind) for line in lines if line.job_id)
        assert not kinds or max(kinds.values()) == 1, "a job has two lines of one kind"
        balance = await accounts.balance(account_id)
        assert balance == Balance(
            granted_gpu_ms=sums[EntryKind.GRANT],
            expired_gpu_ms=sums[EntryKind.EXPIRE],
            settled_gpu_ms=sums[EntryKind.SETTLE],
            held_gpu_ms=sums[EntryKind.HOLD] - sums[EntryKind.RELEASE],
        )

    async def check_images(self) -> None:
        """Completed jobs have pictures, and nobody else."""
        images = await self._world.store.library.images_of(list(self.jobs))
        done = {job.id for job in self.jobs.values() if job.state is JobState.COMPLETED}
        assert {image.job_id for image in images} == done
        assert max(Counter((each.job_id, each.index) for each in images).values(), default=1) == 1
