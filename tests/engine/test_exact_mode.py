"""Bits do not depend on company, neither through the slots nor when memory runs out."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from darkroom.core.events import ImageCancelled, ImageFailed
from darkroom.engine.engine import Engine
from darkroom.engine.exactness import verify_exactness
from darkroom.engine.passes import is_out_of_memory

WISHES = [
    f"{word} steps={steps} guidance={g} sampler={sampler}"
    for word, steps, g, sampler in (
        ("fox", 4, 1, "euler"),
        ("owl", 6, 3, "heun"),
        ("sea", 3, 2.5, "dpmpp_2m_flow"),
        ("hut", 5, 1, "ddim"),
        ("sky", 2, 7, "euler"),
    )
]


@pytest.fixture(params=["tiny", "crowded"])
def denoiser(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def alone(denoiser: Any, params: Any, index: int, run: Any, **settings: Any) -> torch.Tensor:
    engine = Engine(denoiser, **settings)
    engine.add("alone", index, params)
    latent: torch.Tensor = run(engine)[1]["alone", index].latent
    return latent


def test_alone_or_with_three_others_in_flight_are_the_same_bits(denoiser: Any, ask: Any, run: Any) -> None:
    expected = alone(denoiser, ask(WISHES[1], seed=7), 2, run)
    engine = Engine(denoiser)
    engine.add("a", 0, ask(WISHES[0]), priority=1)
    engine.add("b", 1, ask(WISHES[2]))
    engine.step()
    engine.add("subject", 2, ask(WISHES[1], seed=7), priority=2)
    engine.add("c", 0, ask(WISHES[4]))
    found = run(engine)[1]["subject", 2]
    assert found.exact and torch.equal(found.latent, expected)


def test_another_seed_or_index_is_another_image(tiny: Any, ask: Any, run: Any) -> None:
    one, *others = [
        alone(tiny, ask("fox", seed=seed), index, run) for seed, index in ((1, 0), (2, 0), (1, 1))
    ]
    assert all((one - other).abs().max() > 0.1 for other in others)


def test_random_mixes_with_cancels_equal_the_images_run_alone(denoiser: Any, ask: Any, run: Any) -> None:
    rng = random.Random(3)
    for mix in range(12):
        engine = Engine(denoiser, rows_per_pass=rng.choice([2, 4, 5]))
        requests = [
            (f"job{i}", rng.randrange(4), ask(rng.choice(WISHES), seed=mix * 10 + i)) for i in range(7)
        ]
        events, waiting = [], list(requests)
        while waiting or engine.busy:
            if waiting and rng.random() < 0.6:
                job_id, index, params = waiting.pop()
                engine.add(job_id, index, params, priority=rng.randrange(3))
            if rng.random() < 0.05:
                engine.cancel(rng.choice(requests)[0])
            events += engine.step()
        cancelled = {event.job_id for event in events if isinstance(event, ImageCancelled)}
        finished = {each.job_id: each for each in engine.take_finished()}
        assert (
            set(finished) | cancelled == {job_id for job_id, _, _ in requests}
            and not set(finished) & cancelled
        )
        rows = engine.rows_per_pass("tiny/8")
        for job_id, index, params in requests:
            if job_id in finished:
                assert torch.equal(
                    finished[job_id].latent, alone(denoiser, params, index, run, rows_per_pass=rows)
                )


def test_without_exact_mode_company_shows(crowded: Any, ask: Any, run: Any) -> None:
    """What the fixed number of rows is for: this device rounds by the number of rows."""
    engine = Engine(crowded, exact=False)
    for index in range(2):
        engine.add("a", index, ask("fox"))
    found = run(engine)[1]["a", 0]
    assert not found.exact and found.fingerprint.rows == 0
    assert not torch.equal(found.latent, alone(crowded, ask("fox"), 0, run, exact=False))
    assert max(crowded.passes) == 2


def test_every_pass_has_the_fixed_number_of_rows(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny, rows_per_pass=5)
    for index, wish in enumerate(WISHES):
        engine.add("a", index, ask(wish))
    run(engine)
    assert set(tiny.passes) == {5}


@pytest.mark.parametrize(
    "text", ["CUDA out of memory. Tried to allocate", "DefaultCPUAllocator: can't allocate memory"]
)
def test_out_of_memory_halves_the_rows_and_repeats_the_step(tiny: Any, ask: Any, run: Any, text: str) -> None:
    def small_device(rows: int) -> None:
        if rows > 3:
            raise RuntimeError(text)

    tiny.before_pass = small_device
    engine = Engine(tiny)
    for index in range(4):
        engine.add("a", index, ask("fox steps=3 guidance=2"))
    first = engine.step()
    assert tiny.passes == [8, 4, 2, 2, 2, 2], "all eight rows of the same step, in smaller passes"
    assert [event.step for event in first] == [1, 1, 1, 1]
    events, finished = run(engine)
    assert not any(isinstance(event, ImageFailed) for event in events) and len(finished) == 4
    assert {each.fingerprint.rows for each in finished.values()} == {2}
    for index in range(4):
        assert torch.equal(
            finished["a", index].latent,
            alone(tiny, ask("fox steps=3 guidance=2"), index, run, rows_per_pass=2),
        )


def test_an_image_that_saw_two_numbers_of_rows_is_not_called_exact(crowded: Any, ask: Any, run: Any) -> None:
    engine = Engine(crowded, rows_per_pass=4)
    engine.add("a", 0, ask("fox steps=3"))
    engine.step()
    crowded.before_pass = lambda rows: (_ for _ in ()).throw(torch.OutOfMemoryError()) if rows > 2 else None
    engine.add("b", 0, ask("fox steps=3"))
    finished = run(engine)[1]
    assert not finished["a", 0].exact and finished["b", 0].exact


def test_memory_is_counted_by_class(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny, rows_per_pass=4)
    tiny.before_pass = lambda rows: (_ for _ in ()).throw(MemoryError()) if rows > 2 else None
    engine.add("a", 0, ask("fox side=6"))
    engine.step()
    tiny.before_pass = lambda rows: None
    engine.add("b", 0, ask("fox"))
    assert len(run(engine)[1]) == 2
    assert (engine.rows_per_pass("tiny/6"), engine.rows_per_pass("tiny/8")) == (2, 4)


def test_a_device_without_room_for_one_row_fails_who_asked_and_goes_on(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny)
    tiny.before_pass = lambda rows: (_ for _ in ()).throw(torch.OutOfMemoryError("out of memory"))
    engine.add("big", 0, ask("fox guidance=2"))
    events = engine.step()
    assert isinstance(events[0], ImageFailed) and "no memory for one row of tiny/8" in events[0].reason
    tiny.before_pass = lambda rows: None
    engine.add("next", 0, ask("fox guidance=2"))
    assert list(run(engine)[1]) == [("next", 0)] and set(tiny.passes[-2:]) == {1}


def test_only_memory_faults_are_taken_for_memory_faults() -> None:
    assert is_out_of_memory(MemoryError()) and is_out_of_memory(torch.OutOfMemoryError("x"))
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_threads_are_pinned(tiny: Any, ask: Any) -> None:
    engine = Engine(tiny)
    engine.add("a", 0, ask("fox"))
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(AssertionError, match="threads"):
            engine.step()
    finally:
        torch.set_num_threads(threads)


def test_the_self_test_passes_where_bits_are_kept_and_fails_where_they_are_not(tiny: Any, ask: Any) -> None:
    report = verify_exactness(tiny, ask("fox guidance=2"), rows_per_pass=4)
    assert (
        report.holds
        and report.row_class == "tiny/8"
        and report.slots_tried == 4
        and report.max_difference == 0
    )
    assert report.fingerprint.rows == 4 and tiny.passes == [4] * 5

    estimate = tiny.estimate

    def leaky(latents: Any, sigmas: Any, words: Any) -> Any:
        made = estimate(latents, sigmas, words)
        return made + 1e-6 * made.mean(dim=0, keepdim=True)

    tiny.estimate = leaky
    report = verify_exactness(tiny, ask("fox guidance=2"), rows_per_pass=4)
    assert not report.holds and report.slots_differing == (0, 1, 2, 3) and 0 < report.max_difference < 1e-3


def test_the_self_test_sees_a_slot_that_rounds_differently_and_nan(tiny: Any, ask: Any) -> None:
    estimate = tiny.estimate
    for fault in (1e-6, torch.nan):

        def crooked(latents: Any, sigmas: Any, words: Any, fault: float = fault) -> Any:
            made = estimate(latents, sigmas, words).clone()
            made[2] += fault
            return made

        tiny.estimate = crooked
        report = verify_exactness(tiny, ask("fox"), rows_per_pass=3)
        assert report.slots_differing == (2,) and report.max_difference > 0


def test_the_fingerprint_names_what_bits_depend_on(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny)
    engine.add("a", 0, ask("fox"))
    one = run(engine)[1]["a", 0].fingerprint
    assert (one.model, one.rows, one.device, one.dtype) == ("tiny", 8, "cpu", "float32")
    assert one.torch == torch.__version__ and one.threads == torch.get_num_threads() and one.cpu_capability
    assert len(one.short) == 12 and int(one.short, 16) >= 0
    narrower = Engine(tiny, rows_per_pass=4)
    narrower.add("a", 0, ask("fox"))
    other = run(narrower)[1]["a", 0].fingerprint
    assert other != one and other.short != one.short
