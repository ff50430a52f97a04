"""The real generator around networks of three lines: what it draws, what it measures, and whose fault a failure is."""

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import torch
from torch import Tensor

from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.errors import ModelError
from darkroom.core.params import GenerationParams, Lane, image_seed
from darkroom.core.work import Assignment, Claim, Failure, Fault, Progress
from darkroom.engine.engine import Engine
from darkroom.engine.profiles import Profiles
from darkroom.model.denoiser import Conditioning, Encoded, Given, Prepared
from darkroom.model.registry import read_registry
from darkroom.model.upscaler import Upscaler
from darkroom.worker.beside import Beside
from darkroom.worker.drawing import EngineGenerator
from darkroom.worker.generator import Drawn, Glimpse, Happening
from darkroom.worker.loader import Library, Models
from darkroom.worker.shelf import Shelf
from darkroom.worker.studio import Studio

SIZES = {"mini-1": 1, "large": 6, "other": 6, "giant": 100}
TOTAL = 8


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Tiny:
    """Two steps, one row an image ("guided": two); every pass takes six seconds on its clock, every picture one."""

    weights_hash, device, dtype = "0" * 64, torch.device("cpu"), torch.float32

    def __init__(self, name: str, clock: Clock) -> None:
        self.name, self.clock = name, clock
        self.rows: list[int] = []
        self.fault: Callable[[int], None] = lambda rows: None
        self.decode_fault: Exception | None = None
        self.uneven = 0.0
        self.given: list[Given | None] = []

    def size(self, params: GenerationParams) -> tuple[int, int]:
        return 4, 4

    def encode_picture(self, picture: Tensor) -> Tensor:
        self.clock.now += 2.0
        return picture

    def texts(self, params: GenerationParams) -> tuple[str, ...]:
        return ()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        return []

    def prepare(
        self,
        params: GenerationParams,
        *,
        index: int,
        encoded: Mapping[str, Encoded] | None = None,
        given: Given | None = None,
    ) -> Prepared:
        if "unpaintable" in params.text:
            raise ModelError("nobody can paint that")
        self.given.append(given)
        assert params.seed is not None
        noise = torch.Generator().manual_seed(image_seed(params.seed, index))
        return Prepared(
            row_class=f"{self.name}/4x4",
            latent=torch.randn(3, 4, 4, generator=noise),
            sigmas=(1.0, 0.5, 0.0),
            guidance=2.0 if "guided" in params.text else 1.0,
            sampler="euler",
            conditional={"words": torch.ones(1) * (torch.nan if "nan" in params.text else 1)},
            unconditional={"words": torch.ones(1)},
            known=given.init if given and given.region is not None else None,
            region=given.region if given else None,
        )

    def denoise(self, latents: Tensor, sigmas: Tensor, conditioning: Sequence[Conditioning]) -> Tensor:
        self.clock.now += 6.0
        self.rows.append(len(latents))
        self.fault(len(latents))
        words = torch.stack([row["words"] for row in conditioning])[:, :, None, None]
        return latents * 0.1 * words + self.uneven * torch.arange(len(latents))[:, None, None, None]

    def decode(self, latents: Tensor, *, seamless: bool) -> Tensor:
        if self.decode_fault:
            raise self.decode_fault
        self.clock.now += 1.0
        return latents.clamp(0, 1)

    def preview(self, denoised: Tensor) -> Tensor:
        return denoised.clamp(0, 1)


class ByHand(Executor):
    """Loads when it is told to."""

    def __init__(self) -> None:
        self.tasks: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except (ModelError, RuntimeError) as fault:
                future.set_exception(fault)

        self.tasks.append(run)
        return future


