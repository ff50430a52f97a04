"""A round with the real worker and mini-1: the same prompts in peace and under fire give the same pixels.

The files differ, because their provenance says when they were drawn; so pixels are compared, by digest.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import signal
import time
from collections.abc import Mapping
from typing import Any

import httpx
from benchmarks.chaos.accounts import admit
from benchmarks.chaos.audit import contradictions, open_books
from benchmarks.chaos.customers import Customer, Desk, Wish, submit
from benchmarks.chaos.results import Result
from benchmarks.chaos.schedule import BEYOND, LEASE_S, Fault, Round
from benchmarks.chaos.stage import HERE, Stage
from PIL import Image

from darkroom.billing.plans import read_plans

PROMPTS = ("a red apple on a blue background --seed 7", "two green boats --ar 3:2 --seed 8")
DRAWN_WITHIN_S = 240.0
LOOK_EVERY_S = 0.1
ENDS = frozenset({"completed", "failed", "cancelled", "rejected"})


async def mini_round(stage: Stage, plan: Round) -> Result:
    """Draws in peace, then again while worker and server are struck in the middle of it."""
    began, result = time.monotonic(), Result(round=plan, kind="mini-1")
    (customer,), stage.token = await admit(stage.postgres.dsn, plan.seed, ["unlimited"])
    desk, faults = Desk(stage.urls, None), list[Fault]()
    await stage.hire_real(f"mini-{plan.seed}")
    try:
        peace = await _draw(customer, desk, 0)
        war, _ = await asyncio.gather(
            _draw(customer, desk, len(PROMPTS)), _strike(stage, customer, desk, plan.seed, faults)
        )
        books = await open_books(stage.postgres.dsn, [customer.account])
        result.violations += contradictions(books, [customer], read_plans(HERE / "plans.toml").plans)
        for text, before, after in zip(PROMPTS, peace, war):
            if before != after or len(before) != 4:
                result.violations.append(f"{text!r} gave {before} in peace, and {after} after faults")
        result.count(books, [], faults)
        if not result.retried:
            result.violations.append("no job ran again, so nothing was shown")
    finally:
        await desk.close()
        await stage.dismiss()
    result.seconds = time.monotonic() - began
    return result


async def _draw(customer: Customer, desk: Desk, number: int) -> list[Mapping[int, str]]:
    """Submits all prompts and waits for their pictures: the digest of the pixels of each, by its number.

    Spaces at the end tell the submissions apart, and do not change what is drawn.
    """
    wishes = []
    for n, text in enumerate(PROMPTS):
        wish = customer.wishes[number + n] = Wish(
            text=text + " " * number, key=f"mini-{number + n}", lane=None
        )
        await submit(customer, wish, desk)
        assert wish.jobs, f"{text!r} was not accepted: {wish.refused}"
        wishes.append(wish)
    return [await _pixels(await _ended(customer, desk, wish.jobs[0]["id"])) for wish in wishes]


async def _ended(customer: Customer, desk: Desk, job_id: str) -> dict[str, Any]:
    for _ in range(round(DRAWN_WITHIN_S / LOOK_EVERY_S)):
        job = await _look(customer, desk, job_id)
        if job["state"] in ENDS:
            return job
        await asyncio.sleep(LOOK_EVERY_S)
    return {"images": []}


async def _look(customer: Customer, desk: Desk, job_id: str) -> dict[str, Any]:
    answer = await desk.insist("GET", f"/api/v1/jobs/{job_id}", customer.key)
    job: dict[str, Any] = answer.raise_for_status().json()
    return job


async def _pixels(job: Mapping[str, Any]) -> Mapping[int, str]:
    found = {}
    async with httpx.AsyncClient() as client:
        for image in job["images"]:
            data = (await client.get(image["files"]["png"]["url"])).raise_for_status().content
            pixels = Image.open(io.BytesIO(data)).convert("RGB").tobytes()
            found[image["index"]] = hashlib.sha256(pixels).hexdigest()
    return found


async def _strike(stage: Stage, customer: Customer, desk: Desk, seed: int, faults: list[Fault]) -> None:
    """Once while each of the second jobs is drawn: the worker is killed, stopped for longer than its lease, or the server is."""
    rng = random.Random(f"mini {seed}")
    for n in range(len(PROMPTS)):
        wish = await _submitted(customer, len(PROMPTS) + n)
        if not await _begun(customer, desk, wish):
            continue
        await asyncio.sleep(rng.uniform(0.2, 1.5))
        if n == 0:
            await stage.workers[0].end(signal.SIGKILL)
            faults.append(Fault.WORKER_KILLED)
            await stage.servers[seed % len(stage.servers)].end(signal.SIGKILL)
            faults.append(Fault.SERVER_KILLED)
            stage.workers[0].start()
            await stage.up(stage.servers[seed % len(stage.servers)])
        else:
            stage.workers[0].send(signal.SIGSTOP)
            faults.append(Fault.WORKER_STOPPED)
            await asyncio.sleep(LEASE_S * rng.uniform(*BEYOND))
            stage.workers[0].send(signal.SIGCONT)


async def _submitted(customer: Customer, number: int) -> Wish:
    for _ in range(round(DRAWN_WITHIN_S / LOOK_EVERY_S)):
        if (wish := customer.wishes.get(number)) and wish.jobs:
            return wish
        await asyncio.sleep(LOOK_EVERY_S)
    raise TimeoutError("the second submission was not accepted")


async def _begun(customer: Customer, desk: Desk, wish: Wish) -> bool:
    """Whether a worker draws it now."""
    for _ in range(round(DRAWN_WITHIN_S / LOOK_EVERY_S)):
        job = await _look(customer, desk, wish.jobs[0]["id"])
        if job["state"] in ENDS:
            return False
        if job["state"] == "running":
            return True
        await asyncio.sleep(LOOK_EVERY_S)
    return False
