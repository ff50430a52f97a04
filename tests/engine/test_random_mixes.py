"""Exact mode's promise: whatever shares its passes, preempts it or hands it on, an image has the bits that it has alone.

200 random mixes of requests: sizes, pictures, steps, guidance, lanes, flows, samplers, arrivals, cancels, and engines that stop
and hand their images on. The models are a small test network, mini-1 and two tiny families over diffusers' networks.
"""

from __future__ import annotations

import importlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom.core.events import Event, ImageCancelled, StepTaken
from darkroom.core.params import Aspect, GenerationParams, PromptPart
from darkroom.engine.engine import Engine
from darkroom.engine.profiles import Profile, Profiles
from darkroom.engine.requests import Request
from darkroom.engine.rows import Finished
from darkroom.engine.saved import pack, unpack
from darkroom.model.denoiser import Denoiser, Given, Guide, Prepared

Key = tuple[str, int]  # job and index
WORDS = ("a fox", "an owl in the snow", "the sea")
SAMPLERS = ("euler", "heun", "ddim", "dpmpp_2m_flow", "euler_ancestral_flow")
TINY_WISHES = [
    f"{word} steps={steps} guidance={guidance} sampler={sampler} side={side}"
    for (word, sampler), (steps, guidance), side in zip(
        product(("fox", "owl"), SAMPLERS),
        [(2, 1), (5, 2.5), (3, 7), (4, 1), (6, 3)] * 2,
        [8, 8, 6, 8, 8, 6, 8] * 2,
        strict=False,
    )
]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model, what it is asked for, and what each request came to when it was alone (by the mixes, once)."""

    denoiser: Denoiser
    wishes: Sequence[GenerationParams]
    images: int = 7
    profiles: Profiles = field(default_factory=lambda: Profiles(budget_s=1.0))
    alone: dict[tuple[GenerationParams, int, int], torch.Tensor] = field(default_factory=dict)
    pictures: bool = False
    """Whether some of its requests come with pictures."""
    known_givens: dict[GenerationParams, list[Given | None]] = field(default_factory=dict)

    def givens(self, params: GenerationParams) -> list[Given | None]:
        """What a request may come with: half of the time nothing."""
        if params not in self.known_givens:
            made = givens(self.denoiser.prepare(params, index=0).latent) if self.pictures else []
            self.known_givens[params] = [None] * max(1, len(made)) + made
        return self.known_givens[params]

    def latent(self, params: GenerationParams, index: int, given: Given | None) -> torch.Tensor:
        key = (params, index, id(given))
        if key not in self.alone:
            engine = Engine(profiles=self.profiles)
            engine.add(self.denoiser, Request(job_id="alone", index=index, params=params, given=given))
            while engine.busy:
                engine.step()
            (finished,) = engine.take_finished()
            assert finished.exact
            self.alone[key] = finished.latent
        return self.alone[key]


def givens(noise: torch.Tensor) -> list[Given | None]:
    """A beginning, a region and guides for a latent (C, h, w)."""
    picture = noise.roll(1, 0).tanh()
    region = torch.zeros(1, *noise.shape[1:])
    region[:, :, noise.shape[2] // 2 :] = 1
    guide = Guide(latent=picture.flip(1), picture=torch.zeros(3, 8, 8))
    return [
        Given(init=picture, strength=0.6),
        Given(init=picture, region=region, styles=(guide,)),
        Given(prompts=(guide,), styles=(guide,)),
    ]


def asked(text: str, **more: Any) -> GenerationParams:
    return GenerationParams(parts=(PromptPart(text=text, weight=1.0),), **{"model": "m", "seed": 5, **more})


def tiny(request: pytest.FixtureRequest) -> Subject:
    wishes = [asked(wish, seed=seed) for seed, wish in enumerate(TINY_WISHES)]
    return Subject(denoiser=request.getfixturevalue("tiny"), wishes=wishes, pictures=True)


def mini(request: pytest.FixtureRequest) -> Subject:
    from darkroom.model.mini import Mini

    draft = {"model": "mini-1", "draft": True, "quality": 0.5}
    wishes = [
        asked("a fox", **draft),
        asked("an owl in the snow", **draft, negative=("red",), tile=True, seed=8),
        asked("a house by the sea", **draft | {"quality": 0.75}, chaos=30),
    ]
    return Subject(denoiser=Mini.load(), wishes=wishes, images=3, pictures=True)


def family(name: str) -> Callable[[pytest.FixtureRequest], Subject]:
    """A tiny model of a family, through the same door as one that people own."""

    def load(request: pytest.FixtureRequest) -> Subject:
        pytest.importorskip("diffusers")
        from tests.families import drive

        from darkroom.model.loading import load_model

        folder: Path = request.getfixturevalue("tmp_path") / name
        importlib.import_module(f"tests.families.builders_{name}").build(folder)
        denoiser = load_model(drive.entry(name, folder, steps=4), drive.CPU)
        wishes = [
            asked(word, aspect=aspect, quality=quality)
            for word, aspect, quality in zip(
                WORDS, (Aspect.of(1, 1), Aspect.of(2, 1), Aspect.of(1, 1)), (1.0, 1.0, 2.0), strict=True
            )
        ]
        return Subject(denoiser=denoiser, wishes=wishes)

    return load


SUBJECTS = {"tiny": (tiny, 50), "mini-1": (mini, 6), "sd": (family("sd"), 17), "sd3": (family("sd3"), 27)}
"""How each model is made, and how many mixes it draws, once with one thread and once with two: 200 in all."""


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest, threads: int) -> tuple[Subject, int]:
    make, mixes = SUBJECTS[request.param]
    return make(request), mixes


class Narrow(Profiles):
    """What was measured, on a device whose memory suffices for so many rows, or for the smallest count that is proven."""

    def __init__(self, profiles: Profiles, rows_max: int) -> None:
        super().__init__(measure=False)
        self._profiles, self._rows_max = profiles, rows_max

    def settled(self, denoiser: Denoiser, prepared: Prepared, *, exact: bool = True) -> Profile:
        found = self._profiles.of(denoiser, prepared, exact=exact)
        return found.narrowed(max(self._rows_max, min((n for n in found.equal if n > 1), default=2)))


class Mix:
    """One engine after another, each with a memory of its own, and what became of a number of requests."""

    def __init__(self, subject: Subject, seed: int, *, exact: bool = True) -> None:
        self.subject, self.rng, self.exact = subject, random.Random(seed), exact
        self.engine = self._begin()
        self.asked: dict[Key, Request] = {}
        self.open: dict[Key, Request] = {}
        self.events: list[Event] = []
        self.finished: dict[Key, Finished] = {}
        self.counts: Counter[str] = Counter()

    def run(self) -> None:
        arriving = [self._request(number) for number in range(self.subject.images)]
        while arriving or self.engine.busy:
            while arriving and self.rng.random() < 0.6:
                self._add(arriving.pop())
            if self.open and self.rng.random() < 0.03:
                self.engine.cancel(self.rng.choice(list(self.open))[0])
            if self.rng.random() < 0.06:
                self._hand_on()
            self._step()

    def _begin(self) -> Engine:
        profiles = Narrow(self.subject.profiles, self.rng.choice([2, 4, 8, 16]))
        return Engine(exact=self.exact, profiles=profiles, preview_every=0)

    def _request(self, number: int) -> Request:
        params = self.rng.choice(self.subject.wishes)
        return Request(
            job_id=f"job{number % 5}",
            index=number,
            grid_index=self.rng.choice([None, number % 4]),
            given=self.rng.choice(self.subject.givens(params)),
            params=params,
            priority=self.rng.randrange(3),
            flow=self.rng.choice("xyz"),
        )

    def _add(self, request: Request) -> None:
        self.engine.add(self.subject.denoiser, request)
        self.asked[request.job_id, request.index] = self.open[request.job_id, request.index] = request

    def _step(self) -> None:
        events = self.engine.step()
        self.events += events
        for event in events:
            if isinstance(event, ImageCancelled):
                del self.open[event.job_id, event.index]
        for finished in self.engine.take_finished():
            self.finished[finished.job_id, finished.index] = finished
            del self.open[finished.job_id, finished.index]
        stepped = {(event.job_id, event.index) for event in events if isinstance(event, StepTaken)}
        self.counts["preempted"] += bool(stepped) and len(self.open.keys() - stepped) > 0

    def _hand_on(self) -> None:
        """The engine stops, and another one goes on with what it had of its images."""
        self._step()  # what was cancelled is gone for good
        states = {
            (job_id, state.index): state
            for job_id in {job_id for job_id, _ in self.open}
            for state in unpack(pack(self.engine.save(job_id)))
        }
        self.engine = self._begin()
        for key, request in list(self.open.items()):
            self._add(replace(request, saved=states.get(key)))
        self.counts["resumed"] += len(states)


def test_every_image_of_every_mix_has_the_bits_that_it_has_alone(subject: tuple[Subject, int]) -> None:
    drawn, mixes = subject
    counts: Counter[str] = Counter()
    for seed in range(mixes):
        mix = Mix(drawn, seed)
        mix.run()
        assert not mix.open
        for (job_id, index), finished in mix.finished.items():
            request = mix.asked[job_id, index]
            alone = drawn.latent(request.params, request.drawn_index, request.given)
            assert finished.exact and torch.equal(finished.latent, alone), request.params.text
            counts["with pictures"] += request.given is not None
        counts += mix.counts
        counts["finished"] += len(mix.finished)
        counts["cancelled"] += sum(isinstance(event, ImageCancelled) for event in mix.events)
    assert all(counts[what] > 0 for what in ("finished", "cancelled", "resumed", "preempted")), counts
    assert (counts["with pictures"] > 0) == drawn.pictures


def test_without_exact_mode_such_mixes_have_other_bits(crowded: Any) -> None:
    """So the test above can fail: this network shows what a number of rows does to the bits."""
    wishes = [asked(wish, seed=seed) for seed, wish in enumerate(TINY_WISHES)]
    fast = Subject(denoiser=crowded, wishes=wishes)
    differing = 0
    for seed in range(5):
        mix = Mix(fast, seed, exact=False)
        mix.run()
        for (job_id, index), finished in mix.finished.items():
            request = mix.asked[job_id, index]
            alone = fast.latent(request.params, request.drawn_index, request.given)
            differing += not torch.equal(finished.latent, alone)
            assert not finished.exact
    assert differing > 10
