"""Where a job stands: an estimate from counts and sums alone, cheap enough to be asked on every request."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from uuid import UUID

from darkroom.core.params import Lane
from darkroom.dispatch.lines import Line
from darkroom.dispatch.ready import Position, ReadyJob

ACCOUNTS_LOOKED_AT = 256  # of the other accounts in a lane; more of them are taken to be like these


def estimate(
    job: ReadyJob,
    lines: Mapping[Lane, Mapping[UUID, Line]],
    shares: Mapping[Lane, int],
    totals: Mapping[Lane, Line],
) -> Position:
    """How much starts before a job. `totals` counts each lane's jobs and their GPU time.

    Taken to be: every account of the lane has had its share so far, all jobs of an account cost the same, every worker draws
    every model, nothing new comes. Right to within one job of each account and the surplus of lanes that run dry.
    """
    own = lines[job.lane].get(job.account_id)
    ahead = own.rank(job.id) if own is not None else 0
    ahead_gpu_ms = _cost_of(ahead, own) if own is not None else 0.0
    others, others_gpu_ms = _others(
        job, lines[job.lane], (ahead_gpu_ms + max(job.cost_gpu_ms, 1)) / job.weight
    )
    total, total_gpu_ms = ahead + others, ahead_gpu_ms + others_gpu_ms
    reached = total_gpu_ms / shares[job.lane]
    for lane, line in totals.items():
        if lane is not job.lane and line.count:
            theirs_gpu_ms = min(float(line.cost_gpu_ms), reached * shares[lane])
            total_gpu_ms += theirs_gpu_ms
            total += round(line.count * theirs_gpu_ms / max(line.cost_gpu_ms, 1))
    return Position(ahead=total, ahead_gpu_ms=round(total_gpu_ms))


def _others(job: ReadyJob, lines: Mapping[UUID, Line], reached: float) -> tuple[int, float]:
    """What the other accounts of the lane start before an account has had `reached` GPU-ms for each unit of weight."""
    count, cost_gpu_ms, seen = 0, 0.0, 0
    for account, line in islice(lines.items(), ACCOUNTS_LOOKED_AT + 1):
        if account == job.account_id:
            continue
        seen += 1
        mean_gpu_ms = max(line.cost_gpu_ms / line.count, 1.0)
        started = min(line.count, max(1, round(reached * line.weight / mean_gpu_ms)))
        count += started
        cost_gpu_ms += _cost_of(started, line)
    there = len(lines) - (job.account_id in lines)
    scale = there / seen if seen else 0.0
    return round(count * scale), cost_gpu_ms * scale


def _cost_of(jobs: int, line: Line) -> float:
    return line.cost_gpu_ms * jobs / line.count if line.count else 0.0
