"""Work of a run beside the stepping thread: its pictures are laid out, or enlarged. Knows no job and no picture."""

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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Queued(Generic[R]):
    key: str
    work: Callable[[], Errand[R] | Failed]
    future: Future[Errand[R] | Failed] | None
    began: list[float]  # when it did, once it has


class Errands(Generic[R]):
    """Without an executor an errand is run when it is asked for. One thread drives it."""

    def __init__(self, *, on: Executor | None = None, timer: Callable[[], float] = time.perf_counter) -> None:
        self._on, self._timer = on, timer
        self._queue: deque[_Queued[R]] = deque()

    def __len__(self) -> int:
        """How many are not taken yet."""
        return len(self._queue)

    def add(self, key: str, call: Callable[[], R], *, on: Executor | None = None) -> None:
        """`on` takes the place of the executor that is there for all."""
        where = on or self._on

        began: list[float] = []

        def work() -> Errand[R] | Failed:
            began.append(self._timer())
            return self._run(key, call)

        future = None if where is None else where.submit(work)
        self._queue.append(_Queued(key=key, work=work, future=future, began=began))

    def cancel(self, key: str) -> float:
        """Forgets what waits for that key, and what becomes of the errand that is being run; the seconds that this one took."""
        own = [each for each in self._queue if each.key == key]
        self._queue = deque(each for each in self._queue if each.key != key)
        spent_s = 0.0
        for each in own:
            if each.future is not None:
                each.future.cancel()
            spent_s += max((self._timer() - began for began in each.began), default=0.0)
        return spent_s

    def take(self, *, at_most: int | None = None) -> list[Errand[R] | Failed]:
        """What is done, whatever waits before it. `at_most` bounds how many."""
        done: list[Errand[R] | Failed] = []
        for each in list(self._queue):
            if at_most is not None and len(done) >= at_most:
                break
            if each.future is None or each.future.done():
                self._queue.remove(each)
                done.append(each.work() if each.future is None else each.future.result())
        return done

    def _run(self, key: str, call: Callable[[], R]) -> Errand[R] | Failed:
        began = self._timer()
        try:
            return Errand(key=key, result=call(), seconds=self._timer() - began)
        except DECODING_FAULTS as error:
            fault = Fault.JOB if isinstance(error, OutputError | ModelError) else Fault.INFRASTRUCTURE
            return Failed(key=key, fault=fault, reason=str(error), seconds=self._timer() - began)
