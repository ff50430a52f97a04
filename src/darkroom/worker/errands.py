"""Work of a run beside the stepping thread, in order: its pictures are laid out, or enlarged. Knows no job and no picture."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from darkroom.core.errors import ModelError, OutputError
from darkroom.core.work import Fault
from darkroom.engine.decoder import DECODING_FAULTS

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Errand(Generic[R]):
    """What came of an errand for whoever is called `key`, and the seconds that it took."""

    key: str
    result: R
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Failed:
    """An errand that came to nothing, and whose fault that is: a picture that cannot be read, or not by its model, is the job's own."""

    key: str
    fault: Fault
    reason: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class _Queued(Generic[R]):
    key: str
    work: Callable[[], Errand[R] | Failed]
    future: Future[Errand[R] | Failed] | None


class Errands(Generic[R]):
    """First in, first out. Without an executor an errand is run when it is asked for. One thread drives it."""

    def __init__(self, *, on: Executor | None = None, timer: Callable[[], float] = time.perf_counter) -> None:
        self._on, self._timer = on, timer
        self._queue: deque[_Queued[R]] = deque()

    def __len__(self) -> int:
        """How many are not taken yet."""
        return len(self._queue)

    def add(self, key: str, call: Callable[[], R]) -> None:
        def work() -> Errand[R] | Failed:
            return self._run(key, call)

        future = None if self._on is None else self._on.submit(work)
        self._queue.append(_Queued(key=key, work=work, future=future))

    def cancel(self, key: str) -> None:
        """Forgets what waits for that key, and what becomes of the errand that is being run."""
        for each in self._queue:
            if each.key == key and each.future is not None:
                each.future.cancel()
        self._queue = deque(each for each in self._queue if each.key != key)

    def take(self, *, at_most: int | None = None) -> list[Errand[R] | Failed]:
        """What is done, in order. `at_most` bounds how many."""
        done: list[Errand[R] | Failed] = []
        while self._queue and (at_most is None or len(done) < at_most):
            first = self._queue[0]
            if first.future is not None and not first.future.done():
                break
            self._queue.popleft()
            done.append(first.work() if first.future is None else first.future.result())
        return done

    def _run(self, key: str, call: Callable[[], R]) -> Errand[R] | Failed:
        began = self._timer()
        try:
            return Errand(key=key, result=call(), seconds=self._timer() - began)
        except DECODING_FAULTS as error:
            fault = Fault.JOB if isinstance(error, OutputError | ModelError) else Fault.INFRASTRUCTURE
            return Failed(key=key, fault=fault, reason=str(error), seconds=self._timer() - began)
