"""The generator of a real worker: canonical prompts become pictures by whichever models they name, all in one engine.

The story of one step: look after the models -> take what was laid out or enlarged beside it -> one pass of the engine -> take
the pictures that are made beside it -> look at what is being drawn. Knows no service and no file.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.errors import DarkroomError, ModelError
from darkroom.core.events import Event, ImageFailed, RequestNoted, StepTaken
from darkroom.core.params import GenerationParams, Lane, PromptPart
from darkroom.core.recipes import Recipe
from darkroom.core.work import Assignment, Claim, EngineVitals, Failure, Fault
from darkroom.engine.decoder import Decoded, Decoder, Done, Undone
from darkroom.engine.fingerprint import fingerprint_of
from darkroom.engine.requests import Request
from darkroom.engine.rows import Finished
from darkroom.finish.provenance import parameters_of
from darkroom.model.denoiser import Denoiser
from darkroom.model.guides import NOTHING_GIVEN
from darkroom.prompt import STORED, parse
from darkroom.worker.errands import Errand, Errands, Failed
from darkroom.worker.generator import CANNOT_BE_DRAWN, NO_INPUTS, Drawn, Glimpse, Happening
from darkroom.worker.plates import Plates, enlarging, plates_of
from darkroom.worker.sitting import Sitting
from darkroom.worker.studio import Picture, Studio
from darkroom.worker.unfinished import finished_of, packed, read

PRIORITY = {Lane.TURBO: 0, Lane.FAST: 1, Lane.RELAX: 2}
GLIMPSE_EVERY_S = 0.5
IDLE_WAIT_S = 0.05  # for work beside this thread, where there is nothing to step; orders wait so long at most
JOBS_OWN_FAULT = "it cannot be prepared"
"""How the engine begins the reason where a request, and not the device, is what failed."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Larger:
    """A picture that was only made larger, and what is to be said of that."""

    picture: Picture
    notes: tuple[str, ...]


