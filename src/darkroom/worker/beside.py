"""A thread beside the one that steps: what is submitted runs in it, one after the other. Knows nothing of what it runs.

It is a daemon thread, so that a process that must leave does not wait for a model that is half loaded.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Beside(Executor):
    """`begin` is called once in the thread, before anything else; `done` after each task, from the thread."""

    def __init__(
        self,
        name: str,
        *,
        begin: Callable[[], object] = lambda: None,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._begin, self._done = begin, done
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._starting = threading.Lock()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        future: Future[R] = Future()
        self._tasks.put((future, partial(fn, *args, **kwargs)))
        with self._starting:
            if self._thread.ident is None:
                self._thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the thread after what was submitted; nothing may be submitted any more."""
        self._tasks.put(None)
        if wait and self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        self._begin()
        while task := self._tasks.get():
            future, call = task
            if future.set_running_or_notify_cancel():
                _fulfil(future, call)
                self._done()
            del task, future, call  # nothing is kept alive while the thread waits


def _fulfil(future: Future[R], call: Callable[[], R]) -> None:
    """The outermost frame of a task: whatever it raises belongs to whoever asks the future."""
    try:
        future.set_result(call())
    except Exception as fault:  # noqa: BLE001 - it is told to whoever asks
        future.set_exception(fault)
