"""The stage behind the loop: latents become pictures, one by one, from a queue of its own.

It runs on an executor's thread, never on the one that steps; what is done with a picture next runs there, too.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import torch
from torch import Tensor

from darkroom.engine.fingerprint import EngineFingerprint
from darkroom.engine.passes import REQUEST_FAULTS, is_out_of_memory, release
from darkroom.engine.rows import Finished

DECODING_FAULTS = (*REQUEST_FAULTS, OSError)
"""What a picture may break on; it fails alone. A TypeError or a failed assert is our mistake."""

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A picture (3, H, W) fp32 in [0, 1] before upscaling, on the CPU."""

    job_id: str
    index: int
    picture: Tensor
    fingerprint: EngineFingerprint
    exact: bool
    seamless: bool


@dataclass(frozen=True, kw_only=True)
class Done(Generic[R]):
    """Image `index` of a job, and what `then` made of it. `seconds` is all that it took, `decode_s` the decoding's part."""

    job_id: str
    index: int
    result: R
    seconds: float
    decode_s: float


@dataclass(frozen=True, kw_only=True)
class Undone:
    """Image `index` of a job could not be decoded, or `then` not be done; nobody else's was touched."""

    job_id: str
    index: int
    reason: str
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Queued(Generic[R]):
    job_id: str
    work: Callable[[], Done[R] | Undone]
    future: Future[Done[R] | Undone] | None


class Decoder(Generic[R]):
    """Each picture is made alone, so that its bits do not depend on who waits with it.

    `then` gets each picture on the thread that decoded it. Without an executor the work is done in `take`. One thread
    drives it, though not necessarily the one that steps.
    """

    def __init__(
        self,
        then: Callable[[Decoded], R],
        *,
        on: Executor | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._then, self._on, self._timer = then, on, timer
        self._queue: deque[_Queued[R]] = deque()

    def __len__(self) -> int:
        """How many are not taken yet."""
        return len(self._queue)

    def add(self, finished: Iterable[Finished], *, on: Executor | None = None) -> None:
        """`on` takes the place of the decoder's own executor: what waits for nobody, or may wait for others."""
        where = on or self._on
        for each in finished:
            work = partial(self._develop, each)
            future = None if where is None else where.submit(work)
            self._queue.append(_Queued(job_id=each.job_id, work=work, future=future))

    def cancel(self, job_id: str) -> None:
        """Forgets what waits of a job, and what becomes of the picture that is being decoded."""
        gone = [each for each in self._queue if each.job_id == job_id]
        self._queue = deque(each for each in self._queue if each.job_id != job_id)
        for each in gone:
            if each.future is not None:
                each.future.cancel()

    def take(self, *, at_most: int | None = None) -> list[Done[R] | Undone]:
        """What is done, whatever waits before it; without an executor it is done now. `at_most` bounds how many."""
        done: list[Done[R] | Undone] = []
        for each in list(self._queue):
            if at_most is not None and len(done) >= at_most:
                break
            if each.future is None or each.future.done():
                self._queue.remove(each)
                done.append(each.work() if each.future is None else each.future.result())
        return done

    def _develop(self, finished: Finished) -> Done[R] | Undone:
        began = self._timer()
        try:
            decoded = _decoded(finished)
            decode_s = self._timer() - began
            result = self._then(decoded)
        except DECODING_FAULTS as fault:
            return Undone(
                job_id=finished.job_id,
                index=finished.index,
                reason=f"its picture could not be made: {fault}",
                seconds=self._timer() - began,
            )
        return Done(
            job_id=finished.job_id,
            index=finished.index,
            result=result,
            seconds=self._timer() - began,
            decode_s=decode_s,
        )


def _decoded(finished: Finished) -> Decoded:
    """Out of memory: cached memory is given back, and it is tried once more."""
    picture = _picture_or_none(finished)
    if picture is None:
        release(finished.denoiser.device)
        picture = _picture(finished)
    return Decoded(
        job_id=finished.job_id,
        index=finished.index,
        picture=picture,
        fingerprint=finished.fingerprint,
        exact=finished.exact,
        seamless=finished.seamless,
    )


def _picture_or_none(finished: Finished) -> Tensor | None:
    """None where memory did not suffice. The fault, which holds what the decoder had so far, is gone by then."""
    try:
        return _picture(finished)
    except (RuntimeError, MemoryError) as fault:
        if not is_out_of_memory(fault):
            raise
    return None


@torch.no_grad()
def _picture(finished: Finished) -> Tensor:
    picture = finished.denoiser.decode(finished.latent.unsqueeze(0), seamless=finished.seamless)[0]
    return picture.float().clamp(0, 1).cpu()