class Bench:
    """A generator with several models, of which mini-1 is there; `loading` does what it is told by `load`."""

    def __init__(self, *, decode_on: Executor | None = None, wait: bool = False) -> None:
        self.clock, self.loading = Clock(), ByHand()
        self.tinies = {name: Tiny(name, self.clock) for name in SIZES}
        self.sizes = dict(SIZES)
        self.load_fault: Exception | None = None
        self.loads: list[str] = []
        library = Library(
            names=tuple(SIZES),
            needed_bytes=self.sizes.__getitem__,
            load=self._load,
            pinned=frozenset({"mini-1"}),
        )
        models = Models(library, Shelf(TOTAL), on=self.loading, clock=self.clock)
        models.now("mini-1")
        profiles = Profiles(measure=True, timer=self.clock)
        self.studio = Studio(
            engine=Engine(preview_every=1, profiles=Profiles(measure=False), timer=self.clock),
            models=models,
            upscaler=Upscaler.load(),
            profiles=profiles,
            device="cpu",
            decode_on=decode_on,
        )
        if not wait:
            self.studio.woken.wait = lambda timeout=None: True  # type: ignore[method-assign,assignment]
        self.generator = EngineGenerator(self.studio, catalogue(), clock=self.clock)

    def _load(self, name: str) -> Any:
        self.loads.append(name)
        self.clock.now += 5.0
        if self.load_fault:
            raise self.load_fault
        return self.tinies[name]

    def load(self) -> list[Happening]:
        """Whatever is weighed or loaded gets done, and what that makes possible."""
        told: list[Happening] = []
        while self.loading.tasks:
            self.loading.tasks.pop(0)()
            told += self.generator.step()
        return told


def catalogue() -> ModelCatalogue:
    mini = read_registry().models["mini-1"]
    return ModelCatalogue(models={name: replace(mini, name=name, default=name == "mini-1") for name in SIZES})


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def tiny(bench: Bench) -> Tiny:
    return bench.tinies["mini-1"]


@pytest.fixture
def generator(bench: Bench) -> EngineGenerator:
    return bench.generator


def ask(
    text: str = "a fox",
    number: int = 1,
    *,
    model: str = "mini-1",
    lane: Lane = Lane.FAST,
    images: int = 4,
    flow: str = "",
    fence: int = 1,
) -> Assignment:
    return Assignment(
        claim=Claim(job_id=UUID(int=number), fence=fence),
        prompt=f"{text} --v {model} --seed {number}",
        model=model,
        seed=number,
        lane=lane,
        images=images,
        attempt=1,
        flow=flow,
    )


def rest(generator: EngineGenerator) -> list[Happening]:
    """Everything that happens until there is nothing to do."""
    found: list[Happening] = []
    for _ in range(500):
        if not generator.busy:
            return found
        found += generator.step()
    raise AssertionError("the generator does not come to rest")


def drawn(happenings: Sequence[Happening]) -> dict[int, Drawn]:
    return {each.claim.job_id.int: each for each in happenings if isinstance(each, Drawn)}


def failures(happenings: Sequence[Happening]) -> dict[int, Failure]:
    return {each.claim.job_id.int: each for each in happenings if isinstance(each, Failure)}


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
    generator.add(replace(ask(), prompt=prompt))
    (failure,) = rest(generator)
    assert isinstance(failure, Failure) and failure.fault is Fault.JOB and failure.message


def test_numbers_that_are_not_finite_are_the_devices_fault(generator: EngineGenerator) -> None:
    generator.add(ask("nan"))
    generator.add(ask(number=2))
    happened = rest(generator)
    failure = failures(happened)[1]
    assert (
        failure.fault is Fault.INFRASTRUCTURE and failure.device == "cpu" and len(failure.fingerprint) == 12
    )
    assert list(drawn(happened)) == [2]


def test_no_memory_is_the_devices_fault(generator: EngineGenerator, tiny: Tiny) -> None:
    def full(rows: int) -> None:
        raise MemoryError("out of memory")

    tiny.fault = full
    generator.add(ask())
    failure = failures(rest(generator))[1]
    assert failure.fault is Fault.INFRASTRUCTURE and "memory" in failure.message


def test_a_picture_that_cannot_be_decoded_fails_its_job_alone(bench: Bench) -> None:
    bench.tinies["mini-1"].decode_fault = RuntimeError("a broken decoder")
    bench.generator.add(ask())
    bench.generator.add(ask(number=2, model="large"))
    told = [*bench.generator.step(), *bench.load()]
    happened = [*told, *rest(bench.generator)]
    assert "a broken decoder" in failures(happened)[1].message and list(drawn(happened)) == [2]
    assert failures(happened)[1].fault is Fault.INFRASTRUCTURE


