"""The generator of a real worker: canonical prompts become pictures by the engine, the decoder and the upscaler.

Reads as the story of one step: denoise a batch, or decode and enlarge one picture. Knows no service and no file.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.errors import DarkroomError, ModelError
from darkroom.core.events import Event, ImageFailed, RequestNoted, StepTaken
from darkroom.core.params import GenerationParams, Lane, PromptPart
from darkroom.core.work import Assignment, Claim, Failure, Fault, Progress
from darkroom.engine.exactness import Exactness, verify_exactness
from darkroom.engine.fingerprint import fingerprint_of
from darkroom.finish.provenance import parameters_of
from darkroom.prompt import STORED, parse
from darkroom.worker.generator import Drawn, Glimpse, Happening
from darkroom.worker.studio import Picture, Studio

PRIORITY: Mapping[Lane, int] = {Lane.TURBO: 0, Lane.FAST: 1, Lane.RELAX: 2}
GLIMPSE_EVERY_S = 0.5
PREPARATION_FAILED = "the job cannot be drawn: "


@dataclass(kw_only=True)
class _Run:
    """A run in flight. `spent_s` is its share of every pass, and its own decoding."""

    claim: Claim
    params: GenerationParams
    images: int
    pictures: dict[int, Picture] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    steps_done: int = 0
    steps_total: int = 0
    spent_s: float = 0.0

    @property
    def measured_gpu_ms(self) -> int:
        return round(self.spent_s * 1000)


class EngineGenerator:
    """Draws with one studio. `timer` counts seconds while a device works."""

    def __init__(
        self,
        studio: Studio,
        catalogue: ModelCatalogue,
        *,
        device: str | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._studio, self._catalogue, self._timer = studio, catalogue, timer
        denoiser = studio.engine.denoiser
        self.models = self.warm = (denoiser.name,)
        self._fingerprint = fingerprint_of(denoiser, rows=0)
        self.device = device or self._fingerprint.device
        self._runs: dict[str, _Run] = {}
        self._told: list[Happening] = []
        self._glimpsed_at = -GLIMPSE_EVERY_S

    @property
    def busy(self) -> bool:
        return bool(self._told or self._runs or self._studio.engine.busy or self._studio.decoder)

    def verify(self) -> Exactness:
        """Show that the default shape keeps its bits in any company. ModelError where it does not."""
        engine = self._studio.engine
        params = GenerationParams(parts=(PromptPart(text="a fox", weight=1.0),), model=self.models[0], seed=1)
        found = verify_exactness(engine.denoiser, params, rows_per_pass=engine.rows_per_pass(""))
        if not found.holds:
            slots = ", ".join(map(str, found.slots_differing))
            raise ModelError(
                f"{self.device} does not keep exact mode for {found.row_class}: an image's bits change in slots {slots} "
                f"of a pass, by up to {found.max_difference:g}. Use another device, driver or version of torch"
            )
        return found

    def add(self, assignment: Assignment) -> None:
        """Images that cannot be prepared fail the run, as the job's own fault."""
        try:
            params = self._read(assignment)
        except DarkroomError as error:
            self._told.append(
                Failure(
                    claim=assignment.claim, fault=Fault.JOB, message=f"{PREPARATION_FAILED}{error.message}"
                )
            )
            return
        key = _key(assignment.claim)
        self._runs[key] = _Run(claim=assignment.claim, params=params, images=assignment.images)
        engine = self._studio.engine
        for index in range(assignment.images):
            before = len(engine)
            engine.add(key, index, params, priority=PRIORITY[assignment.lane])
            if len(engine) == before:  # it was not taken in: `step` will tell why
                break

    def cancel(self, claim: Claim) -> None:
        if run := self._runs.get(_key(claim)):
            self._fail(run, Fault.CANCELLED, "it was cancelled while it was drawn")

    def step(self) -> Sequence[Happening]:
        """Pictures go before steps: a job that is nearly done is not kept waiting by the next one."""
        if self._studio.decoder:
            self._decode()
        else:
            self._denoise()
        self._glimpse()
        told, self._told = self._told, []
        return told

    def _read(self, assignment: Assignment) -> GenerationParams:
        """What canonical text asks for. PromptError, or ModelError where it is not for this worker."""
        (params,) = parse(assignment.prompt, catalogue=self._catalogue, limits=STORED)
        if params.model not in self.models:
            raise ModelError(f"this worker draws with {', '.join(self.models)}, and not with {params.model}")
        if params.seed is None:
            raise ModelError("its prompt does not hold a seed")
        return params

    def _denoise(self) -> None:
        """One pass; each run pays for its share of the rows."""
        began = self._timer()
        events = self._studio.engine.step()
        spent_s = self._timer() - began
        rows: Counter[str] = Counter()
        for event in events:
            if isinstance(event, StepTaken):
                rows[event.job_id] += event.rows
        for key, own in rows.items():
            if run := self._runs.get(key):
                run.spent_s += spent_s * own / rows.total()
        for event in events:
            if run := self._runs.get(event.job_id):
                self._happened(run, event)
        for key in rows:
            if run := self._runs.get(key):
                progress = Progress(claim=run.claim, done=run.steps_done, total=run.steps_total)
                self._told.append(progress)
        finished = self._studio.engine.take_finished()
        self._studio.decoder.add(each for each in finished if each.job_id in self._runs)

    def _happened(self, run: _Run, event: Event) -> None:
        if isinstance(event, StepTaken):
            run.steps_done += 1
            run.steps_total = max(run.steps_total, event.steps * run.images)
        elif isinstance(event, RequestNoted) and event.note not in run.notes:
            run.notes.append(event.note)
        elif isinstance(event, ImageFailed):
            prepared = run.steps_done > 0 or "it cannot be prepared" not in event.reason
            fault = Fault.INFRASTRUCTURE if prepared else Fault.JOB
            self._fail(run, fault, f"image {event.index + 1} could not be drawn: {event.reason}")

    def _decode(self) -> None:
        began = self._timer()
        decoded = self._studio.decoder.decode_next()
        picture = self._studio.enlarge(decoded)
        run = self._runs[decoded.job_id]
        run.spent_s += self._timer() - began
        run.pictures[decoded.index] = picture
        if len(run.pictures) == run.images:
            self._finish(run)

    def _finish(self, run: _Run) -> None:
        del self._runs[_key(run.claim)]
        self._told.append(
            Drawn(
                claim=run.claim,
                pictures=run.pictures,
                measured_gpu_ms=run.measured_gpu_ms,
                parameters=parameters_of(run.params),
                notes=tuple(run.notes),
            )
        )

    def _fail(self, run: _Run, fault: Fault, message: str) -> None:
        key = _key(run.claim)
        del self._runs[key]
        self._studio.engine.cancel(key)
        self._studio.decoder.cancel(key)
        self._told.append(
            Failure(
                claim=run.claim,
                fault=fault,
                message=message,
                measured_gpu_ms=run.measured_gpu_ms,
                device=self.device,
                fingerprint=self._fingerprint.short,
            )
        )

    def _glimpse(self) -> None:
        """Looks at what is being drawn, twice a second at most, and never while pictures wait to be decoded."""
        now = self._timer()
        if self._studio.decoder or now - self._glimpsed_at < GLIMPSE_EVERY_S:
            return
        for preview in self._studio.engine.take_previews():
            self._glimpsed_at = now
            if run := self._runs.get(preview.job_id):
                self._told.append(
                    Glimpse(
                        claim=run.claim,
                        index=preview.index,
                        width=preview.width,
                        height=preview.height,
                        rgb=preview.rgb,
                    )
                )


def _key(claim: Claim) -> str:
    """What the engine calls a run."""
    return f"{claim.job_id}/{claim.fence}"
