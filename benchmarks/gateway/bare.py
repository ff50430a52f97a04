"""Our own ledger without HTTP, in one process: submit by many tasks, claim and finish in batches, as the dispatcher does.

Beside the job each transaction keeps money, caps, history, fences and the verdict; every job gets its four images.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import uvloop
from benchmarks.gateway.pace import arrivals, closed_loop, open_loop
from benchmarks.gateway.peers import TASKS_AT_ONCE, Task
from benchmarks.gateway.service import admit

from darkroom.core.ids import new_id
from darkroom.core.images import Finish, NewImage
from darkroom.core.jobs import Change, Job, JobState, NewJob, Submission
from darkroom.core.params import IMAGES_PER_JOB, Lane, Visibility
from darkroom.core.verdicts import Decision, Verdict
from darkroom.storage.postgres.store import PostgresStore

ACCOUNTS = 200
CAP = 1_000  # jobs that run, and that wait, of one account
HOLD_GPU_MS = 1_000
BATCH = 64
SCORES = {"nsfw": 0.01}
VERDICT = Verdict(decision=Decision.ALLOW, policy="bench", scores={"sexual": 0.1})


class Bare:
    """One store, its lease, and the two loops that a dispatcher and its workers are here."""

    def __init__(self, store: PostgresStore, accounts: Sequence[object], epoch: int) -> None:
        self._store, self._accounts, self._epoch = store, accounts, epoch
        self._ready: asyncio.Queue[Job] = asyncio.Queue()
        self._running: asyncio.Queue[Job] = asyncio.Queue()
        self._due: dict[object, float] = {}
        self.waited: list[float] = []
        self.finished = 0

    async def submit(self, number: int, due: float) -> None:
        now = datetime.now(UTC)
        job = NewJob(
            id=new_id(now),
            prompt="a red fox in the snow --seed 1",
            words="a red fox in the snow",
            model="mini-1",
            seed=1,
            lane=Lane.FAST,
            visibility=Visibility.PUBLIC,
            hold_gpu_ms=HOLD_GPU_MS,
            price_percent=100,
            verdict=VERDICT,
        )
        self._due[job.id] = due
        submission = Submission(
            account_id=self._accounts[number % len(self._accounts)],  # type: ignore[arg-type]
            batch_id=new_id(now),
            source="a red fox in the snow",
            jobs=(job,),
            running_cap=CAP,
            waiting_cap=CAP,
            unlimited=True,
            now=now,
        )
        self._hear((await self._store.ledger.submit(submission)).change)

    def _hear(self, change: Change) -> None:
        for job in (*change.jobs, *change.promoted):
            if job.state is JobState.READY:
                self._ready.put_nowait(job)

    async def claim(self) -> None:
        while True:
            jobs = await _some(self._ready)
            ids = [job.id for job in jobs]
            now = datetime.now(UTC)
            change = await self._store.ledger.claim(ids, worker_id="bare", epoch=self._epoch, now=now)
            for job in change.jobs:
                self.waited.append(time.time() - self._due.pop(job.id))
                self._running.put_nowait(job)

    async def finish(self) -> None:
        while True:
            jobs = await _some(self._running)
            for reported in await self._store.ledger.finish([_finish(job) for job in jobs]):
                self.finished += 1
                self._hear(Change(promoted=reported.change.promoted))


async def _some(queue: asyncio.Queue[Job]) -> list[Job]:
    """What is there, and at least one."""
    found = [await queue.get()]
    while len(found) < BATCH and not queue.empty():
        found.append(queue.get_nowait())
    return found


def _finish(job: Job) -> Finish:
    now = datetime.now(UTC)
    images = tuple(
        NewImage(id=new_id(now), index=index, files=(), scores=SCORES, policy="bench", provenance="{}")
        for index in range(IMAGES_PER_JOB)
    )
    assert job.fence is not None
    return Finish(
        job_id=job.id, fence=job.fence, measured_gpu_ms=HOLD_GPU_MS, images=images, notes=(), now=now
    )


async def _run(task: Task) -> None:
    store = await PostgresStore.open(task.dsn)
    try:
        await admit(store, ACCOUNTS, name=f"bare-{time.time_ns()}")
        accounts = [account.id for account in await store.accounts.all(after=None, limit=ACCOUNTS)]
        lease = await store.operations.acquire_lease(holder="bare", url="", ttl_s=3600, now=datetime.now(UTC))
        bare = Bare(store, accounts, lease.epoch)
        spent_s = time.process_time()
        loops = [asyncio.create_task(bare.claim()), asyncio.create_task(bare.finish())]
        if task.rate:
            paced = await open_loop(arrivals(task.rate, task.seconds, task.seed), bare.submit)
        else:
            paced = await closed_loop(task.seconds, TASKS_AT_ONCE, bare.submit)
        while bare.finished < len(paced.took_s):
            for loop in loops:
                if loop.done():
                    loop.result()
            await asyncio.sleep(0.02)
        ended, spent_s = time.time(), time.process_time() - spent_s
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
    finally:
        await store.close()
    json.dump({"paced": asdict(paced), "waited": bare.waited, "drained": ended, "cpu_s": spent_s}, sys.stdout)


def main() -> None:
    uvloop.run(_run(Task(**json.load(sys.stdin))))


if __name__ == "__main__":
    main()