def test_a_cancelled_job_says_what_it_cost_and_touches_no_other(generator: EngineGenerator) -> None:
    generator.add(ask())
    generator.add(ask(number=2))
    generator.step()
    generator.cancel(ask().claim)
    happened = rest(generator)
    failure = failures(happened)[1]
    assert (failure.fault, failure.measured_gpu_ms) == (Fault.CANCELLED, 3000)
    assert list(drawn(happened)) == [2]
    generator.cancel(ask(number=2).claim)
    assert not generator.busy


def test_cancelling_while_pictures_wait_to_be_decoded(generator: EngineGenerator) -> None:
    generator.add(ask())
    for _ in range(2):
        generator.step()  # two passes and one picture
    generator.cancel(ask().claim)
    assert failures(rest(generator))[1].measured_gpu_ms == 13000


def test_what_was_cancelled_is_not_worked_on(generator: EngineGenerator, tiny: Tiny) -> None:
    generator.add(ask())
    generator.step()
    generator.cancel(ask().claim)
    rest(generator)
    assert tiny.rows == [8], "no second pass"
    generator.add(ask(number=2))
    for _ in range(2):
        generator.step()  # two passes and one picture
    now = tiny.clock.now
    generator.cancel(ask(number=2).claim)
    rest(generator)
    assert tiny.clock.now == now, "no further picture"


def test_the_same_pixels_in_any_company(generator: EngineGenerator) -> None:
    generator.add(ask())
    alone = drawn(rest(generator))[1]
    for number in (3, 1, 2):
        generator.add(ask("guided" if number == 3 else "a fox", number))
    assert same(alone, drawn(rest(generator))[1])


def same(one: Drawn, other: Drawn) -> bool:
    pixels = [
        {index: picture.image.tobytes() for index, picture in each.pictures.items()} for each in (one, other)
    ]
    return pixels[0] == pixels[1]


def test_the_self_test_passes_and_can_fail(bench: Bench, tiny: Tiny) -> None:
    bench.generator.verify()
    spoilt = Bench()
    spoilt.tinies["mini-1"].uneven = 0.5
    with pytest.raises(ModelError, match="does not keep exact mode for mini-1/4x4"):
        spoilt.generator.verify()


def test_what_it_says_of_itself(bench: Bench) -> None:
    generator = bench.generator
    assert (generator.models, generator.warm, generator.device) == (tuple(SIZES), ("mini-1",), "cpu")
    assert EngineGenerator(bench.studio, catalogue(), device="my box").device == "my box"


def test_its_vitals_are_those_of_the_last_step(generator: EngineGenerator) -> None:
    assert generator.vitals.passes == 0
    generator.add(ask())
    generator.step()
    assert (generator.vitals.passes, generator.vitals.in_flight, generator.vitals.rows) == (1, 4, 4)
    generator.step()
    assert generator.vitals.undecoded == 3, "of four pictures one was made in the same step"
    rest(generator)
    vitals = generator.vitals
    assert (vitals.passes, vitals.in_flight, vitals.waiting, vitals.undecoded) == (2, 0, 0, 0)
    assert vitals.device_ms == 12000


# -- several models ---------------------------------------------------------------------------------------------------


def test_a_job_waits_for_its_model_and_others_go_on(bench: Bench) -> None:
    bench.generator.add(ask(number=1, model="large"))
    bench.generator.add(ask(number=2))
    happened = [each for _ in range(20) for each in bench.generator.step()]
    assert list(drawn(happened)) == [2] and bench.generator.busy
    bench.load()
    assert bench.generator.warm == ("mini-1", "large")
    found = drawn(rest(bench.generator))[1]
    assert found.pictures[0].fingerprint["model"] == "large"
    assert found.pictures[0].image.size == (4, 4), "only mini-1's pictures are enlarged"


def test_jobs_of_two_models_share_the_engine_and_no_pass(bench: Bench) -> None:
    bench.generator.add(ask(number=1, model="large"))
    bench.generator.step()
    bench.load()
    rest(bench.generator)
    for number, model in ((1, "large"), (2, "mini-1")):
        bench.generator.add(ask(number=number, model=model))
    happened = rest(bench.generator)
    assert set(drawn(happened)) == {1, 2}
    assert {bench.tinies[name].rows[-1] for name in ("large", "mini-1")} == {8}


