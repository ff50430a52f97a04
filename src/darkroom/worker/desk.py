"""What a worker does with its runs: take, cancel, abandon, hear of them, finish, report. Has no loop of its own.

Everything is called in one event loop; only the drive's thread comes in from outside.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from darkroom.core.errors import Conflict, DarkroomError, OutputError
from darkroom.core.jobs import Outcome
from darkroom.core.work import Assignment, Claim, Completion, Failure, Fault, Instructions, Progress
from darkroom.worker.beside import Beside
from darkroom.worker.drive import Drive
from darkroom.worker.fetching import pictures_of
from darkroom.worker.generator import CANNOT_BE_DRAWN, Drawn, Finisher, Generator, Glimpse, Happening
from darkroom.worker.handing_on import HAND_ON_WITHIN_S, found, left_behind
from darkroom.worker.messages import Report
from darkroom.worker.protocol import Connection
from darkroom.worker.reporting import Reporter
from darkroom.worker.runs import LANES, Run, Runs
from darkroom.worker.uploading import upload

PREVIEW_EVERY_S = 1.0  # of one job
DRIVE_STOP_WITHIN_S = 10.0  # a step of the generator
LEAVING = "its worker was told to leave"
PREVIEW_FAULTS = (DarkroomError, OSError, MemoryError, ValueError, RuntimeError)

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Desk:
    """The runs of one worker. `broken` hears why the generator cannot go on."""

    def __init__(
        self,
        connection: Connection,
        generator: Generator,
        finisher: Finisher,
        *,
        rng: random.Random,
        broken: Callable[[str], None],
    ) -> None:
        self._connection, self._finisher, self._rng = connection, finisher, rng
        self._loop = asyncio.get_running_loop()
        self._drive = Drive(
            generator,
            tell=partial(self._in_loop, self._happened_all),
            broken=partial(self._in_loop, broken),
        )
        self._finishing = Beside("finishing")
        self.runs = Runs(connection.introduction.slots)
        self.reporter = Reporter(connection, answered=self._answered, rng=rng)

    def open(self) -> None:
        self._drive.start()

    def close(self) -> None:
        """Forgets every run and ends the threads; waits for the generator's step, and for no finishing."""
        for run in self.runs:
            self.runs.end(run.claim)
        self._drive.stop(within_s=DRIVE_STOP_WITHIN_S)
        self._finishing.shutdown(wait=False)

    def take(self, assignment: Assignment) -> None:
        """An assignment that came before is not taken twice; a newer fence replaces the older run of the same job."""
        claim = assignment.claim
        if self.runs.get(claim) or self.runs.is_over(claim):
            return
        if older := self.runs.of_job(claim.job_id):
            if older.claim.fence > claim.fence:
                return
            self.abandon(older.claim)
        run = self.runs.add(assignment)
        logger.info(
            "job %s: claimed, %s with %s, attempt %d",
            claim.job_id,
            assignment.lane.value,
            assignment.model,
            assignment.attempt,
        )
        if assignment.saved_url or assignment.recipe.digests:
            run.fetching = self._loop.create_task(self._fetch(run))
            run.fetching.add_done_callback(partial(self._fetch_ended, run))
        else:
            self._drive.add(assignment)

    def refuse(self, claim: Claim, reason: str) -> None:
        """A job that cannot be read fails by its own fault, and holds up no other."""
        if self.runs.get(claim) is None and not self.runs.is_over(claim):
            self._fail(claim, Fault.JOB, f"{CANNOT_BE_DRAWN}this worker cannot read it: {reason}")

    def obey(self, instructions: Instructions) -> None:
        """Cancel and abandon as told. Draining is not the desk's matter."""
        for claim in instructions.cancel:
            self._cancel(claim)
        for claim in instructions.abandon:
            self.abandon(claim)

    def abandon(self, claim: Claim) -> None:
        """Drop a run without a word."""
        self.reporter.drop(claim)
        if run := self.runs.end(claim):
            self._stop(run)

    def abandon_unreported(self, reason: str) -> None:
        """Drop every run but those whose report is under way: the fence decides about these."""
        for run in self._unreported():
            logger.warning("job %s is dropped: %s", run.claim.job_id, reason)
            self.abandon(run.claim)

    def hand_back(self) -> None:
        """Stop what is not reported yet, and report it as given back: with the states of its images, where there is time to
        take them, or as complete, where only files are missing."""
        for run in self._unreported():
            if run.leaving is None:
                run.leaving = self._loop.create_task(self._hand_on(run))
                run.leaving.add_done_callback(partial(self._leaving_ended, run))

    async def progress(self, run: Run, now: float) -> Progress:
        """What is to be told of a run. With a preview where there is a new look, and nothing that it would delay."""
        delays = any(each.drawn for each in self.runs)
        if not run.unseen or delays or now - run.previewed_at < PREVIEW_EVERY_S:
            return run.progress()
        run.unseen, run.previewed_at = False, now
        looks = list(run.glimpses.values())
        try:
            preview, scores = await self._loop.run_in_executor(
                self._finishing, self._finisher.preview, run.assignment.images, looks
            )
        except PREVIEW_FAULTS as error:
            logger.warning("no preview of job %s: %s", run.claim.job_id, error)
            return run.progress()
        return run.progress(preview, scores)

    def _cancel(self, claim: Claim) -> None:
        """To be stopped and reported. While it is drawn, the generator says what it cost."""
        run = self.runs.get(claim)
        if claim in self.reporter or (run is None and self.runs.is_over(claim)):
            return
        if run and run.drawn is None and run.fetching is None:
            self._drive.cancel(claim)
            return
        spent = 0
        if run and run.fetching:
            run.fetching.cancel()
        if run and run.drawn:
            self._stop(run)
            spent = run.drawn.measured_gpu_ms
        self._fail(claim, Fault.CANCELLED, "it was cancelled", measured_gpu_ms=spent)

    def _unreported(self) -> list[Run]:
        return [run for run in self.runs if run.claim not in self.reporter]

    def _stop(self, run: Run) -> None:
        for task in (run.fetching, run.finishing):
            if task:
                task.cancel()
        if run.drawn is None:
            self._drive.cancel(run.claim)

    def _in_loop(self, call: Callable[[T], None], what: T) -> None:
        """From the drive's thread into the event loop."""
        try:
            self._loop.call_soon_threadsafe(call, what)
        except RuntimeError:
            logger.info("the event loop ended before the drawing did")

    def _happened_all(self, happenings: Sequence[Happening]) -> None:
        for happening in happenings:
            run = self.runs.get(happening.claim)
            if run and happening.claim not in self.reporter:
                self._happened(run, happening)

    def _happened(self, run: Run, happening: Happening) -> None:
        run.untold = True
        if isinstance(happening, Progress):
            run.done, run.total = happening.done, happening.total
        elif isinstance(happening, Glimpse):
            run.glimpses[happening.index] = happening
            run.unseen = True
        elif isinstance(happening, Drawn):
            run.drawn = happening
            run.finishing = self._loop.create_task(self._finish(run, happening))
            run.finishing.add_done_callback(partial(self._finish_ended, run, happening))
        else:
            self._report_failure(happening)

    async def _finish(self, run: Run, drawn: Drawn) -> None:
        """Pixels become files, the files are uploaded, and only then is the run reported complete."""
        files = await self._loop.run_in_executor(
            self._finishing_of(run), self._finisher.finish, run.assignment, drawn
        )
        try:
            await upload(self._connection, run.claim, files, self._rng)
        except Conflict as error:
            logger.warning("job %s is dropped: %s", run.claim.job_id, error.message)
            self.abandon(run.claim)
            return
        logger.info(
            "job %s: drawn, %d pictures, %d ms", run.claim.job_id, len(drawn.pictures), drawn.measured_gpu_ms
        )
        self.reporter.add(
            Completion(
                claim=run.claim,
                measured_gpu_ms=drawn.measured_gpu_ms,
                images=files.images,
                notes=drawn.notes,
            )
        )

    def _finishing_of(self, run: Run) -> Executor:
        """Previews first, then by lane; what was enlarged takes long, and lets others in between."""
        assignment = run.assignment
        enlarged = assignment.recipe.scale is not None
        return self._finishing.at(1 + 2 * LANES.index(assignment.lane) + enlarged)

    async def _fetch(self, run: Run) -> None:
        """The pictures that a job begins with and what an earlier worker left of it, and then the generator gets it."""
        assignment = run.assignment
        try:
            inputs = await pictures_of(self._connection, assignment, self._rng)
        except DarkroomError as error:
            run.fetching = None
            own = isinstance(error, OutputError)
            message = f"{CANNOT_BE_DRAWN}{error.message}" if own else error.message
            self._fail(run.claim, Fault.JOB if own else Fault.INFRASTRUCTURE, message)
            return
        saved = await found(self._connection, assignment) if assignment.saved_url else None
        run.fetching = None
        self._drive.add(assignment, saved, inputs)

    async def _hand_on(self, run: Run) -> None:
        """For a short while; what is not saved or finished by then is given back as it was."""
        saved = ""
        try:
            async with asyncio.timeout(HAND_ON_WITHIN_S):
                if run.drawn is None and run.fetching is None and (state := await self._released(run.claim)):
                    saved = await left_behind(self._connection, run.claim, state, self._rng)
                elif run.finishing:
                    await asyncio.wait([run.finishing])
        except TimeoutError:
            logger.warning("there was no time to hand on job %s", run.claim.job_id)
        except Conflict as error:
            logger.warning("job %s is dropped: %s", run.claim.job_id, error.message)
            self.abandon(run.claim)
            return
        if run.claim not in self.reporter:
            how = f"handed on at step {run.done} of {run.total}" if saved else "given back as it was"
            logger.info("job %s: %s", run.claim.job_id, how)
            self._stop(run)
            self._fail(run.claim, Fault.DRAINED, LEAVING, saved=saved)

    async def _released(self, claim: Claim) -> bytes | None:
        """The states of a run that the generator then has no more of; None where it had ended there already."""
        answer: asyncio.Future[bytes | None] = self._loop.create_future()

        def settle(saved: bytes | None) -> None:
            if not answer.done():
                answer.set_result(saved)

        self._drive.release(claim, partial(self._in_loop, settle))
        return await answer

    def _fetch_ended(self, run: Run, task: asyncio.Task[None]) -> None:
        """Whatever fetching broke on, the run does not wait for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the pictures of job %s could not be fetched", run.claim.job_id, exc_info=error)
            run.fetching = None
            self._fail(run.claim, Fault.INFRASTRUCTURE, f"its pictures could not be fetched: {error}")

    def _leaving_ended(self, run: Run, task: asyncio.Task[None]) -> None:
        """Whatever handing on broke on, the run is given back."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("job %s could not be handed on", run.claim.job_id, exc_info=error)
            self._stop(run)
            self._fail(run.claim, Fault.DRAINED, LEAVING)

    def _finish_ended(self, run: Run, drawn: Drawn, task: asyncio.Task[None]) -> None:
        """Whatever finishing broke on, the run fails, and another worker may do better."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        logger.error("job %s could not be finished", run.claim.job_id, exc_info=error)
        message = f"the pictures could not be finished: {error}"
        self._fail(run.claim, Fault.INFRASTRUCTURE, message, measured_gpu_ms=drawn.measured_gpu_ms)

    def _fail(
        self, claim: Claim, fault: Fault, message: str, *, measured_gpu_ms: int = 0, saved: str = ""
    ) -> None:
        self._report_failure(
            Failure(
                claim=claim,
                fault=fault,
                message=message,
                measured_gpu_ms=measured_gpu_ms,
                device=self._connection.introduction.device,
                saved=saved,
            )
        )

    def _report_failure(self, failure: Failure) -> None:
        """What was cancelled or given back is no fault of anybody's."""
        asked_for = failure.fault in (Fault.CANCELLED, Fault.DRAINED)
        level = logging.INFO if asked_for else logging.WARNING
        logger.log(level, "job %s: %s: %s", failure.claim.job_id, failure.fault.value, failure.message)
        self.reporter.add(failure)

    def _answered(self, report: Report, outcome: Outcome) -> None:
        level = logging.WARNING if outcome is Outcome.STALE else logging.INFO
        logger.log(level, "job %s: the report was %s", report.claim.job_id, outcome.value)
        self.runs.end(report.claim)
