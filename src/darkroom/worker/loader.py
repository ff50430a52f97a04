"""The models of a worker: loaded one at a time, beside the drawing, and put away when another one needs the room.

The story of one: wanted -> room is made -> loading -> warm, or failed and not tried again for a while. Knows no job.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.core.errors import DarkroomError
from darkroom.core.work import Fault
from darkroom.worker.shelf import GIB, Shelf

if TYPE_CHECKING:
    from darkroom.model.denoiser import Denoiser

FAILURE_KEPT_S = 60.0  # a model that could not be loaded is not tried again before

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Library:
    """Where models come from: what they will need, and they themselves. Both may take long; DarkroomError for what is none.

    `pinned` are loaded for good. `release` gives memory back to the device, once a model was put away.
    """

    names: tuple[str, ...]
    needed_bytes: Callable[[str], int]
    load: Callable[[str], Denoiser]
    pinned: frozenset[str] = frozenset()
    release: Callable[[], None] = lambda: None


@dataclass(frozen=True, kw_only=True)
class NotLoaded:
    """Why there is no model, and whose fault that is: its folder's (JOB), or the device's."""

    fault: Fault
    message: str


@dataclass(frozen=True, kw_only=True)
class _Loading:
    """What the thread is at: first a model is weighed, and then, once there is room, it is loaded."""

    model: str
    began: float
    weight: Future[int] | None = None
    denoiser: Future[Denoiser] | None = None

    @property
    def future(self) -> Future[int] | Future[Denoiser]:
        found = self.weight or self.denoiser
        assert found is not None
        return found


class Models:
    """What is loaded, what is being loaded and what could not be. Used by one thread; `on` is where loading happens.

    `in_flight` says how many images a model draws at the moment: such a model is never put away.
    """

    def __init__(
        self,
        library: Library,
        shelf: Shelf,
        *,
        on: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._library, self._shelf, self._on, self._clock = library, shelf, on, clock
        self._loaded: dict[str, Denoiser] = {}
        self._weights: dict[str, int] = {}  # bytes
        self._loading: _Loading | None = None
        self._failures: dict[str, tuple[float, NotLoaded]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return self._library.names

    @property
    def warm(self) -> tuple[str, ...]:
        return self._shelf.models

    @property
    def loading(self) -> str | None:
        """The model that is being loaded."""
        return self._loading.model if self._loading else None

    def get(self, model: str) -> Denoiser | None:
        return self._loaded.get(model)

    def asked(self, model: str) -> None:
        """A run wants it: so often it will be wanted again."""
        self._shelf.asked(model, self._clock())

    def failure(self, model: str) -> NotLoaded | None:
        """Why it could not be loaded a while ago; None where it may be tried."""
        at, failure = self._failures.get(model, (0.0, None))
        if failure and self._clock() - at >= FAILURE_KEPT_S:
            del self._failures[model]
            return None
        return failure

    def want(self, model: str, *, in_flight: Callable[[str], int]) -> tuple[str, ...]:
        """Begin to load it if there is room for it, or can be made at once; what cannot work is a `failure` afterwards.

        Returns the models that must first finish what they draw, and should be given nothing new until then. To be called
        again for as long as the model is neither loading nor warm.
        """
        assert self._on is not None and self._loading is None and model not in self._loaded
        began = self._clock()
        needed = self._weights.get(model)
        if needed is None:
            weight = self._on.submit(self._library.needed_bytes, model)
            self._loading = _Loading(model=model, began=began, weight=weight)
            return ()
        try:
            busy = self._make_room(model, needed, in_flight)
        except DarkroomError as error:
            self._fail(model, error)
            return ()
        if not busy:
            logger.info("loading %s (%.2f GiB)", model, needed / GIB)
            denoiser = self._on.submit(self._library.load, model)
            self._loading = _Loading(model=model, began=began, denoiser=denoiser)
        return busy

    def look(self) -> bool:
        """Whether the thread is done with what it was at: a model is warm now, or has a `failure`, or is to be wanted again."""
        if self._loading is None or not self._loading.future.done():
            return False
        loading, self._loading = self._loading, None
        if fault := loading.future.exception():
            self._fail(loading.model, fault)
        elif loading.weight:
            self._weights[loading.model] = loading.weight.result()
        elif loading.denoiser:
            self._keep(loading.model, loading.denoiser.result(), began=loading.began)
        return True

    def now(self, model: str, *, in_flight: Callable[[str], int] = lambda _: 0) -> Denoiser:
        """The model, loaded in this thread where it is not warm. What `load` raises, and ModelError without room for it."""
        if found := self._loaded.get(model):
            return found
        self._weights[model] = self._library.needed_bytes(model)
        busy = self._make_room(model, self._weights[model], in_flight)
        assert not busy, f"{busy} draw while {model} is loaded in their thread"
        began = self._clock()
        return self._keep(model, self._library.load(model), began=began)

    def _make_room(self, model: str, needed: int, in_flight: Callable[[str], int]) -> tuple[str, ...]:
        room = self._shelf.room_for(model, needed, in_flight=in_flight, now=self._clock())
        if room.busy:
            return room.busy
        for name in room.evict:
            logger.info("putting %s away to make room for %s", name, model)
            self._shelf.put_away(name)
            del self._loaded[name]
        if room.evict:
            gc.collect()  # networks hold themselves in cycles
            self._library.release()
        return ()

    def _keep(self, model: str, denoiser: Denoiser, *, began: float) -> Denoiser:
        load_s = self._clock() - began
        self._loaded[model] = denoiser
        pinned = model in self._library.pinned
        self._shelf.put(model, self._weights[model], load_s=load_s, pinned=pinned)
        logger.info("%s is loaded, after %.1f s", model, load_s)
        return denoiser

    def _fail(self, model: str, error: BaseException) -> None:
        failure = not_loaded(model, error)
        logger.warning("%s", failure.message)
        self._weights.pop(model, None)  # its folder may be another one the next time
        self._failures[model] = (self._clock(), failure)


def not_loaded(model: str, error: BaseException) -> NotLoaded:
    """What an exception of loading means: our own errors say what is wrong with the model, all others with the machine."""
    from darkroom.engine.passes import is_out_of_memory

    if isinstance(error, DarkroomError):
        named = "" if model in error.message.split() else f"{model} cannot be loaded: "
        return NotLoaded(fault=Fault.JOB, message=f"{named}{error.message}")
    what = "there is not enough memory for it: " if is_out_of_memory(error) else ""
    message = f"{model} cannot be loaded: {what}{type(error).__name__}: {error}"
    return NotLoaded(fault=Fault.INFRASTRUCTURE, message=message)
