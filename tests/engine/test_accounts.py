"""Whatever happens to whom, every image ends once, nothing of it is left behind, and the bill is what was measured."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from darkroom.core.events import Event, ImageCancelled, ImageFailed, ImageFinished, StepTaken
from darkroom.engine.engine import Engine
from darkroom.engine.rows import LATENTS_KEPT
from darkroom.engine.saved import pack, unpack

TICKS = 80
PATIENCE = 5000  # ticks after which it should have come to rest
SAMPLERS = ("euler", "heun", "dpmpp_2m_flow", "euler_ancestral_flow")
FAULTS = ("model", "text", "noise", "nan")


def a_wish(rng: random.Random) -> str:
    fault = f"fault={rng.choice(FAULTS)}" if rng.random() < 0.15 else ""
    sampler, side = rng.choice(SAMPLERS), rng.choice((6, 8))
    return f"w{rng.randint(0, 5)} steps={rng.randint(1, 6)} guidance={rng.choice((1, 1, 2))} {sampler=!s} {side=} {fault}"


def breaking(rng: random.Random) -> Any:
    """A device that is short of memory at times, and at times breaks."""

    def before_pass(rows: int) -> None:
        luck = rng.random()
        if rows > 2 and luck < 0.02:
            raise torch.OutOfMemoryError("out of memory")
        if 0.02 < luck < 0.04:
            raise RuntimeError("a broken kernel")

    return before_pass


class Books:
    """What was told of each image, and of the time."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.ends: Counter[tuple[str, int]] = Counter()
        self.told_ms = 0.0
        self.untold = False

    def note(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, StepTaken):
                self.told_ms += event.device_ms
            if isinstance(event, (ImageFinished, ImageFailed, ImageCancelled)):
                self.ends[event.job_id, event.index] += 1
            # a failed image has no step to be billed for
            self.untold = self.untold or (
                isinstance(event, ImageFailed) and "model's numbers" in event.reason
            )


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("state_bytes_max", [12_000, 10**9])
@pytest.mark.parametrize("seed", range(3))
def test_every_image_ends_once_and_leaves_nothing_behind(
    tiny: Any, ask: Any, put: Any, seed: int, state_bytes_max: int, beside: bool
) -> None:
    rng, books = random.Random(seed), Books()
    models = (tiny, type(tiny)("other"))
    with ThreadPoolExecutor(1) as on:
        encode_on = on if beside else None
        engine = Engine(encode_on=encode_on, preview_every=2, state_bytes_max=state_bytes_max)
        for model in models:
            model.before_pass = breaking(rng)
        for _ in range(TICKS):
            for _ in range(rng.choice((0, 0, 1, 3))):
                books.asked.append((f"job {len(books.asked) // 3}", len(books.asked)))
                put(
                    engine, rng.choice(models), *books.asked[-1], ask(a_wish(rng)), priority=rng.randint(0, 2)
                )
            job_id = rng.choice(books.asked)[0] if books.asked else ""
            if rng.random() < 0.2:
                engine.cancel(job_id)
            assert all(0 < state.step < state.steps for state in unpack(pack(engine.save(job_id))))
            books.note(engine.step())
            assert engine.in_flight("tiny") + engine.in_flight("other") == len(engine)
        for _ in range(PATIENCE):
            if engine.busy:
                books.note(engine.step())
    assert not engine.busy and len(engine) == 0 and engine._state_bytes == 0
    assert not engine.in_flight("tiny") and not engine.in_flight("other") and engine.take_previews() == []
    assert set(books.ends) == set(books.asked) and set(books.ends.values()) == {1}
    measured = engine.vitals().device_ms
    assert books.told_ms < measured if books.untold else books.told_ms == pytest.approx(measured)


def test_a_sample_holds_no_more_than_it_is_counted_with(tiny: Any, ask: Any, put: Any) -> None:
    engine = Engine(preview_every=2)
    put(engine, tiny, "a", 0, ask("fox steps=9 sampler=dpmpp_2m_flow"))
    for _ in range(3):
        engine.step()
    (sample,) = engine._samples.values()
    (estimate,) = engine._previews._newest.values()
    held = [sample.x, sample.denoised, sample.past_x, sample.image.prepared.latent, estimate.denoised]
    storages = {
        each.untyped_storage().data_ptr(): each.untyped_storage().nbytes()
        for each in held
        if each is not None
    }
    latent = sample.image.prepared.latent
    assert sum(storages.values()) == LATENTS_KEPT * latent.nbytes
    assert (
        sample.image.state_bytes == sum(storages.values()) + sample.image.prepared.conditional["words"].nbytes
    )
