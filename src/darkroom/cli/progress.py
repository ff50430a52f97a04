"""What a person sees while images are drawn: bars and a preview on stderr, never a byte on stdout."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from PIL import Image
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from darkroom.cli.preview import HalfBlocks, Inline, inline_of, inline_sequence
from darkroom.core.events import Event, PreviewMade, StepTaken
from darkroom.core.params import IMAGES_PER_JOB
from darkroom.finish.grid import compose_grid

REFRESH_HZ = 8
PREVIEW_COLUMNS = 48  # characters; a line of text is two pixels high
PREVIEW_ROWS = 24
BARS_MAX = 8  # more jobs than that share one bar
LABEL_CHARACTERS = 40


class Watch:
    """The live view of one run. Silent where the console is; without bars where stderr is no terminal."""

    def __init__(self, console: Console, environ: Mapping[str, str]) -> None:
        self._console = console
        self._live_terminal = console.is_terminal and not console.quiet
        self._shows_pixels = self._live_terminal and console.color_system == "truecolor"
        self._inline = inline_of(environ) if self._live_terminal else Inline.NONE
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._bar_of: dict[str, TaskID] = {}
        self._done: dict[tuple[str, int], int] = {}
        self._told: dict[str, tuple[int, int]] = {}
        self._label_of: dict[str, str] = {}
        self._whole = True
        self._seen: dict[str, dict[int, Image.Image]] = {}
        self._shown: Image.Image | None = None
        self._live = Live(console=console, refresh_per_second=REFRESH_HZ, get_renderable=self._view)

    def __enter__(self) -> Self:
        if self._live_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, sentence: str) -> None:
        """One line for the person."""
        self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def introduce(self, jobs: Mapping[str, str], indices: Sequence[int]) -> None:
        """The jobs of this run, by id, with what to call them, and the images of each. Comes before the first event."""
        self._label_of = {job: _label(text) for job, text in jobs.items()}
        if len(jobs) > BARS_MAX:
            self._bar_of = dict.fromkeys(jobs, self._bars.add_task(f"{len(jobs)} jobs", total=None))
        else:
            self._bar_of = {
                job: self._bars.add_task(label, total=None) for job, label in self._label_of.items()
            }
        self._whole = len(indices) == IMAGES_PER_JOB
        self._done = {(job, index): 0 for job in jobs for index in indices}

    def happened(self, event: Event) -> None:
        """Move the bar of a job, or keep an estimate of an image."""
        if isinstance(event, StepTaken):
            self._step(event)
        elif isinstance(event, PreviewMade) and self._shows_pixels:
            size = (event.width, event.height)
            self._seen.setdefault(event.job_id, {})[event.index] = Image.frombytes("RGB", size, event.rgb)
            seen = self._seen[event.job_id]
            self._shown = _mosaic(seen) if self._whole else seen[event.index]

    @property
    def shows_previews(self) -> bool:
        """Whether it is of any use to `look`."""
        return self._shows_pixels

    @property
    def shows_pictures(self) -> bool:
        """Whether it is of any use to say what is `finished`."""
        return self._shows_pixels or self._inline is not Inline.NONE

    def advanced(self, job_id: str, done: int, total: int) -> None:
        """Steps done of all steps of a job's images, where somebody else counts them."""
        self._told[job_id] = (done, total)
        bar = self._bar_of[job_id]
        mine = [self._told.get(job, (0, total)) for job, of in self._bar_of.items() if of == bar]
        self._bars.update(bar, completed=sum(done for done, _ in mine), total=sum(total for _, total in mine))

    def completed(self, job_id: str) -> None:
        """Its bar is full, whatever was told of its steps."""
        total = self._told.get(job_id, (0, 1))[1]
        self.advanced(job_id, total, total)

    def placed(self, job_id: str, words: str) -> None:
        """Where a job stands, beside its name; "" where its bar says it. Many jobs in one bar keep it to themselves."""
        if len(self._bars.tasks) == len(self._bar_of):
            label = self._label_of[job_id] + (f" [dim]{escape(words)}[/dim]" if words else "")
            self._bars.update(self._bar_of[job_id], description=label)

    def look(self, picture: Image.Image) -> None:
        """A preview of an unfinished grid."""
        self._shown = picture

    def finished(self, picture: Image.Image) -> None:
        """Show a finished grid (or lone image) where the terminal can."""
        if self._inline is not Inline.NONE:
            self._shown = None
            self._live.stop()
            self._console.file.write(inline_sequence(picture, self._inline))
            self._live.start()
        elif self._shows_pixels:
            self._shown = picture

    def _step(self, event: StepTaken) -> None:
        bar = self._bar_of[event.job_id]
        self._done[event.job_id, event.index] = event.step
        mine = [done for (job, _), done in self._done.items() if self._bar_of[job] == bar]
        self._bars.update(bar, completed=sum(mine), total=event.steps * len(mine))

    def _view(self) -> RenderableType:
        if self._shown is None:
            return self._bars
        rows = min(PREVIEW_ROWS, self._console.size.height - len(self._bars.tasks) - 2)
        if rows < 1:
            return self._bars
        return Group(self._bars, HalfBlocks(self._shown, columns=PREVIEW_COLUMNS, rows=rows))


def open_watch(*, quiet: bool) -> Watch:
    """The watch of this process: it talks to stderr, or to nobody."""
    return Watch(Console(stderr=True, quiet=quiet), os.environ)


def _label(text: str) -> str:
    """Words of a prompt as the name of a bar: one short line, nothing in it steers the terminal."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return escape(plain if len(plain) <= LABEL_CHARACTERS else plain[: LABEL_CHARACTERS - 1] + "…")


def _mosaic(seen: Mapping[int, Image.Image]) -> Image.Image:
    """What is known of a grid so far, the rest dark."""
    dark = Image.new("RGB", next(iter(seen.values())).size)
    return compose_grid([seen.get(index, dark) for index in range(IMAGES_PER_JOB)], gap_px=0)
