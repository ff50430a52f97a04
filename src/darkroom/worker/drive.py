"""The thread that owns a generator: takes orders between steps, and tells what each step told. Knows no service."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from darkroom.core.work import Assignment, Claim, Failure, Fault
from darkroom.worker.generator import NO_INPUTS, Drawn, Generator, Happening

FAULTS_MAX = 3  # in a row, without a run that ended well between: then this process is no longer trusted

logger = logging.getLogger(__name__)


class Drive:
    """Steps a generator while it has work. `tell` and `broken` are called from its thread.

    Orders take effect before the next step. A step that raises fails every run in flight as the device's fault; after
    three in a row `broken` is called once, and the thread ends.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        tell: Callable[[Sequence[Happening]], None],
        broken: Callable[[str], None],
    ) -> None:
        self._generator, self._tell, self._broken = generator, tell, broken
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._claims: set[Claim] = set()
        self._faults = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="drawing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(
        self, assignment: Assignment, saved: bytes | None = None, inputs: Mapping[str, bytes] = NO_INPUTS
    ) -> None:
        """`saved` are the states that an earlier worker left; without them the run begins at its first step. `inputs` are the
        files of its recipe by digest."""
        self._orders.put(partial(self._add, assignment, saved, inputs))

    def cancel(self, claim: Claim) -> None:
        self._orders.put(partial(self._cancel, claim))

    def release(self, claim: Claim, then: Callable[[bytes | None], None]) -> None:
        """Drops a run without a word. `then` gets the states of its images, from the thread; None where it has none to give."""
        self._orders.put(partial(self._release, claim, then))

    def stop(self, *, within_s: float) -> None:
        """End the thread after the step that it is in, waiting at most so long for it."""
        self._orders.put(self._stop)
        if self._thread.ident is not None:
            self._thread.join(within_s)

    def _run(self) -> None:
        while not self._stopped and self._faults < FAULTS_MAX:
            try:
                self._obey()
                if self._generator.busy:
                    self._forward(self._generator.step())
            except Exception as fault:  # the outermost loop of this thread
                logger.exception("the generator failed")
                self._fail_all(f"{type(fault).__name__}: {fault}")
        if not self._stopped:
            self._broken(f"the generator failed {FAULTS_MAX} times in a row")

    def _obey(self) -> None:
        """Carries out what was ordered; waits for an order where there is nothing to draw."""
        while not self._stopped:
            try:
                self._orders.get(block=not self._generator.busy)()
            except queue.Empty:
                return
            if self._orders.empty() and self._generator.busy:
                return

    def _add(self, assignment: Assignment, saved: bytes | None, inputs: Mapping[str, bytes]) -> None:
        self._claims.add(assignment.claim)
        self._generator.add(assignment, saved, inputs)

    def _release(self, claim: Claim, then: Callable[[bytes | None], None]) -> None:
        saved = None
        if claim in self._claims:
            saved = self._generator.save(claim)
            self._claims.discard(claim)
            self._generator.cancel(claim)
        then(saved)

    def _cancel(self, claim: Claim) -> None:
        if claim in self._claims:
            self._generator.cancel(claim)

    def _stop(self) -> None:
        self._stopped = True

    def _forward(self, happenings: Sequence[Happening]) -> None:
        """Tells what belongs to runs in flight; the last word about a run ends it."""
        told = []
        for happening in happenings:
            if happening.claim not in self._claims:
                continue
            told.append(happening)
            if isinstance(happening, (Drawn, Failure)):
                self._claims.discard(happening.claim)
            if isinstance(happening, Drawn):
                self._faults = 0
        if told:
            self._tell(told)

    def _fail_all(self, reason: str) -> None:
        """Nobody knows what a generator that raised still holds: every run in flight fails, and it is told to forget them."""
        self._faults += 1
        claims, self._claims = self._claims, set()
        for claim in claims:
            self._orders.put(partial(self._generator.cancel, claim))
        message = f"the generator failed: {reason}"
        self._tell([Failure(claim=claim, fault=Fault.INFRASTRUCTURE, message=message) for claim in claims])
