"""The loop: admit -> schedule -> run -> update, one denoising step for one pass of rows at a time.

Knows samples, rows, lanes and flows; no user, no price, no prompt policy. Texts are encoded before it (`encoding`),
pictures decoded (`decoder`) and previews rendered (`previews`) beside it.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict

import torch
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.events import (
    Event,
    ImageCancelled,
    ImageFailed,
    ImageFinished,
    PreviewMade,
    RequestNoted,
    StepTaken,
)
from darkroom.core.work import EngineVitals
from darkroom.engine.classes import RowClasses
from darkroom.engine.encoding import PREPARED_AT_ONCE, Preparation, unprepared
from darkroom.engine.meters import Meters
from darkroom.engine.passes import REQUEST_FAULTS, denoise_rows, is_lost, is_out_of_memory, release
from darkroom.engine.previews import Estimate, Previews
from darkroom.engine.profiles import Profiles
from darkroom.engine.requests import Ready, Request, Waiting
from darkroom.engine.resuming import begun, saved_state
from darkroom.engine.rows import Finished, Sample, State, state_bytes
from darkroom.engine.saved import SavedSample
from darkroom.engine.scheduler import Scheduler
from darkroom.engine.stepping import finite_of, in_order, rows_of, stepped
from darkroom.model.denoiser import Denoiser

SAMPLES_MAX = 1024  # images in one engine, waiting or in flight
READY_MAX = 32  # images that are prepared and wait for a self-test, before only the more urgent are prepared
STATE_BYTES_MAX = 2 * 1024**3  # bytes of latents, history and conditioning of the images in flight
GUIDED_ROWS = 2  # a tick has room for them even where memory makes each a pass of its own
PREVIEW_EVERY = 4  # steps of an image
IDLE_WAIT_S = 0.05  # for texts to be encoded, where there is nothing to step


class Engine:
    """Drives models on one device, from one thread; only `cancel` may be called from others.

    Exact (the default): a pass has a number of rows that is proven to keep the bits of a reference number, so that an
    image's bits do not depend on its company. Without `profiles` that is the reference number alone.
    """

    def __init__(
        self,
        *,
        exact: bool = True,
        preview_every: int = PREVIEW_EVERY,
        profiles: Profiles | None = None,
        encode_on: Executor | None = None,
        preview_on: Executor | None = None,
        timer: Callable[[], float] = time.perf_counter,
        state_bytes_max: int = STATE_BYTES_MAX,
    ) -> None:
        """`preview_every` 0: never. `encode_on` and `preview_on` None: done by who calls `step` and `take_previews`."""
        assert preview_every >= 0
        self._preview_every, self._timer, self._state_bytes_max = preview_every, timer, state_bytes_max
        self._classes = RowClasses(profiles or Profiles(measure=False), exact=exact, timer=timer)
        self._threads = torch.get_num_threads()
        self._scheduler = Scheduler()
        self._meters = Meters()
        self._preparation = Preparation(self._meters, on=encode_on)
        self._previews = Previews(on=preview_on)
        self._arrivals = 0
        self._waiting: dict[int, Waiting] = {}  # all that are not admitted, by key
        self._ready: list[Ready] = []  # of these, those that are prepared; the most urgent first
        self._samples: dict[int, Sample] = {}  # in flight, by key
        self._state_bytes = 0  # of all samples
        self._models: Counter[str] = Counter()  # images by model, waiting or in flight
        self._denoisers: dict[str, Denoiser] = {}  # of these models
        self._cancels: deque[tuple[str, int]] = deque()  # with how many had arrived by then
        self._finished: list[Finished] = []
        self._events: list[Event] = []

    @property
    def busy(self) -> bool:
        """Whether `step` has anything to do or to tell."""
        return bool(self._samples or self._waiting or self._cancels or self._events)

    @property
    def measuring(self) -> bool:
        """Whether a class goes through its self-test, of which each `step` makes a pass, without any event."""
        return self._classes.measured_for is not None

    def __len__(self) -> int:
        """How many images there are, waiting or in flight."""
        return len(self._samples) + len(self._waiting)

    def in_flight(self, model: str) -> int:
        """How many images there are of a model, waiting or in flight: while there are any, it must not be given up."""
        return self._models[model]

    def add(self, denoiser: Denoiser, request: Request) -> None:
        """Takes in one image; it is prepared and admitted by `step`, the urgent first. Cheap.

        A request that cannot be prepared fails alone: `step` tells it as ImageFailed. Raises ModelError when full, or
        while images of another copy of the model are there.
        """
        if len(self) >= SAMPLES_MAX:
            raise ModelError(
                f"{SAMPLES_MAX} images are in flight, which is the limit; add this one when some are done"
            )
        if self._denoisers.setdefault(denoiser.name, denoiser) is not denoiser:
            raise ModelError(f"another copy of {denoiser.name} is drawing; add this image when it is done")
        key, self._arrivals = self._arrivals, self._arrivals + 1
        self._models[denoiser.name] += 1
        self._waiting[key] = Waiting(key=key, request=request, denoiser=denoiser, since_s=self._timer())

    def cancel(self, job_id: str) -> None:
        """Drops what there is of a job before the next step. What has left the loop by then stays finished."""
        self._cancels.append((job_id, self._arrivals))

    @torch.no_grad()
    def step(self) -> list[Event]:
        """One tick: at most one step of each sample picked, and one pass of a self-test. What happened since the last."""
        self._drop_cancelled()
        self._take_in()
        self._measure()
        if picked := self._schedule():
            self._attempt(picked)
        events, self._events = self._events, []
        return events

    def save(self, job_id: str) -> list[SavedSample]:
        """The states of a job's unfinished images that have any steps behind them, by index. They go on all the same."""
        own = [each for each in self._samples.values() if each.image.request.job_id == job_id]
        states = [saved_state(sample) for sample in own if sample.step]
        requests = [each.request for each in self._waiting.values() if each.request.job_id == job_id]
        states += [request.saved for request in requests if request.saved is not None]
        return sorted(states, key=lambda saved: saved.index)

    def take_finished(self) -> list[Finished]:
        """Hands over the latents that left the loop since the last call, in order."""
        finished, self._finished = self._finished, []
        return finished

    def take_previews(self) -> list[PreviewMade]:
        """Renders the newest estimate of each image that has a new one. Skip it under load: nothing piles up."""
        return self._previews.take()

    def vitals(self, *, undecoded: int = 0) -> EngineVitals:
        """Counters and gauges. What waits at the decoder, which who drives both tells, is added to `undecoded`."""
        now = self._timer()
        return EngineVitals(
            **asdict(self._meters),
            in_flight=len(self._samples),
            waiting=len(self._waiting),
            oldest_wait_s=max((now - each.since_s for each in self._waiting.values()), default=0.0),
            undecoded=undecoded + len(self._finished),
        )

    def _take_in(self) -> None:
        """Prepares and admits who waits. With an executor it waits only where there is nothing else to do."""
        self._collect()
        self._admit()
        while self._preparation.free and (batch := self._unprepared()):
            self._preparation.submit(batch)
            self._collect()
            self._admit()
        if not (self._preparation.free or self._samples or self.measuring):
            self._collect(wait_s=IDLE_WAIT_S)
            self._admit()

    def _unprepared(self) -> list[Waiting]:
        """The next to be prepared: the most urgent, and while some wait for memory only who is more urgent than these."""
        if len(self._ready) == len(self._waiting):
            return []
        ready = {each.waiting.key for each in self._ready}
        queue = [each for each in self._waiting.values() if each.key not in ready]
        if self._ready and (len(self._ready) >= READY_MAX or not self.measuring):
            first = self._ready[0].waiting.request.priority
            queue = [each for each in queue if each.request.priority < first]
        return sorted(queue, key=lambda waiting: waiting.urgency)[:PREPARED_AT_ONCE]

    def _collect(self, *, wait_s: float = 0.0) -> None:
        """Takes over what is prepared, the most urgent first."""
        for outcome in self._preparation.take(wait_s=wait_s):
            waiting = outcome.waiting
            if waiting.key not in self._waiting:
                continue  # it was cancelled meanwhile
            if isinstance(outcome.prepared, str):
                self._refuse(waiting, outcome.prepared)
            else:
                self._ready.append(Ready(waiting=waiting, prepared=outcome.prepared, given=outcome.given))
        self._ready.sort(key=lambda ready: ready.waiting.urgency)

    def _admit(self) -> None:
        """Lets in who is prepared while memory suffices. Nobody passes who waits for more of it: it would never come."""
        for ready in list(self._ready):
            wanted, most = state_bytes(ready.prepared), self._state_bytes_max
            if wanted > most:
                fault = ModelError(f"it takes {wanted:,} bytes from step to step; {most:,} are there for all")
                self._refuse(ready.waiting, unprepared(fault))
            elif self._state_bytes + wanted > most:
                return
            else:
                self._begin(ready)

    def _measure(self) -> None:
        """One pass of a self-test, where there is one to make. Where that breaks, the image it is made for fails."""
        device_ms, ready = self._meters.device_ms, self._classes.measured_for
        if ready is None or (self._samples and not self._classes.is_due(device_ms)):
            return
        try:
            self._classes.advance(device_ms)
        except REQUEST_FAULTS as fault:
            self._cannot_begin(ready.waiting, fault)
        if not self.measuring:
            self._admit()

    def _begin(self, ready: Ready) -> None:
        """Puts an image in flight, unless its class is to be measured first."""
        waiting, prepared, request = ready.waiting, ready.prepared, ready.waiting.request
        try:
            profile = self._classes.profile(ready)
            if profile is None:
                return
            sample = begun(ready, profile.fingerprint)
        except REQUEST_FAULTS as fault:
            self._cannot_begin(waiting, fault)
            return
        del self._waiting[waiting.key]
        self._ready = [each for each in self._ready if each is not ready]
        self._classes.enter(prepared.row_class, waiting.key, profile)
        self._samples[waiting.key] = sample
        self._state_bytes += sample.image.state_bytes
        self._events.extend(
            RequestNoted(job_id=request.job_id, index=request.index, note=note) for note in prepared.notes
        )

    def _cannot_begin(self, waiting: Waiting, fault: BaseException) -> None:
        if is_lost(waiting.denoiser.device):
            raise fault
        self._refuse(waiting, f"the device cannot begin it: {fault}")

    def _refuse(self, waiting: Waiting, reason: str) -> None:
        self._dismiss(waiting)
        request = waiting.request
        self._events.append(ImageFailed(job_id=request.job_id, index=request.index, reason=reason))

    def _room(self, row_class: str) -> int:
        return max(self._classes[row_class].cap, GUIDED_ROWS)

    def _urgent_room(self, row_class: str) -> int:
        return max(self._classes[row_class].urgent_cap, GUIDED_ROWS)

    def _schedule(self) -> list[Sample]:
        tickets = [sample.ticket for sample in self._samples.values()]
        picked = self._scheduler.pick(tickets, room=self._room, urgent_room=self._urgent_room)
        return in_order([self._samples[ticket.key] for ticket in picked])

    def _attempt(self, picked: Sequence[Sample]) -> None:
        """Takes the picked one step on. Where that breaks, each tries it by itself, so that who breaks it fails alone."""
        try:
            self._advance(picked)
            return
        except REQUEST_FAULTS as fault:
            if is_lost(picked[0].image.denoiser.device):
                raise
            reason = f"the model broke in step {picked[0].step + 1}: {fault}"
        if len(picked) == 1:
            self._fail(picked, reason)
            return
        for sample in picked:
            self._attempt([sample])

    def _advance(self, picked: Sequence[Sample]) -> None:
        """Runs the rows of the picked and takes them one step on; who made numbers that are not finite fails alone."""
        assert torch.get_num_threads() == self._threads, "the number of threads changed under way"
        began = self._timer()
        estimates, sizes = self._run(picked)
        finite = finite_of(picked, estimates)  # waits for the device
        ms = 1000 * (self._timer() - began)
        exact = self._classes[picked[0].ticket.row_class].exact
        moved = stepped(picked, estimates, exact=exact)
        self._scheduler.charge([sample.ticket for sample in picked], ms)
        self._meters.count(rows=len(estimates), sizes=sizes, device_ms=ms)
        row_ms = ms / len(estimates)
        for sample, sound in zip(moved, finite, strict=True):
            if sound:
                self._tell(sample, device_ms=row_ms * sample.ticket.rows)
            else:
                self._fail([sample], f"the model's numbers are not finite in step {sample.step}")

    def _run(self, picked: Sequence[Sample]) -> tuple[Tensor, list[int]]:
        """The estimates (R, C, h, w) of all rows of the picked, and how many rows each pass had.

        That is one pass, unless memory does not suffice: then the cap is halved, and the same rows run in more of them.
        Raises ModelError where not even one row fits.
        """
        denoiser, row_class = picked[0].image.denoiser, picked[0].ticket.row_class
        rows = rows_of(picked)
        while True:
            profile = self._classes[row_class]
            try:
                return denoise_rows(denoiser, rows, cap=profile.cap, padded=profile.padded)
            except (RuntimeError, MemoryError) as fault:
                if not is_out_of_memory(fault):
                    raise
                self._meters.out_of_memory += 1
                if profile.cap == 1:
                    raise ModelError(
                        f"the device has no memory for one row of {row_class}: {fault}"
                    ) from fault
            self._classes.narrow(row_class)
            release(denoiser.device)

    def _tell(self, sample: Sample, *, device_ms: float) -> None:
        """Keeps a sample that took a step, and says so."""
        self._samples[sample.ticket.key] = sample
        job_id, index = sample.image.request.job_id, sample.image.request.index
        self._events.append(
            StepTaken(
                job_id=job_id,
                index=index,
                step=sample.step,
                steps=sample.image.steps,
                rows=sample.ticket.rows,
                device_ms=device_ms,
            )
        )
        if sample.state is State.FINISHED:
            self._finish(sample)
        elif self._preview_every and sample.step % self._preview_every == 0:
            assert sample.denoised is not None
            self._previews.offer(
                Estimate(
                    job_id=job_id,
                    index=index,
                    denoiser=sample.image.denoiser,
                    denoised=sample.denoised,
                )
            )

    def _finish(self, sample: Sample) -> None:
        self._forget(sample)
        image, request = sample.image, sample.image.request
        self._finished.append(
            Finished(
                job_id=request.job_id,
                index=request.index,
                denoiser=image.denoiser,
                latent=sample.latent,
                fingerprint=image.fingerprint,
                exact=sample.exact,
                seamless=image.prepared.seamless,
            )
        )
        self._events.append(ImageFinished(job_id=request.job_id, index=request.index))

    def _fail(self, samples: Sequence[Sample], reason: str) -> None:
        for sample in samples:
            self._forget(sample)
            request = sample.image.request
            self._events.append(ImageFailed(job_id=request.job_id, index=request.index, reason=reason))

    def _drop_cancelled(self) -> None:
        while self._cancels:
            job_id, arrivals = self._cancels.popleft()
            for waiting in [each for each in self._waiting.values() if each.key < arrivals]:
                if waiting.request.job_id == job_id:
                    self._dismiss(waiting)
                    self._events.append(ImageCancelled(job_id=job_id, index=waiting.request.index))
            for sample in [each for each in self._samples.values() if each.ticket.key < arrivals]:
                if sample.image.request.job_id == job_id:
                    self._forget(sample)
                    self._events.append(ImageCancelled(job_id=job_id, index=sample.image.request.index))

    def _dismiss(self, waiting: Waiting) -> None:
        del self._waiting[waiting.key]
        self._ready = [each for each in self._ready if each.waiting is not waiting]
        self._classes.give_up(waiting.key)
        self._left(waiting.denoiser.name)

    def _forget(self, sample: Sample) -> None:
        del self._samples[sample.ticket.key]
        image = sample.image
        self._state_bytes -= image.state_bytes
        self._classes.leave(image.prepared.row_class)
        self._previews.drop(image.request.job_id, image.request.index)
        self._left(image.denoiser.name)

    def _left(self, model: str) -> None:
        self._models[model] -= 1
        if not self._models[model]:
            del self._models[model], self._denoisers[model]