class EngineGenerator:
    """Draws with one studio. `clock` counts seconds."""

    def __init__(
        self,
        studio: Studio,
        catalogue: ModelCatalogue,
        *,
        device: str | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._studio, self._catalogue, self._clock = studio, catalogue, clock
        self._engine, self._models = studio.engine, studio.models
        timer = studio.timer(clock)
        self._decoder: Decoder[Picture] = Decoder(self._picture, on=studio.decode_on, timer=timer)
        self._errands: Errands[Plates | Larger] = Errands(on=studio.decode_on, timer=timer)
        self.models = studio.models.names
        self.device = device or studio.device
        self.vitals = EngineVitals()
        self._runs: dict[str, Sitting] = {}  # by what the engine calls them, in the order in which they came
        self._told: list[Happening] = []
        self._glimpsed_at = -GLIMPSE_EVERY_S

    @property
    def warm(self) -> tuple[str, ...]:
        return self._models.warm

    @property
    def busy(self) -> bool:
        beside = self._decoder or self._errands or self._models.loading
        return bool(self._told or self._runs or self._engine.busy or beside)

    def verify(self) -> None:
        """Show that the usual shape of each model that is there keeps its bits in any company. ModelError where it does not.

        Takes a second or so where this device has not shown it before, and nothing in fast mode.
        """
        mode = "exact" if self._studio.exact else "fast"
        logger.info("drawing on %s, in %s mode, with %s", self.device, mode, ", ".join(self.models))
        for name in self.warm if self._studio.exact else ():
            denoiser = self._models.get(name)
            assert denoiser is not None, f"{name} is warm"
            logger.info("%s computes in %s", name, denoiser.dtype)
            params = GenerationParams(parts=(PromptPart(text="a fox", weight=1.0),), model=name, seed=1)
            self._studio.profiles.of(denoiser, denoiser.prepare(params, index=0))

    def add(
        self, assignment: Assignment, saved: bytes | None = None, inputs: Mapping[str, bytes] = NO_INPUTS
    ) -> None:
        """Takes a run in; what cannot be read, or is not for this worker, fails as the job's own fault."""
        try:
            params = self._read(assignment)
        except DarkroomError as error:
            self._told.append(
                Failure(claim=assignment.claim, fault=Fault.JOB, message=f"{CANNOT_BE_DRAWN}{error.message}")
            )
            return
        before = read(saved, assignment)
        run = Sitting(assignment=assignment, params=params, before=before, inputs=inputs)
        self._runs[key := _key(assignment.claim)] = run
        if run.is_enlarging:
            call = partial(self._larger, run.recipe, inputs, seamless=params.tile)
            self._errands.add(key, call, on=self._making(run, long=True))
        else:
            self._models.asked(params.model)

    def cancel(self, claim: Claim) -> None:
        if run := self._runs.get(_key(claim)):
            self._fail(run, Fault.CANCELLED, "it was cancelled while it was drawn")

    def save(self, claim: Claim) -> bytes | None:
        """The states of its images, those that wait to be decoded or to be delivered included."""
        run = self._runs.get(_key(claim))
        if run is None:
            return None
        if not run.entered:
            return packed(run.before.all)
        return packed(run.saved(self._engine.save(_key(claim))))

    def step(self) -> Sequence[Happening]:
        """At most one pass. Where there is none, and work beside this thread goes on, it waits for that for a moment."""
        self._studio.woken.clear()
        moved = self._look_after_models()
        moved = self._attend() or moved
        moved = self._denoise() or moved
        moved = self._develop() or moved
        self._glimpse()
        self.vitals = self._engine.vitals(undecoded=len(self._decoder))
        if not (moved or self._told):
            self._studio.woken.wait(IDLE_WAIT_S)
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

    def _look_after_models(self) -> bool:
        """Runs whose model is there begin, in the order in which they came; the first that lacks one has it loaded.

        A model that must go for that one gets nothing new, so that it is done some day.
        """
        moved = self._models.look()
        closed: tuple[str, ...] = ()
        drawing = [run for run in self._runs.values() if not run.is_enlarging]
        for run in [run for run in drawing if run.denoiser is None]:
            model = run.params.model
            if failure := self._models.failure(model):
                self._fail(run, failure.fault, failure.message)
            elif (denoiser := self._models.get(model)) and model not in closed:
                self._begin(run, denoiser)
                moved = True
            elif denoiser is None and self._models.loading is None and not closed:
                closed = self._models.want(model, in_flight=self._in_flight)
                moved = True if self._models.failure(model) else moved
        return moved

    def _in_flight(self, model: str) -> int:
        """The images of a model, from when they are begun until the last picture is there."""
        own = [run.images for run in self._runs.values() if run.denoiser and run.params.model == model]
        denoiser = self._models.get(model)
        return sum(own) + (self._engine.in_flight(denoiser.name) if denoiser else 0)

    def _begin(self, run: Sitting, denoiser: Denoiser) -> None:
        """Its pictures are laid out beside this thread; without any, it goes on at once."""
        run.denoiser = denoiser
        if run.recipe.digests:
            call = partial(plates_of, run.recipe, run.inputs, run.params, denoiser)
            self._errands.add(_key(run.claim), call, on=self._making(run, long=False))
        else:
            self._enter(run, denoiser)

    def _attend(self) -> bool:
        """What was done for runs beside this thread; without one it is done here, one at a time."""
        done = self._errands.take(at_most=1 if self._studio.decode_on is None else None)
        for each in done:
            if run := self._runs.get(each.key):
                self._attended(run, each)
        return bool(done)

    def _attended(self, run: Sitting, errand: Errand[Plates | Larger] | Failed) -> None:
        run.pictures_ms += errand.seconds * 1000
        run.inputs = NO_INPUTS
        if isinstance(errand, Failed):
            own = errand.fault is Fault.JOB
            self._fail(run, errand.fault, f"{CANNOT_BE_DRAWN if own else ''}{errand.reason}")
        elif isinstance(errand.result, Plates):
            assert run.denoiser is not None, "its model was there when its pictures were laid out"
            run.plates = errand.result
            run.notes += errand.result.notes
            self._enter(run, run.denoiser)
        else:
            run.pictures = dict.fromkeys(range(run.images), errand.result.picture)
            run.notes += errand.result.notes
            self._finish(run)

    def _larger(self, recipe: Recipe, inputs: Mapping[str, bytes], *, seamless: bool) -> Larger:
        """The picture that an upscale begins with, larger. Called beside this thread."""
        image, (size, notes) = enlarging(recipe, inputs)
        return Larger(picture=self._studio.larger(image, size, seamless=seamless), notes=notes)

    def _picture(self, decoded: Decoded) -> Picture:
        """Called beside this thread. Nobody takes the picture of a run that is no longer there."""
        run = self._runs.get(decoded.job_id)
        return self._studio.picture(decoded, run.plates if run else None)

    def _enter(self, run: Sitting, denoiser: Denoiser) -> None:
        """Its images go into the engine, each from where it stopped elsewhere; those that need no step, to the decoder."""
        run.entered = True
        key, indices = _key(run.claim), run.recipe.indices
        for index in range(run.images):
            latent, state = run.before.latents.get(index), run.before.states.get(index)
            if latent and (finished := finished_of(latent, denoiser, job_id=key, seamless=run.params.tile)):
                run.goes_on(latent)
                self._decode(run, finished)
                continue
            if state:
                run.goes_on(state)
            request = Request(
                job_id=key,
                index=index,
                params=run.params,
                priority=PRIORITY[run.assignment.lane],
                flow=run.assignment.flow or key,
                saved=state,
                given=run.plates.given if run.plates else None,
                grid_index=indices[index] if index < len(indices) else None,
            )
            try:
                self._engine.add(denoiser, request)
            except ModelError as error:
                self._fail(run, Fault.INFRASTRUCTURE, error.message)
                return
        if run.plates:  # the engine has them now, and lets go of each when its image begins
            run.plates = replace(run.plates, given=NOTHING_GIVEN)
        if steps := sum(run.steps_done.values()):
            logger.info("job %s: continued at step %d of %d", run.claim.job_id, steps, run.steps * run.images)

    def _denoise(self) -> bool:
        """One pass; each image pays for its share of it."""
        events = self._engine.step()
        stepped: dict[str, Sitting] = {}
        for event in events:
            if run := self._runs.get(event.job_id):
                self._happened(run, event)
                if isinstance(event, StepTaken):
                    stepped[event.job_id] = run
        self._told += [run.progress for key, run in stepped.items() if key in self._runs]
        for finished in self._engine.take_finished():
            if run := self._runs.get(finished.job_id):
                self._decode(run, finished)
        return bool(events) or self._engine.measuring

    def _happened(self, run: Sitting, event: Event) -> None:
        if isinstance(event, StepTaken):
            run.stepped(event)
        elif isinstance(event, RequestNoted) and event.note not in run.notes:
            run.notes.append(event.note)
        elif isinstance(event, ImageFailed):
            own = event.reason.startswith(JOBS_OWN_FAULT)
            self._fail(
                run,
                Fault.JOB if own else Fault.INFRASTRUCTURE,
                f"image {event.index + 1} could not be drawn: {event.reason}",
            )

    def _decode(self, run: Sitting, finished: Finished) -> None:
        run.finished[finished.index] = finished
        long = run.plates is not None and run.plates.size is not None  # larger than what a model draws
        self._decoder.add([finished], on=self._making(run, long=long))

    def _making(self, run: Sitting, *, long: bool) -> Executor | None:
        """Where its pictures are made: by its lane, and what takes long after what does not."""
        return self._studio.making(2 * PRIORITY[run.assignment.lane] + long)

    def _develop(self) -> bool:
        """Pictures that are done beside this thread; without one they are made here, one at a time."""
        done = self._decoder.take(at_most=1 if self._studio.decode_on is None else None)
        for each in done:
            if run := self._runs.get(each.job_id):
                self._developed(run, each)
        return bool(done)

    def _developed(self, run: Sitting, picture: Done[Picture] | Undone) -> None:
        run.pictures_ms += picture.seconds * 1000
        if isinstance(picture, Undone):
            reason = f"image {picture.index + 1} could not be drawn: {picture.reason}"
            self._fail(run, Fault.INFRASTRUCTURE, reason)
            return
        run.pictures[picture.index] = picture.result
        if len(run.pictures) == run.images:
            self._finish(run)

    def _finish(self, run: Sitting) -> None:
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

    def _fail(self, run: Sitting, fault: Fault, message: str) -> None:
        key = _key(run.claim)
        del self._runs[key]
        run.pictures_ms += 1000 * self._errands.cancel(key)
        if run.entered:
            self._engine.cancel(key)
            self._decoder.cancel(key)
        self._told.append(
            Failure(
                claim=run.claim,
                fault=fault,
                message=message,
                measured_gpu_ms=run.measured_gpu_ms,
                device=self.device,
                fingerprint=fingerprint_of(run.denoiser, rows=0).short if run.denoiser else "",
            )
        )

    def _glimpse(self) -> None:
        """Looks at what is being drawn, twice a second at most."""
        now = self._clock()
        if now - self._glimpsed_at < GLIMPSE_EVERY_S:
            return
        for preview in self._engine.take_previews():
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
