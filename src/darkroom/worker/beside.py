"""A thread beside the one that steps: what is submitted runs in it, the most urgent first. Knows nothing of what it runs.

It is a daemon thread, so that a process that must leave does not wait for a model that is half loaded. A task that takes long
calls `give_way` now and then: between two of its parts one more urgent task is run.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_here = threading.local()  # `beside` is the one whose thread this is

FIRST = 0  # the urgency of what is submitted without one
LAST = 1_000_000  # that of the end


class Stoppable(Future[R]):
    """One that a task which gives way ends for, too, when it is cancelled under way."""

    unwanted = False

    def cancel(self) -> bool:
        self.unwanted = True
        return super().cancel()


@dataclass(frozen=True, order=True)
class _Task:
    """The lower the urgency the sooner; among equals who came first. Without a future it is the end."""

    urgency: int
    number: int
    future: Stoppable[Any] | None = field(compare=False, default=None)
    call: Callable[[], Any] = field(compare=False, default=lambda: None)


class Beside(Executor):
    """`begin` is called once in the thread, before anything else; `done` after each task, from the thread."""

    def __init__(
        self,
        name: str,
        *,
        begin: Callable[[], object] = lambda: None,
        done: Callable[[], None] = lambda: None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._begin, self._done, self._timer = begin, done, timer
        self._tasks: queue.PriorityQueue[_Task] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._running: list[_Task] = []  # the one that runs last, those that gave way to it before it
        self._lent_s = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._starting = threading.Lock()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        return self._put(FIRST, partial(fn, *args, **kwargs))

    def at(self, urgency: int) -> Executor:
        """The same thread for what is less urgent than others: the lower the sooner, 0 first."""
        return _At(partial(self._put, urgency))

    def between(self) -> None:
        """Called by the task that runs: one that is more urgent is run. CancelledError where nobody wants what it makes."""
        own = self._running[-1]
        if own.future is not None and own.future.unwanted:
            raise CancelledError("nobody wants it any more")
        try:
            task = self._tasks.get_nowait()
        except queue.Empty:
            return
        if task.future is None or task.urgency >= own.urgency:
            self._tasks.put(task)
            return
        began = self.own_time()
        self._do(task)
        self._lent_s += self.own_time() - began

    def own_time(self) -> float:
        """Seconds of the timer without those in which the running task gave way: what is measured by it is the task's own."""
        return self._timer() - self._lent_s

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the thread after what was submitted; nothing may be submitted any more."""
        self._tasks.put(_Task(LAST, next(self._numbers)))
        if wait and self._thread.ident is not None:
            self._thread.join()

    def _put(self, urgency: int, call: Callable[[], R]) -> Future[R]:
        future: Stoppable[R] = Stoppable()
        self._tasks.put(_Task(urgency, next(self._numbers), future, call))
        with self._starting:
            if self._thread.ident is None:
                self._thread.start()
        return future

    def _run(self) -> None:
        _here.beside = self
        self._begin()
        while (task := self._tasks.get()).future is not None:
            self._do(task)
            del task  # nothing is kept alive while the thread waits

    def _do(self, task: _Task) -> None:
        if task.future is None or not task.future.set_running_or_notify_cancel():
            return
        self._running.append(task)
        try:
            _fulfil(task.future, task.call)
        finally:
            self._running.pop()
        self._done()


def give_way() -> None:
    """What a task that takes long calls between two of its parts: one more urgent task of its thread is run.

    CancelledError where nobody wants what this one makes. Does nothing in a thread that is none of these.
    """
    beside: Beside | None = getattr(_here, "beside", None)
    if beside is not None:
        beside.between()


class _At(Executor):
    """A view of a thread at one urgency."""

    def __init__(self, put: Callable[[Callable[[], Any]], Future[Any]]) -> None:
        self._put = put

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        return self._put(partial(fn, *args, **kwargs))


def _fulfil(future: Future[R], call: Callable[[], R]) -> None:
    """The outermost frame of a task: whatever it raises belongs to whoever asks the future."""
    try:
        future.set_result(call())
    except Exception as fault:  # noqa: BLE001 - it is told to whoever asks
        future.set_exception(fault)
