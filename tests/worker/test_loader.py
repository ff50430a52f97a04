"""Models are loaded beside the drawing, one at a time; what cannot be loaded is said once and not tried for every job."""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest
import torch

from darkroom.core.errors import DarkroomError, ModelError
from darkroom.core.work import Fault
from darkroom.worker.beside import Beside
from darkroom.worker.loader import FAILURE_KEPT_S, Library, Models, not_loaded
from darkroom.worker.shelf import Shelf


class Denoiser:
    def __init__(self, name: str) -> None:
        self.name = name
        self.itself = self  # networks hold themselves in cycles


class ByHand(Executor):
    """Runs a task when it is told to."""

    def __init__(self) -> None:
        self.tasks: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.tasks.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self) -> None:
        future, call = self.tasks.pop(0)
        try:
            future.set_result(call())
        except (DarkroomError, OSError, RuntimeError, MemoryError) as fault:
            future.set_exception(fault)


class Cupboard:
    """Models of given sizes, and what happened to them."""

    def __init__(self, total: int, **sizes: int) -> None:
        self.sizes, self.loads, self.releases, self.now = sizes, 0, 0, 0.0
        self.fault: Exception | None = None
        self.drawing: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self.hand = ByHand()
        library = Library(
            names=tuple(sizes),
            needed_bytes=self.sizes.__getitem__,
            load=self._load,
            pinned=frozenset({"mini"}),
            release=self._release,
        )
        self.models = Models(library, Shelf(total), on=self.hand, clock=lambda: self.now)

    def _load(self, name: str) -> Any:
        self.loads += 1
        self.now += self.seconds.get(name, 3.0)
        if self.fault:
            raise self.fault
        return Denoiser(name)

    def _release(self) -> None:
        self.releases += 1

    def want(self, name: str) -> tuple[str, ...]:
        return self.models.want(name, in_flight=lambda name: self.drawing.get(name, 0))

    def bring(self, name: str) -> tuple[str, ...]:
        """Wants it until it is there, or cannot be."""
        while name not in self.models.warm and not self.models.failure(name):
            if busy := self.want(name):
                return busy
            if self.hand.tasks:
                self.hand.run()
                assert self.models.look()
        return ()


def test_a_model_is_weighed_and_then_loaded_beside_the_drawing() -> None:
    cupboard = Cupboard(10, a=4)
    assert cupboard.want("a") == () and cupboard.models.loading == "a"
    assert not cupboard.models.look(), "the thread is not done"
    cupboard.hand.run()
    assert cupboard.models.look() and cupboard.loads == 0 and cupboard.models.loading is None
    cupboard.want("a")
    cupboard.hand.run()
    assert cupboard.models.look() and cupboard.models.warm == ("a",)
    found = cupboard.models.get("a")
    assert found is not None and found.name == "a"


def test_one_that_is_idle_goes_for_the_new_one_and_its_memory_comes_back() -> None:
    cupboard = Cupboard(10, a=6, b=6)
    cupboard.bring("a")
    gone = weakref.ref(cupboard.models.get("a"))  # type: ignore[arg-type]
    cupboard.bring("b")
    assert cupboard.models.warm == ("b",) and cupboard.models.get("a") is None
    assert gone() is None and cupboard.releases == 1


def test_one_that_draws_is_waited_for() -> None:
    cupboard = Cupboard(10, a=6, b=6)
    cupboard.bring("a")
    cupboard.drawing = {"a": 4}
    assert cupboard.bring("b") == ("a",) and cupboard.models.warm == ("a",)
    cupboard.drawing = {}
    assert cupboard.bring("b") == () and cupboard.models.warm == ("b",)


def test_the_one_that_took_longest_to_load_stays() -> None:
    cupboard = Cupboard(12, a=6, b=6, c=6)
    cupboard.seconds = {"b": 9.0}
    for name in ("b", "a"):
        cupboard.models.asked(name)
        cupboard.bring(name)
    cupboard.bring("c")
    assert cupboard.models.warm == ("b", "c")


