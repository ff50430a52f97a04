"""The real generator around a network of three lines: what it draws, what it measures, and whose fault a failure is."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
import torch
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.params import GenerationParams, Lane, image_seed
from darkroom.core.work import Assignment, Claim, Failure, Fault, Progress
from darkroom.engine.decoder import Decoder
from darkroom.engine.engine import Engine
from darkroom.model.denoiser import Conditioning, Prepared
from darkroom.model.registry import read_registry
from darkroom.model.upscaler import Upscaler
from darkroom.worker.drawing import EngineGenerator
from darkroom.worker.generator import Drawn, Glimpse, Happening
from darkroom.worker.studio import Studio


class Tiny:
    """Two steps, one row an image ("guided": two); every pass takes `pass_s` on its clock, every picture a second."""

    name, weights_hash, device, dtype = "mini-1", "0" * 64, torch.device("cpu"), torch.float32

    def __init__(self) -> None:
        self.now = 0.0
        self.rows: list[int] = []
        self.fault: Callable[[int], None] = lambda rows: None
        self.uneven = 0.0

    def prepare(self, params: GenerationParams, *, index: int) -> Prepared:
        if "unpaintable" in params.text:
            raise ModelError("nobody can paint that")
        assert params.seed is not None
        noise = torch.Generator().manual_seed(image_seed(params.seed, index))
        return Prepared(
            row_class="tiny",
            latent=torch.randn(3, 4, 4, generator=noise),
            sigmas=(1.0, 0.5, 0.0),
            guidance=2.0 if "guided" in params.text else 1.0,
            sampler="euler",
            conditional={"words": torch.ones(1) * (torch.nan if "nan" in params.text else 1)},
            unconditional={"words": torch.ones(1)},
        )

    def denoise(self, latents: Tensor, sigmas: Tensor, conditioning: Sequence[Conditioning]) -> Tensor:
        self.now += 6.0
        self.fault(len(latents))
        words = torch.stack([row["words"] for row in conditioning])[:, :, None, None]
        return latents * 0.1 * words + self.uneven * torch.arange(len(latents))[:, None, None, None]

    def decode(self, latents: Tensor, *, seamless: bool) -> Tensor:
        self.now += 1.0
        return latents.clamp(0, 1)

    def preview(self, denoised: Tensor) -> Tensor:
        return denoised.clamp(0, 1)


@pytest.fixture
def tiny() -> Tiny:
    return Tiny()


@pytest.fixture
def generator(tiny: Tiny) -> EngineGenerator:
    studio = Studio(engine=Engine(tiny, preview_every=1), decoder=Decoder(tiny), upscaler=Upscaler.load())
    return EngineGenerator(studio, read_registry(), timer=lambda: tiny.now)


def ask(text: str = "a fox", number: int = 1, *, lane: Lane = Lane.FAST, images: int = 4) -> Assignment:
    claim = Claim(job_id=UUID(int=number), fence=1)
    prompt = f"{text} --v mini-1 --seed {number}"
    return Assignment(
        claim=claim, prompt=prompt, model="mini-1", seed=number, lane=lane, images=images, attempt=1
    )


def rest(generator: EngineGenerator) -> list[Happening]:
    """Everything that happens until there is nothing to do."""
    found: list[Happening] = []
    for _ in range(200):
        if not generator.busy:
            return found
        found += generator.step()
    raise AssertionError("the generator does not come to rest")


def drawn(happenings: Sequence[Happening]) -> dict[int, Drawn]:
    return {each.claim.job_id.int: each for each in happenings if isinstance(each, Drawn)}


def test_a_job_is_drawn_step_by_step(generator: EngineGenerator) -> None:
    generator.add(ask())
    happened = rest(generator)
    assert [(each.done, each.total) for each in happened if isinstance(each, Progress)] == [(4, 8), (8, 8)]
    found = drawn(happened)[1]
    assert sorted(found.pictures) == [0, 1, 2, 3] and found.pictures[0].image.size == (16, 16)
    assert found.parameters["seed"] == 1 and happened[-1] is found
    assert {each.index for each in happened if isinstance(each, Glimpse)} == {0, 1, 2, 3}


def test_it_measures_passes_and_pictures(generator: EngineGenerator) -> None:
    generator.add(ask())
    assert drawn(rest(generator))[1].measured_gpu_ms == 2 * 6000 + 4 * 1000


def test_a_pass_is_shared_by_rows(generator: EngineGenerator) -> None:
    generator.add(ask("guided", 1, images=1))
    generator.add(ask("plain", 2, images=1))
    found = drawn(rest(generator))
    assert found[1].measured_gpu_ms == 2 * 4000 + 1000
    assert found[2].measured_gpu_ms == 2 * 2000 + 1000


def test_a_job_that_is_nearly_done_does_not_wait_for_the_next(generator: EngineGenerator) -> None:
    generator.add(ask("guided", 1))
    generator.add(ask("guided", 2))
    happened = rest(generator)
    next_begins = next(i for i, each in enumerate(happened) if each.claim.job_id.int == 2)
    assert happened.index(drawn(happened)[1]) < next_begins


def test_the_urgent_lane_goes_first(generator: EngineGenerator) -> None:
    for number, lane in ((1, Lane.RELAX), (2, Lane.FAST), (3, Lane.TURBO)):
        generator.add(ask("guided", number, lane=lane))
    assert list(drawn(rest(generator))) == [3, 2, 1]


@pytest.mark.parametrize(
    "prompt",
    [
        "a fox --v mini-1",
        "a fox --nonsense 3",
        "",
        "{a, b} --v mini-1 --seed 1",
        "unpaintable --v mini-1 --seed 1",
    ],
)
def test_a_prompt_that_cannot_be_drawn_is_the_jobs_fault(generator: EngineGenerator, prompt: str) -> None:
    job = ask()
    generator.add(
        Assignment(
            claim=job.claim, prompt=prompt, model="mini-1", seed=1, lane=Lane.FAST, images=4, attempt=1
        )
    )
    (failure,) = rest(generator)
    assert isinstance(failure, Failure) and failure.fault is Fault.JOB and failure.message


def test_numbers_that_are_not_finite_are_the_devices_fault(generator: EngineGenerator) -> None:
    generator.add(ask("nan"))
    generator.add(ask(number=2))
    happened = rest(generator)
    (failure,) = [each for each in happened if isinstance(each, Failure)]
    assert (
        failure.fault is Fault.INFRASTRUCTURE and failure.device == "cpu" and len(failure.fingerprint) == 12
    )
    assert list(drawn(happened)) == [2]


def test_no_memory_is_the_devices_fault(generator: EngineGenerator, tiny: Tiny) -> None:
    def full(rows: int) -> None:
        raise MemoryError("out of memory")

    tiny.fault = full
    generator.add(ask())
    (failure,) = rest(generator)
    assert isinstance(failure, Failure) and failure.fault is Fault.INFRASTRUCTURE


def test_a_cancelled_job_says_what_it_cost_and_touches_no_other(generator: EngineGenerator) -> None:
    generator.add(ask())
    generator.add(ask(number=2))
    generator.step()
    generator.cancel(ask().claim)
    happened = rest(generator)
    (failure,) = [each for each in happened if isinstance(each, Failure)]
    assert (failure.fault, failure.measured_gpu_ms) == (Fault.CANCELLED, 3000)
    assert list(drawn(happened)) == [2]
    generator.cancel(ask(number=2).claim)
    assert not generator.busy


def test_cancelling_while_pictures_wait_to_be_decoded(generator: EngineGenerator) -> None:
    generator.add(ask())
    for _ in range(3):
        generator.step()  # two passes and one picture
    generator.cancel(ask().claim)
    (failure,) = rest(generator)
    assert isinstance(failure, Failure) and failure.measured_gpu_ms == 13000


def test_the_same_pixels_in_any_company(generator: EngineGenerator) -> None:
    generator.add(ask())
    alone = drawn(rest(generator))[1]
    for number in (3, 1, 2):
        generator.add(ask("guided" if number == 3 else "a fox", number))
    crowded = drawn(rest(generator))[1]
    for index, picture in alone.pictures.items():
        assert picture.image.tobytes() == crowded.pictures[index].image.tobytes()


def test_the_self_test_passes_and_can_fail(generator: EngineGenerator, tiny: Tiny) -> None:
    assert generator.verify().holds
    tiny.uneven = 0.5
    with pytest.raises(ModelError, match="does not keep exact mode for tiny"):
        generator.verify()


def test_what_it_says_of_itself(generator: EngineGenerator, tiny: Tiny) -> None:
    assert (generator.models, generator.warm, generator.device) == (("mini-1",), ("mini-1",), "cpu")
    named: Any = EngineGenerator(generator._studio, read_registry(), device="my box")
    assert named.device == "my box"
