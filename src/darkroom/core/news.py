"""What is told about jobs while they live: durable transitions, and progress that may be lost."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from darkroom.core.jobs import JobMoved


@dataclass(frozen=True, kw_only=True)
class JobProgressed:
    """Steps done of all steps of a job's images. The newest replaces the others."""

    account_id: UUID
    job_id: UUID
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class JobPreviewed:
    """A newer look at an unfinished grid; `key` is where its bytes are kept."""

    account_id: UUID
    job_id: UUID
    number: int
    key: str


News = JobMoved | JobProgressed | JobPreviewed