def test_what_is_pinned_stays_and_what_never_fits_is_refused() -> None:
    cupboard = Cupboard(10, mini=4, big=7)
    cupboard.models.now("mini")
    cupboard.bring("big")
    failure = cupboard.models.failure("big")
    assert failure and failure.fault is Fault.JOB and "does not fit" in failure.message
    assert cupboard.models.warm == ("mini",) and cupboard.loads == 1


@pytest.mark.parametrize(
    ("error", "fault", "said"),
    [
        (ModelError("vae is missing"), Fault.JOB, "a cannot be loaded: vae is missing"),
        (torch.OutOfMemoryError("CUDA"), Fault.INFRASTRUCTURE, "there is not enough memory for it"),
        (MemoryError(), Fault.INFRASTRUCTURE, "there is not enough memory for it"),
        (OSError("the disk is gone"), Fault.INFRASTRUCTURE, "OSError: the disk is gone"),
    ],
)
def test_whose_fault_it_is(error: Exception, fault: Fault, said: str) -> None:
    cupboard = Cupboard(10, a=4)
    cupboard.fault = error
    cupboard.bring("a")
    failure = cupboard.models.failure("a")
    assert failure == not_loaded("a", error) and failure.fault is fault and said in failure.message


def test_a_failure_is_remembered_for_a_while() -> None:
    cupboard = Cupboard(10, a=4)
    cupboard.fault = ModelError("no")
    cupboard.bring("a")
    cupboard.now += FAILURE_KEPT_S - 1
    assert cupboard.models.failure("a") and cupboard.loads == 1
    cupboard.now += 1
    cupboard.fault = None
    cupboard.sizes["a"] = 20
    cupboard.bring("a")
    failure = cupboard.models.failure("a")
    assert failure and "does not fit" in failure.message, "it was weighed again"
    cupboard.now += FAILURE_KEPT_S
    cupboard.sizes["a"] = 4
    assert cupboard.models.failure("a") is None
    cupboard.bring("a")
    assert cupboard.models.warm == ("a",)


def test_in_ones_own_thread() -> None:
    cupboard = Cupboard(10, a=6, b=6, c=12)
    first = cupboard.models.now("a")
    assert cupboard.models.now("a") is first and cupboard.loads == 1
    cupboard.models.now("b")
    assert cupboard.models.warm == ("b",)
    with pytest.raises(ModelError, match="c does not fit"):
        cupboard.models.now("c")
    assert cupboard.models.warm == ("b",)


def test_beside_runs_in_order_in_one_thread_and_tells() -> None:
    began: list[str] = []
    told = threading.Semaphore(0)
    beside = Beside("a name", begin=lambda: began.append(threading.current_thread().name), done=told.release)
    first, second, third = (
        beside.submit(threading.current_thread),
        beside.submit(int, "no number"),
        beside.submit(int, "7"),
    )
    assert third.result(10) == 7 and first.result().name == "a name" and began == ["a name"]
    assert isinstance(second.exception(), ValueError), "and the thread goes on after it"
    assert all(told.acquire(timeout=10) for _ in range(3))
    beside.shutdown()
    assert not first.result().is_alive() and first.result().daemon


def test_beside_skips_what_was_cancelled_and_keeps_nothing_alive() -> None:
    beside, gate = Beside("gate"), threading.Event()
    beside.submit(gate.wait, 10)
    ran: list[int] = []
    cancelled = beside.submit(ran.append, 1)
    kept = Denoiser("a")
    gone = weakref.ref(kept)
    last = beside.submit(getattr, kept, "name")
    assert cancelled.cancel()
    gate.set()
    assert last.result(10) == "a" and ran == []
    beside.submit(int).result(10)
    kept.itself = None  # type: ignore[assignment]
    del kept
    assert gone() is None
    beside.shutdown()