def test_a_model_makes_room_when_it_is_done_and_gets_nothing_new_before(bench: Bench) -> None:
    bench.generator.add(ask(number=1, model="large"))
    bench.generator.step()
    bench.load()
    bench.generator.add(ask(number=2, model="other"))
    told = [*bench.generator.step(), *bench.load()]  # it is weighed, and waits for room
    bench.generator.add(ask(number=3, model="large"))
    happened = [*told, *rest_without_loading(bench)]
    assert list(drawn(happened)) == [1], "the third waits behind the second, or that would never come"
    happened = bench.load()
    assert bench.generator.warm == ("mini-1", "other")
    assert list(drawn([*happened, *rest_without_loading(bench)])) == [2]
    assert list(drawn([*bench.load(), *rest(bench.generator)])) == [3]
    assert bench.loads == ["mini-1", "large", "other", "large"]


def rest_without_loading(bench: Bench) -> list[Happening]:
    return [each for _ in range(20) for each in bench.generator.step()]


def test_a_model_that_is_asked_for_more_often_stays(bench: Bench) -> None:
    bench.sizes.update(large=3, other=3, giant=3)
    for number, model in enumerate(("large", "other", "large")):
        bench.generator.add(ask(number=number, model=model))
        bench.generator.step()
        bench.load()
        rest_without_loading(bench)
    bench.generator.add(ask(number=9, model="giant"))
    bench.generator.step()
    bench.load()
    assert bench.generator.warm == ("mini-1", "large", "giant")


def test_nothing_holds_on_to_a_model_that_was_put_away(bench: Bench) -> None:
    bench.generator.add(ask(number=1, model="large"))
    bench.generator.add(ask(number=2, model="large"))
    bench.generator.step()
    bench.load()
    bench.generator.cancel(ask(number=2).claim)
    rest(bench.generator)
    gone = weakref.ref(bench.tinies.pop("large"))
    assert gone() is not None
    bench.generator.add(ask(number=3, model="other"))
    bench.generator.step()
    bench.load()
    assert bench.generator.warm == ("mini-1", "other") and gone() is None


def test_a_model_that_cannot_be_loaded_fails_its_jobs_once(bench: Bench) -> None:
    bench.load_fault = ModelError("the subfolder vae is missing")
    bench.generator.add(ask(number=1, model="large"))
    bench.generator.add(ask(number=2, model="large"))
    bench.generator.add(ask(number=3))
    happened = [*bench.generator.step(), *bench.load(), *rest(bench.generator)]
    assert list(drawn(happened)) == [3] and set(failures(happened)) == {1, 2}
    bench.generator.add(ask(number=4, model="large"))
    later = rest(bench.generator)
    assert bench.loads == ["mini-1", "large"], "it was not tried for every job"
    assert failures(later)[4].fault is Fault.JOB
    assert failures(later)[4].message == "large cannot be loaded: the subfolder vae is missing"


def test_no_memory_to_load_with_is_the_devices_fault(bench: Bench) -> None:
    bench.load_fault = torch.OutOfMemoryError("CUDA out of memory")
    bench.generator.add(ask(number=1, model="large"))
    bench.generator.step()
    told = [*bench.load(), *bench.generator.step()]
    assert failures(told)[1].fault is Fault.INFRASTRUCTURE


def test_a_model_that_does_not_fit_is_refused_with_the_numbers(bench: Bench) -> None:
    bench.generator.add(ask(number=1, model="giant"))
    bench.generator.step()
    told = [*bench.load(), *rest(bench.generator)]
    assert failures(told)[1].fault is Fault.JOB and "does not fit: it needs" in failures(told)[1].message
    assert bench.loads == ["mini-1"]


def test_a_job_can_be_cancelled_while_its_model_is_loading(bench: Bench) -> None:
    bench.generator.add(ask(number=1, model="large"))
    bench.generator.step()
    bench.generator.cancel(ask(number=1, model="large").claim)
    told = list(bench.generator.step())
    assert failures(told)[1].measured_gpu_ms == 0 and failures(told)[1].fault is Fault.CANCELLED
    bench.load()
    assert not rest(bench.generator)


# -- beside the stepping thread ---------------------------------------------------------------------------------------


