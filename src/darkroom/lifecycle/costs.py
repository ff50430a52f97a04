"""A job of the ledger as the queue knows it, with an estimate of its GPU time whatever its price."""

from __future__ import annotations

from darkroom.core.errors import PromptError
from darkroom.core.jobs import Job
from darkroom.dispatch.queue import ReadyJob
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sizes import native_pixels
from darkroom.prompt import STORED, parse

UNKNOWN_COST_GPU_MS = 10_000  # of a job whose text no longer says what it takes


def ready_job(rooms: Rooms, job: Job) -> ReadyJob:
    """Its place in the queue is that of its id, however often it was tried."""
    return ReadyJob(
        id=job.id,
        account_id=job.account_id,
        lane=job.lane,
        model=job.model,
        weight=job.weight,
        cost_gpu_ms=cost_gpu_ms(rooms, job),
        ready_at=(job.ready_at or job.created_at).timestamp(),
        not_before=job.not_before.timestamp() if job.not_before else 0.0,
        avoid=frozenset(job.avoid),
    )


def cost_gpu_ms(rooms: Rooms, job: Job) -> int:
    """What a job is expected to take: from its hold where it has one, else (relax is free) from its text."""
    if job.hold_gpu_ms > 0 and job.price_percent > 0:
        return max(job.hold_gpu_ms * 100 // job.price_percent, 1)
    try:
        params = parse(job.prompt, catalogue=rooms.catalogue, limits=STORED)[0]
    except PromptError:
        return UNKNOWN_COST_GPU_MS
    native = native_pixels(rooms, params.model)
    price = rooms.prices.price(params, job.lane, recipe=job.recipe, native_pixels=native)
    return max(price.estimate_gpu_ms, 1)
