"""The loop: schedule -> run -> update, one denoising step for a batch of rows at a time.

Knows samples, rows and priorities; no user, no price, no prompt policy. Texts are encoded before it (`add`), pictures
decoded (`Decoder`) and previews rendered (`previews`) beside it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError, ModelError
from darkroom.core.events import (
    Event,
    ImageCancelled,
    ImageFailed,
    ImageFinished,
    PreviewMade,
    RequestNoted,
    StepTaken,
)
from darkroom.core.params import GenerationParams
from darkroom.engine.fingerprint import fingerprint_of
from darkroom.engine.passes import denoise_rows, is_out_of_memory
from darkroom.engine.previews import Previews
from darkroom.engine.rows import Finished, Sample, State
from darkroom.engine.scheduler import Scheduler
from darkroom.model.denoiser import Denoiser

SAMPLES_MAX = 1024  # images in flight in one engine
ROWS_PER_PASS = 8  # a grid of four with guidance
GUIDED_ROWS = 2  # a tick has room for them even where memory makes each a pass of its own
PREVIEW_EVERY = 4  # steps of an image

PREPARATION_FAULTS = (DarkroomError, ValueError, ArithmeticError, LookupError, RuntimeError, MemoryError)
"""What a request may break on while it is prepared; it fails alone. A TypeError or a failed assert is our mistake."""


class Engine:
    """Drives one model on one device, from one thread; only `cancel` may be called from others.

    Exact (the default): every pass has just `rows_per_pass` rows, so that an image's bits do not depend on its company.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        rows_per_pass: int = ROWS_PER_PASS,
        exact: bool = True,
        preview_every: int = PREVIEW_EVERY,
    ) -> None:
        assert rows_per_pass >= 1 and preview_every >= 0
        self.denoiser = denoiser
        self.exact = exact
        self._preview_every = preview_every  # 0: never
        self._rows_per_pass = rows_per_pass
        self._caps: dict[str, int] = {}  # row class -> rows per pass, where memory did not suffice for more
        self._threads = torch.get_num_threads()
        self._scheduler = Scheduler()
        self._samples: dict[int, Sample] = {}  # by key
        self._arrivals = 0
        self._cancels: deque[str] = deque()
        self._previews = Previews()
        self._finished: list[Finished] = []
        self._events: list[Event] = []

    @property
    def busy(self) -> bool:
        """Whether `step` has anything to do or to tell."""
        return bool(self._samples or self._cancels or self._events)

    def __len__(self) -> int:
        """How many images are in flight."""
        return len(self._samples)

    def add(self, job_id: str, index: int, params: GenerationParams, priority: int = 0) -> None:
        """Takes in image `index` of a job; it steps from the next tick on. The lower the priority, the more urgent.

        A request that cannot be prepared fails alone: `step` tells it as ImageFailed. Raises ModelError when full.
        """
        if len(self._samples) >= SAMPLES_MAX:
            raise ModelError(
                f"{SAMPLES_MAX} images are in flight, which is the limit; add this one when some are done"
            )
        key, self._arrivals = self._arrivals, self._arrivals + 1
        try:
            with torch.no_grad():
                prepared = self.denoiser.prepare(params, index=index)
                self._samples[key] = Sample.of(
                    prepared,
                    job_id=job_id,
                    index=index,
                    key=key,
                    priority=priority,
                    device=self.denoiser.device,
                )
            self._events.extend(
                RequestNoted(job_id=job_id, index=index, note=note) for note in prepared.notes
            )
        except PREPARATION_FAULTS as fault:
            self._events.append(
                ImageFailed(job_id=job_id, index=index, reason=f"it cannot be prepared: {fault}")
            )

    def cancel(self, job_id: str) -> None:
        """Drops a job's images before the next step. What has left the loop by then stays finished."""
        self._cancels.append(job_id)

    @torch.no_grad()
    def step(self) -> list[Event]:
        """One tick: at most one denoising step for each of the samples picked. Returns what happened since the last."""
        self._drop_cancelled()
        picked = self._schedule()
        if picked:
            try:
                self._update(picked, self._run(picked))
            except ModelError as fault:
                self._fail(picked, fault.message)
        events, self._events = self._events, []
        return events

    def take_finished(self) -> list[Finished]:
        """Hands over the latents that left the loop since the last call, in order."""
        finished, self._finished = self._finished, []
        return finished

    def take_previews(self) -> list[PreviewMade]:
        """Renders the newest estimate of each image that has a new one. Skip it under load: nothing piles up."""
        return self._previews.take(self.denoiser)

    def rows_per_pass(self, row_class: str) -> int:
        """The rows of a pass of this class: as set, halved for every time that memory did not suffice."""
        return self._caps.get(row_class, self._rows_per_pass)

    def _schedule(self) -> list[Sample]:
        tickets = [sample.ticket for sample in self._samples.values()]
        picked = self._scheduler.pick(tickets, room=lambda name: max(self.rows_per_pass(name), GUIDED_ROWS))
        return [self._samples[ticket.key] for ticket in picked]

    def _run(self, picked: Sequence[Sample]) -> Tensor:
        """The estimates (R, C, h, w) of all rows of the picked. Out of memory halves the cap and repeats the same rows.

        Raises ModelError where not even one row fits.
        """
        assert not self.exact or torch.get_num_threads() == self._threads, (
            "the number of threads changed under way"
        )
        row_class = picked[0].ticket.row_class
        rows = [row for sample in picked for row in sample.rows]
        while True:
            cap = self.rows_per_pass(row_class)
            try:
                return denoise_rows(self.denoiser, rows, rows_per_pass=cap, exact=self.exact)
            except (RuntimeError, MemoryError) as fault:
                if not is_out_of_memory(fault):
                    raise
                if cap == 1:
                    raise ModelError(
                        f"the device has no memory for one row of {row_class}: {fault}"
                    ) from fault
            self._caps[row_class] = cap // 2
            _release(self.denoiser.device)

    def _update(self, picked: Sequence[Sample], estimates: Tensor) -> None:
        finite = (
            estimates.isfinite().flatten(1).all(dim=1).tolist()
        )  # of all rows at once: one wait for the device
        start = 0
        for sample in picked:
            own = slice(start, start + sample.ticket.rows)
            start = own.stop
            if all(finite[own]):
                self._advance(sample, sample.guided(estimates[own]))
            else:
                self._fail([sample], f"the model's numbers are not finite in step {sample.step + 1}")

    def _advance(self, sample: Sample, denoised: Tensor) -> None:
        sample = sample.stepped(denoised, row_count=self.rows_per_pass(sample.ticket.row_class))
        self._samples[sample.ticket.key] = sample
        job_id, index = sample.job_id, sample.index
        rows = sample.ticket.rows
        self._events.append(
            StepTaken(job_id=job_id, index=index, step=sample.step, steps=sample.steps, rows=rows)
        )
        if sample.state is State.FINISHED:
            self._finish(sample)
        elif self._preview_every and sample.step % self._preview_every == 0:
            self._previews.offer(job_id, index, denoised)

    def _finish(self, sample: Sample) -> None:
        self._forget(sample)
        rows = self.rows_per_pass(sample.ticket.row_class) if self.exact else 0
        self._finished.append(
            Finished(
                job_id=sample.job_id,
                index=sample.index,
                latent=sample.latent,
                fingerprint=fingerprint_of(self.denoiser, rows=rows),
                exact=self.exact and len(sample.row_counts) == 1,
                seamless=sample.prepared.seamless,
            )
        )
        self._events.append(ImageFinished(job_id=sample.job_id, index=sample.index))

    def _fail(self, samples: Sequence[Sample], reason: str) -> None:
        for sample in samples:
            self._forget(sample)
            self._events.append(ImageFailed(job_id=sample.job_id, index=sample.index, reason=reason))

    def _drop_cancelled(self) -> None:
        while self._cancels:
            job_id = self._cancels.popleft()
            for sample in [sample for sample in self._samples.values() if sample.job_id == job_id]:
                self._forget(sample)
                self._events.append(ImageCancelled(job_id=sample.job_id, index=sample.index))

    def _forget(self, sample: Sample) -> None:
        del self._samples[sample.ticket.key]
        self._previews.drop(sample.job_id, sample.index)


def _release(device: torch.device) -> None:
    """Gives cached memory back, so that a smaller pass finds it in one piece."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
