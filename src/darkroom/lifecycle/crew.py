"""The workers that are there, and when each was last heard of. Memory only; its heartbeats are written many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from darkroom.core.errors import NotFound
from darkroom.core.work import LEASE_S, EngineVitals
from darkroom.core.workers import Worker, WorkerState
from darkroom.dispatch.queue import WorkerView
from darkroom.lifecycle.health import Meter

HERE = (WorkerState.ACTIVE, WorkerState.DRAINING)


@dataclass(kw_only=True, slots=True)
class Member:
    """A registered worker; `view` holds what it can draw with and what it has loaded, `vitals` what its engine said last,
    `meter` how busy its device was of late."""

    worker: Worker
    view: WorkerView
    vitals: EngineVitals | None = None
    meter: Meter = field(default_factory=Meter)

    @property
    def active(self) -> bool:
        return self.worker.state is WorkerState.ACTIVE


class Crew:
    """Times are seconds on the dispatcher's clock. `unsaved` are the heartbeats that are still to be written."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._seen: dict[str, float] = {}
        self._unheard: set[str] = set()
        self.unsaved: dict[str, float] = {}

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def __contains__(self, worker_id: object) -> bool:
        return worker_id in self._members

    def add(self, worker: Worker, *, now: float) -> None:
        """A worker registered, or its state was changed."""
        known = self._members.get(worker.id)
        warm = known.view.warm if known else frozenset[str]()
        view = WorkerView(id=worker.id, models=frozenset(worker.models), warm=warm)
        self._members[worker.id] = Member(worker=worker, view=view)
        self._seen[worker.id] = now
        self._unheard.discard(worker.id)

    def get(self, worker_id: str) -> Member:
        """NotFound (`unknown_worker`): it is to register again."""
        member = self._members.get(worker_id)
        if member is None:
            raise NotFound(
                f"No worker {worker_id!r} is registered here.", code="unknown_worker", hint="Register again."
            )
        return member

    def saw(self, worker_id: str, *, now: float) -> Member:
        member = self.get(worker_id)
        self._seen[worker_id] = self.unsaved[worker_id] = now
        return member

    def seen(self, worker_id: str) -> float | None:
        """When a worker was last heard of; None for one that is not here."""
        return self._seen.get(worker_id) if worker_id in self._members else None

    def warmed(self, member: Member, models: Iterable[str]) -> None:
        warm = frozenset(models)
        if warm != member.view.warm:
            member.view = WorkerView(id=member.view.id, models=member.view.models, warm=warm)

    def expect(self, worker_id: str, *, now: float) -> None:
        """A worker that has a job, and has not been heard of yet: its lease begins now."""
        self._seen.setdefault(worker_id, now)

    def believe(self, workers: Iterable[Worker], *, now: float) -> None:
        """What the store says when a dispatcher begins: those who were here may have ended unseen. They have a lease, too."""
        for worker in workers:
            if worker.state in HERE and worker.id not in self._members:
                self.expect(worker.id, now=now)
                self._unheard.add(worker.id)

    def unheard(self, worker_id: str) -> bool:
        """Whether the store says that a worker is here, and nothing was heard of it."""
        return worker_id in self._unheard

    def remove(self, worker_id: str) -> None:
        self._members.pop(worker_id, None)
        self._seen.pop(worker_id, None)
        self.unsaved.pop(worker_id, None)
        self._unheard.discard(worker_id)

    def silent(self, *, now: float) -> list[str]:
        """Who was not heard of for a whole lease."""
        return [worker_id for worker_id, seen in self._seen.items() if now - seen > LEASE_S]

    def saved(self, heartbeats: Mapping[str, float]) -> None:
        """These were written; newer ones are still to be."""
        for worker_id, seen in heartbeats.items():
            if self.unsaved.get(worker_id) == seen:
                del self.unsaved[worker_id]

    def update(self, worker: Worker) -> None:
        """The worker as the store has it now."""
        if worker.id in self._members:
            self._members[worker.id].worker = worker
        if worker.state not in HERE:
            self._unheard.discard(worker.id)
