"""What was decided about runs goes to the ledger, in one call of each kind, and from there to whoever follows.

Decides nothing. A run is a claim: a job under a fence; what is decided for an old fence changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.images import Finish
from darkroom.core.jobs import CLAIMED, TERMINAL, Ending, Job, JobState, Outcome, Reported, Requeue
from darkroom.core.work import Completion, Failure
from darkroom.lifecycle.rooms import Rooms

Decision = Finish | Requeue | Ending
NOTHING_KNOWN: Mapping[UUID, Job] = MappingProxyType({})


async def settle(rooms: Rooms, decisions: Sequence[Decision]) -> list[Reported]:
    """The ledger's answers, in the order of the decisions; what changed is told. StoreUnavailable: all may be done again."""
    now = rooms.clock()
    finishes = [each for each in decisions if isinstance(each, Finish)]
    requeues = [each for each in decisions if isinstance(each, Requeue)]
    endings = [each for each in decisions if isinstance(each, Ending)]
    finished = _told(rooms, await rooms.ledger.finish(finishes) if finishes else [])
    requeued = _told(rooms, await rooms.ledger.requeue(requeues, now=now) if requeues else [])
    ended = _told(rooms, await rooms.ledger.end(endings, now=now) if endings else [])
    answers = {Finish: iter(finished), Requeue: iter(requeued), Ending: iter(ended)}
    return [next(answers[type(each)]) for each in decisions]


def _told(rooms: Rooms, answers: list[Reported]) -> list[Reported]:
    for answer in answers:
        if answer.outcome is Outcome.ACCEPTED:
            rooms.tell(answer.change)
    return answers


async def current(rooms: Rooms, report: Completion | Failure, known: Mapping[UUID, Job]) -> Job | Reported:
    """The job that a report is about while the run is still this one; else what has become of the report.

    `known` are jobs that the caller is sure of; others are looked up.
    """
    claim = report.claim
    job = known.get(claim.job_id)
    if job is not None and job.fence == claim.fence:
        return job
    try:
        job = await rooms.library.job(claim.job_id)
    except NotFound:
        return Reported(job_id=claim.job_id, outcome=Outcome.STALE)
    if job.fence == claim.fence and job.state in CLAIMED:
        return job
    completed = job.state is JobState.COMPLETED
    same = job.fence == claim.fence and job.state in TERMINAL and completed == isinstance(report, Completion)
    return Reported(job_id=job.id, outcome=Outcome.REPEATED if same else Outcome.STALE)