def test_while_pictures_are_made_elsewhere_it_steps_on_and_does_not_spin() -> None:
    gate, woken = threading.Event(), threading.Event()
    making = Beside("making", begin=lambda: gate.wait(20), done=woken.set)
    bench = Bench(decode_on=making, wait=True)
    object.__setattr__(bench.studio, "woken", woken)
    bench.generator.add(ask(number=1))
    told = [each for _ in range(2) for each in bench.generator.step()]
    bench.generator.add(ask(number=2))
    told += [each for _ in range(2) for each in bench.generator.step()]
    assert [each.done for each in told if isinstance(each, Progress)] == [4, 8, 4, 8], (
        "decoding held nobody up"
    )
    steps = 0
    gate.set()
    while bench.generator.busy:
        told += bench.generator.step()
        steps += 1
    assert set(drawn(told)) == {1, 2} and steps < 100, "every step waited until there was something to take"
    making.shutdown()


# -- handing a run on -------------------------------------------------------------------------------------------------


def saved_after(bench: Bench, steps: int, job: Assignment) -> bytes:
    bench.generator.add(job)
    for _ in range(steps):
        bench.generator.step()
    saved = bench.generator.save(job.claim)
    assert saved
    return saved


@pytest.mark.parametrize("steps_before", [1, 2, 3])
def test_a_run_is_continued_elsewhere_to_the_same_pixels(steps_before: int) -> None:
    """After one step: unfinished states. After two or three: latents, some of them decoded already."""
    whole, first, second = Bench(), Bench(), Bench()
    whole.generator.add(ask())
    expected = drawn(rest(whole.generator))[1]
    saved = saved_after(first, steps_before, ask())
    second.generator.add(ask(fence=2), saved)
    happened = rest(second.generator)
    found = drawn(happened)[1]
    assert same(found, expected)
    passes = len(second.tinies["mini-1"].rows)
    assert passes == (1 if steps_before == 1 else 0), "no step was taken twice"
    assert found.measured_gpu_ms == expected.measured_gpu_ms, "what was done elsewhere is paid for here, once"
    assert found.pictures[0].fingerprint == expected.pictures[0].fingerprint
    told = [(each.done, each.total) for each in happened if isinstance(each, Progress)]
    assert told == ([(8, 8)] if steps_before == 1 else [])
    assert same(drawn(rest(first.generator))[1], expected), "saving changed nothing"


def test_there_is_nothing_to_save_before_the_first_step(bench: Bench) -> None:
    assert bench.generator.save(ask().claim) is None
    bench.generator.add(ask())
    assert bench.generator.save(ask().claim) is None


def test_what_a_run_came_with_is_handed_on_while_its_model_is_loading(bench: Bench) -> None:
    other = Bench()
    job = ask(model="large")
    other.generator.add(job)
    other.generator.step()
    other.load()
    saved = other.generator.save(job.claim)
    assert saved
    bench.generator.add(job, saved)
    bench.generator.step()
    assert bench.generator.save(job.claim) == saved


@pytest.mark.parametrize("saved", [b"", b"hello", b"\xff" * 100, b"{" * 5000])
def test_a_state_that_cannot_be_read_does_not_hurt(bench: Bench, saved: bytes) -> None:
    bench.generator.add(ask(), saved)
    assert len(bench.tinies["mini-1"].rows) == 0 and drawn(rest(bench.generator))
    assert len(bench.tinies["mini-1"].rows) == 2


@pytest.mark.parametrize("steps_before", [1, 2])
def test_the_state_of_another_job_is_left_aside(bench: Bench, steps_before: int) -> None:
    saved = saved_after(Bench(), steps_before, ask("a cat", number=2))
    bench.generator.add(ask(), saved)
    found = drawn(rest(bench.generator))[1]
    expected = Bench()
    expected.generator.add(ask())
    assert same(found, drawn(rest(expected.generator))[1])
    assert found.measured_gpu_ms == 2 * 6000 + 4 * 1000, "nor is it paid for"


@pytest.mark.parametrize("steps_before", [1, 2])
def test_what_other_weights_made_is_drawn_again(bench: Bench, steps_before: int) -> None:
    saved = saved_after(Bench(), steps_before, ask())
    bench.tinies["mini-1"].weights_hash = "1" * 64
    bench.generator.add(ask(fence=2), saved)
    found = drawn(rest(bench.generator))[1]
    assert len(bench.tinies["mini-1"].rows) == 2 and found.measured_gpu_ms == 2 * 6000 + 4 * 1000
