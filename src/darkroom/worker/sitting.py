"""A run while it is drawn: how far each image is, what it took, and what there is of it. Knows no engine and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from darkroom.core.events import StepTaken
from darkroom.core.params import GenerationParams
from darkroom.core.recipes import Action, Recipe
from darkroom.core.work import Assignment, Claim, Progress
from darkroom.engine.rows import Finished
from darkroom.engine.saved import SavedSample
from darkroom.model.denoiser import Denoiser
from darkroom.worker.plates import Plates
from darkroom.worker.studio import Picture
from darkroom.worker.unfinished import Unfinished, latent_of


@dataclass(kw_only=True)
class Sitting:
    """A run in flight; `denoiser` is None until its model is there, `before` what it came with from elsewhere. `inputs` are
    the files of its recipe until they are laid out as `plates`; `entered` says that its images are in the engine.

    By image: `finished` is what left the engine, `steps_done` how far it is and `steps_ms` what that took, elsewhere too.
    `steps` is how many an image takes, 0 until that is known; `pictures_ms` what making its pictures took here.
    """

    assignment: Assignment
    params: GenerationParams
    before: Unfinished
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    denoiser: Denoiser | None = None
    plates: Plates | None = None
    entered: bool = False
    finished: dict[int, Finished] = field(default_factory=dict)
    pictures: dict[int, Picture] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    steps: int = 0
    steps_done: dict[int, int] = field(default_factory=dict)
    steps_ms: dict[int, float] = field(default_factory=dict)
    pictures_ms: float = 0.0

    @property
    def claim(self) -> Claim:
        return self.assignment.claim

    @property
    def images(self) -> int:
        return self.assignment.images

    @property
    def recipe(self) -> Recipe:
        return self.assignment.recipe

    @property
    def is_enlarging(self) -> bool:
        """Nothing is drawn: the picture that it begins with becomes larger as it is."""
        return self.recipe.action is Action.UPSCALE_SUBTLE

    @property
    def measured_gpu_ms(self) -> int:
        return round(sum(self.steps_ms.values()) + self.pictures_ms)

    @property
    def progress(self) -> Progress:
        done = sum(self.steps_done.values())
        return Progress(claim=self.claim, done=done, total=self.steps * self.images)

    def goes_on(self, saved: SavedSample) -> None:
        """An image is taken to be where it stopped elsewhere. Where the engine begins it again, its first step says so."""
        self.steps = saved.steps
        self.steps_done[saved.index] = saved.step
        self.steps_ms[saved.index] = saved.device_ms

    def stepped(self, event: StepTaken) -> None:
        """What an image took before its first step was in vain, and is not paid for."""
        before = self.steps_ms.get(event.index, 0.0) if event.step > 1 else 0.0
        self.steps_ms[event.index] = before + event.device_ms
        self.steps_done[event.index] = event.step
        self.steps = event.steps

    def saved(self, states: Iterable[SavedSample]) -> list[SavedSample]:
        """All that there is of it, given the states of the images in the engine."""
        unfinished = [replace(each, device_ms=self.steps_ms.get(each.index, 0.0)) for each in states]
        return unfinished + [
            latent_of(each, self.assignment, steps=self.steps, device_ms=self.steps_ms.get(each.index, 0.0))
            for each in self.finished.values()
        ]
