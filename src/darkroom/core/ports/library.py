"""What there is to be looked at, and where it comes from. Protocols, no code; the rules are those of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from darkroom.core.images import Image
from darkroom.core.jobs import (
    Job,
    JobMoved,
    JobState,
)
from darkroom.core.lineage import Direction, GraphPage
from darkroom.core.params import Lane


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """What a list of jobs is narrowed to; every field that is given must hold. `text` is a full-text search over the words."""

    account_id: UUID | None = None
    states: frozenset[JobState] = frozenset()
    lane: Lane | None = None
    model: str | None = None
    batch_id: UUID | None = None
    text: str = ""


class Library(Protocol):
    """What is there to be looked at: jobs in any state, their history, published images. Writes nothing."""

    async def job(self, job_id: UUID) -> Job:
        """NotFound where there is none. Whose it is, the caller checks."""
        ...

    async def jobs(self, wanted: JobFilter, *, before: UUID | None, limit: int) -> list[Job]:
        """Newest first; `before` is the id of the last job seen."""
        ...

    async def history(self, job_id: UUID) -> list[JobMoved]:
        """Oldest first."""
        ...

    async def moved_since(self, event_id: int, *, account_id: UUID | None, limit: int) -> list[JobMoved]:
        """Transitions with a larger id, oldest first; of one account, or of all."""
        ...

    async def newest_event(self, account_id: UUID | None = None) -> int:
        """The id of the newest transition, of one account or of all; 0 where there is none."""
        ...

    async def image(self, image_id: UUID) -> Image:
        """NotFound where there is none. Whose it is, the caller checks."""
        ...

    async def images_of(self, job_ids: Sequence[UUID]) -> list[Image]:
        """The published images and grids of some jobs, by job and index, the grid last; those in the trash and tombstones, too."""
        ...

    async def images(
        self, account_id: UUID, *, before: UUID | None, limit: int, text: str = ""
    ) -> list[Image]:
        """An account's images without grids, trash, tombstones and replays, newest first."""
        ...

    async def waiting_ahead(self, jobs: Sequence[Job]) -> Mapping[UUID, int]:
        """Of those of these jobs that wait for a slot of their account: how many of its waiting jobs get one before it."""
        ...

    async def queue_depth(self) -> Mapping[tuple[JobState, Lane], int]:
        """How many jobs are in each state that is not an end, by lane."""
        ...


class Lineage(Protocol):
    """The graph of images and uploads. Writes nothing: edges are written when a job is submitted."""

    async def page(
        self, image_id: UUID, direction: Direction, *, after: UUID | None, limit: int
    ) -> GraphPage:
        """Ancestors newest first, descendants oldest first, the graph newest first; each node once, `after` as the last page said.

        NotFound where there is no such image. Who may see which node, the caller checks. A grid is a node where something
        was made from it; a job without pictures connects nothing; of a graph of very many jobs, the nearest are told.
        """
        ...

    async def parents(self, job_ids: Sequence[UUID]) -> Mapping[UUID, tuple[UUID, ...]]:
        """The ids of the images and uploads that some jobs were made from, in the order of their recipes; jobs without any are left out."""
        ...
