"""The ready jobs of one account in one lane, in order of submission, kept apart by who may draw them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from uuid import UUID

from darkroom.dispatch.ready import ReadyJob
from darkroom.dispatch.sorted import Sorted


@dataclass(frozen=True)
class Kind:
    """What decides which workers may take a job."""

    model: str
    avoid: frozenset[str]


class Line:
    """The jobs of an account in a lane, by id. Kinds are few: one for each model, and one for each set of avoided workers."""

    def __init__(self) -> None:
        self._kinds: dict[Kind, Sorted[tuple[int, UUID]]] = {}
        self.count = 0
        self.cost_gpu_ms = 0
        self.weight = 1

    def add(self, job: ReadyJob) -> None:
        self._kinds.setdefault(Kind(job.model, job.avoid), Sorted()).add((job.id.int, job.id))
        self.count += 1
        self.cost_gpu_ms += job.cost_gpu_ms
        self.weight = job.weight

    def remove(self, job: ReadyJob) -> None:
        kind = Kind(job.model, job.avoid)
        ids = self._kinds[kind]
        ids.remove((job.id.int, job.id))
        if not ids:
            del self._kinds[kind]
        self.count -= 1
        self.cost_gpu_ms -= job.cost_gpu_ms

    def suits(self, models: frozenset[str]) -> bool:
        """Whether any job can be drawn with these models."""
        return any(kind.model in models for kind in self._kinds)

    def walk(self, suits: Callable[[Kind], bool]) -> Iterator[UUID]:
        """The jobs of the kinds that suit, oldest first."""
        lists = [ids for kind, ids in self._kinds.items() if suits(kind)]
        return (job_id for _, job_id in (lists[0] if len(lists) == 1 else merge(*lists)))

    def rank(self, job_id: UUID) -> int:
        """How many of the jobs are older than this one, which need not be among them."""
        return sum(ids.rank((job_id.int, job_id)) for ids in self._kinds.values())
