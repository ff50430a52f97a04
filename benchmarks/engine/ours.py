"""Our engine and decoder over the toy's own network and VAE, driven as a worker drives them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from benchmarks.engine.contender import Ended
from benchmarks.engine.meter import Meter
from benchmarks.engine.toy import PX, SIDE_MAX, Inputs, Toy, Words

from darkroom.core.capabilities import ModelCapabilities
from darkroom.core.events import ImageCancelled, StepTaken
from darkroom.core.params import GenerationParams, Lane, PromptPart
from darkroom.engine.decoder import Decoder, Done
from darkroom.engine.engine import Engine
from darkroom.engine.profiles import Profiles
from darkroom.engine.requests import Request
from darkroom.model.denoiser import Conditioning, Encoded, Prepared
from darkroom.model.families.parts import Parts
from darkroom.model.families.sd3 import StableDiffusion3
from darkroom.model.placement import Placement

NAP_S = 0.0002  # between two looks at a decoder that works while nothing is left to denoise
URGENCY = {Lane.TURBO: 0, Lane.FAST: 1, Lane.RELAX: 2}


class Ordered(StableDiffusion3):
    """The family's Denoiser over the toy's parts; a request's seed names the order whose noise and words are ready."""

    def __init__(self, toy: Toy) -> None:
        parts = Parts.of(toy.pipeline().components, weights_hash="0" * 64)
        entry = ModelCapabilities(
            name="toy-sd3",
            title="A toy",
            family="sd3",
            honours=frozenset(),
            native_px=SIDE_MAX * PX,
            large_px=SIDE_MAX * PX,
        )
        super().__init__(parts, entry, Placement(device=str(toy.device), precision="fp32"))
        self.inputs: dict[int, Inputs] = {}

    def texts(self, params: GenerationParams) -> tuple[str, ...]:
        return ()

    def prepare(
        self, params: GenerationParams, *, index: int, encoded: Mapping[str, Encoded] | None = None
    ) -> Prepared:
        assert params.seed is not None
        inputs = self.inputs.pop(params.seed)
        order = inputs.order
        return Prepared(
            row_class=f"{self.name}/{order.side}x{order.side}",
            latent=inputs.noise,
            sigmas=inputs.sigmas,
            guidance=order.guidance,
            sampler="euler",
            conditional=_row(inputs.words),
            unconditional=None if order.guidance == 1 else _row(inputs.nothing),
        )


class Rows:
    """One engine and one decoder, on a thread of its own beside the loop."""

    def __init__(
        self, model: Ordered, *, exact: bool, profiles: Profiles, meter: Meter, threads: int
    ) -> None:
        self._model, clock = model, meter.clock
        self._beside = ThreadPoolExecutor(1, initializer=lambda: torch.set_num_threads(threads))
        self._engine = Engine(exact=exact, preview_every=0, profiles=profiles, timer=clock.now)
        meter.watch_scheduler(self._engine._scheduler)
        self._decoder = Decoder(lambda decoded: decoded.picture, on=self._beside, timer=clock.now)
        self._begun: set[int] = set()

    @property
    def busy(self) -> bool:
        return self._engine.busy or len(self._decoder) > 0

    def add(self, inputs: Inputs) -> None:
        order = inputs.order
        self._model.inputs[order.key] = inputs
        params = GenerationParams(
            parts=(PromptPart(text="a toy", weight=1.0),), model=self._model.name, seed=order.key
        )
        self._engine.add(
            self._model,
            Request(
                job_id=str(order.key), index=0, params=params, priority=URGENCY[order.lane], flow=order.flow
            ),
        )

    def cancel(self, key: int) -> None:
        self._engine.cancel(str(key))
        self._decoder.cancel(str(key))

    def begun(self, key: int) -> bool:
        return key in self._begun

    def step(self) -> list[Ended]:
        dropped = []
        if self._engine.busy:
            for event in self._engine.step():
                if isinstance(event, StepTaken):
                    self._begun.add(int(event.job_id))
                elif isinstance(event, ImageCancelled):
                    dropped.append(Ended(key=int(event.job_id), picture=None))
            self._decoder.add(self._engine.take_finished())
        else:
            time.sleep(NAP_S)
        done = self._decoder.take()
        assert all(isinstance(each, Done) for each in done), f"a picture failed: {done}"
        return dropped + [
            Ended(key=int(each.job_id), picture=each.result) for each in done if isinstance(each, Done)
        ]

    def close(self) -> None:
        self._beside.shutdown()


class OurSide:
    """What outlives one contender: the model, and the profiles that are measured once in a process."""

    def __init__(self, toy: Toy, *, meter: Meter, threads: int) -> None:
        self._model = Ordered(toy)
        self._meter, self._threads = meter, threads
        self._profiles = Profiles(timer=meter.clock.now)

    def contender(self, *, exact: bool) -> Rows:
        return Rows(
            self._model, exact=exact, profiles=self._profiles, meter=self._meter, threads=self._threads
        )


def _row(words: Words) -> Conditioning:
    return {"text": words.tokens, "pooled": words.pooled}
