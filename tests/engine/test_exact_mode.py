"""Bits do not depend on company, neither through the slots nor when memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from darkroom.core.events import ImageFailed
from darkroom.engine.engine import Engine
from darkroom.engine.passes import is_out_of_memory
from darkroom.engine.profiles import Profile, Profiles
from darkroom.engine.requests import Request

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
    engine = Engine(**settings)
    engine.add(denoiser, Request(job_id="alone", index=index, params=params))
    latent: torch.Tensor = run(engine)[1]["alone", index].latent
    return latent


def test_alone_or_with_three_others_in_flight_are_the_same_bits(
    denoiser: Any, ask: Any, put: Any, run: Any
) -> None:
    expected = alone(denoiser, ask(WISHES[1], seed=7), 2, run)
    engine = Engine()
    put(engine, denoiser, "a", 0, ask(WISHES[0]), priority=1)
    put(engine, denoiser, "b", 1, ask(WISHES[2]))
    engine.step()
    put(engine, denoiser, "subject", 2, ask(WISHES[1], seed=7), priority=2)
    put(engine, denoiser, "c", 0, ask(WISHES[4]))
    found = run(engine)[1]["subject", 2]
    assert found.exact and torch.equal(found.latent, expected)


def test_another_seed_or_index_is_another_image(tiny: Any, ask: Any, run: Any) -> None:
    one, *others = [
        alone(tiny, ask("fox", seed=seed), index, run) for seed, index in ((1, 0), (2, 0), (1, 1))
    ]
    assert all((one - other).abs().max() > 0.1 for other in others)


def test_without_exact_mode_company_shows(crowded: Any, ask: Any, put: Any, run: Any) -> None:
    """What the fixed number of rows is for: this device rounds by the number of rows."""
    engine = Engine(exact=False)
    for index in range(2):
        put(engine, crowded, "a", index, ask("fox"))
    found = run(engine)[1]["a", 0]
    assert not found.exact and found.fingerprint.rows == 0
    assert not torch.equal(found.latent, alone(crowded, ask("fox"), 0, run, exact=False))
    assert max(crowded.passes) == 2


def test_every_pass_has_the_fixed_number_of_rows(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(profiles=Profiles(rows=5, measure=False))
    for index, wish in enumerate(WISHES):
        put(engine, tiny, "a", index, ask(wish))
    run(engine)
    assert set(tiny.passes) == {5}


class Measured(Profiles):
    """Profiles that say what a self-test would: which counts keep the bits, and where the knee is."""

    def __init__(self, *, rows: int, equal: set[int], knee: int, urgent_knee: int = 0) -> None:
        super().__init__(rows=rows, measure=False)
        self._equal, self._knee, self._urgent_knee = frozenset(equal), knee, urgent_knee or knee

    def settled(self, denoiser: Any, prepared: Any, *, exact: bool = True) -> Profile:
        unproven = self.unproven(denoiser, prepared, exact=exact)
        equal = self._equal if exact else frozenset()
        return replace(unproven, equal=equal, knee=self._knee, urgent_knee=self._urgent_knee)


def test_a_pass_is_padded_to_the_next_proven_count(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(profiles=Measured(rows=8, equal={4, 8, 12}, knee=12))
    for index, wish in enumerate(("fox guidance=2", "owl", "sea guidance=3 steps=3")):
        put(engine, tiny, "a", index, ask(wish))
    put(engine, tiny, "b", 0, ask("fox guidance=2 steps=1"))
    put(engine, tiny, "b", 1, ask("fox guidance=2 steps=1"))
    put(engine, tiny, "b", 2, ask("fox guidance=2 steps=1"))
    finished = run(engine)[1].values()
    assert tiny.passes == [12, 8, 8, 4], "11 rows, 5, 5 and, once the short ones are done, 3"
    assert all(each.exact and each.fingerprint.rows == 8 for each in finished)


def test_an_urgent_image_shares_short_passes_with_others(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(profiles=Measured(rows=8, equal={1, 2, 4, 8}, knee=8, urgent_knee=4))
    put(engine, tiny, "turbo", 0, ask("fox guidance=2 steps=3"), priority=0)
    for index in range(3):
        put(engine, tiny, "fast", index, ask("fox guidance=2 steps=3"), priority=1)
    run(engine)
    assert tiny.passes == [4, 4, 4, 4, 4, 4], "with one of three; then the other two"
    tiny.passes.clear()
    for index in range(4):
        put(engine, tiny, "turbo", index, ask("fox guidance=2 steps=3"), priority=0)
    run(engine)
    assert tiny.passes == [8, 8, 8], "all are urgent"


def test_fast_mode_pads_nothing_and_stops_at_the_knee(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(exact=False, profiles=Measured(rows=8, equal={4, 8}, knee=4))
    for index in range(7):
        put(engine, tiny, "a", index, ask("fox steps=1"))
    run(engine)
    assert tiny.passes == [4, 3]


def test_a_count_that_is_called_proven_and_is_not_changes_bits(
    crowded: Any, ask: Any, put: Any, run: Any
) -> None:
    """What the self-test guards against: this device rounds by the number of rows."""
    wrong = Measured(rows=8, equal={4, 8}, knee=8)
    expected = alone(crowded, ask("fox"), 0, run, profiles=wrong)
    engine = Engine(profiles=wrong)
    for index in range(6):
        put(engine, crowded, "a", index, ask("fox"))
    assert not torch.equal(run(engine)[1]["a", 0].latent, expected)


def no_more_than(limit: int, text: str = "out of memory") -> Callable[[int], None]:
    """A device whose memory suffices for so many rows."""

    def before_pass(rows: int) -> None:
        if rows > limit:
            raise RuntimeError(text)

    return before_pass


@pytest.mark.parametrize(
    "text", ["CUDA out of memory. Tried to allocate", "DefaultCPUAllocator: can't allocate memory"]
)
def test_out_of_memory_halves_the_rows_and_repeats_the_step(
    tiny: Any, ask: Any, put: Any, run: Any, text: str
) -> None:
    engine = Engine()
    for index in range(4):
        put(engine, tiny, "a", index, ask("fox steps=3 guidance=2"))
    tiny.before_pass = no_more_than(3, text)
    first = engine.step()
    assert tiny.passes == [8, 4, 2, 2, 2, 2], "all eight rows of the same step, in smaller passes"
    assert [event.step for event in first] == [1, 1, 1, 1]
    events, finished = run(engine)
    assert not any(isinstance(event, ImageFailed) for event in events) and len(finished) == 4
    assert tiny.passes[6:] == [2] * 8 and engine.vitals().out_of_memory == 2
    assert not any(each.exact for each in finished.values()), "nobody has proven that two rows keep the bits"


def test_out_of_memory_stays_on_proven_counts_while_there_are_any(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    """This device keeps bits at 3 and at 12 rows alike, so an image that saw both is still exact."""
    tiny.estimate = lambda latents, sigmas, words: latents / 2 + 1e-4 * (len(latents) % 9)
    profiles = Measured(rows=12, equal={3, 12}, knee=12)
    expected = alone(tiny, ask("fox guidance=2"), 0, run, profiles=profiles)
    engine = Engine(profiles=profiles)
    for index in range(6):
        put(engine, tiny, "a", index, ask("fox guidance=2"))
    engine.step()
    tiny.before_pass = no_more_than(7)
    finished = run(engine)[1]
    assert set(tiny.passes[-5:]) == {3} and all(each.exact for each in finished.values())
    assert torch.equal(finished["a", 0].latent, expected)


def test_an_image_that_saw_a_count_that_is_not_proven_is_not_called_exact(
    crowded: Any, ask: Any, put: Any, run: Any
) -> None:
    engine = Engine(profiles=Profiles(rows=4, measure=False))
    put(engine, crowded, "a", 0, ask("fox steps=1"))
    assert run(engine)[1]["a", 0].exact
    put(engine, crowded, "b", 0, ask("fox steps=3"))
    engine.step()
    crowded.before_pass = no_more_than(2)
    engine.step()
    put(engine, crowded, "c", 0, ask("fox steps=3"))
    finished = run(engine)[1]
    assert not finished["b", 0].exact and not finished["c", 0].exact
    assert finished["b", 0].fingerprint.rows == 4 and finished["c", 0].fingerprint.rows == 0


def test_memory_is_counted_by_class(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(profiles=Profiles(rows=4, measure=False))
    tiny.before_pass = no_more_than(2)
    put(engine, tiny, "a", 0, ask("fox side=6 guidance=2"))
    engine.step()
    tiny.before_pass = lambda rows: None
    put(engine, tiny, "b", 0, ask("fox guidance=2", seed=2))
    assert len(run(engine)[1]) == 2
    assert sorted(tiny.passes) == [2, 2, 2, 2, 4, 4, 4, 4, 4], "the first of them was too many"


def test_a_device_without_room_for_one_row_fails_who_asked_and_goes_on(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    engine = Engine()
    tiny.before_pass = lambda rows: (_ for _ in ()).throw(torch.OutOfMemoryError("out of memory"))
    put(engine, tiny, "big", 0, ask("fox guidance=2"))
    events = engine.step()
    assert isinstance(events[0], ImageFailed) and "no memory for one row of tiny/8" in events[0].reason
    tiny.before_pass = lambda rows: None
    put(engine, tiny, "next", 0, ask("fox guidance=2"))
    assert list(run(engine)[1]) == [("next", 0)] and set(tiny.passes[-2:]) == {8}


def test_what_memory_did_not_suffice_for_is_tried_again_once_nobody_is_in_the_class(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    engine = Engine(profiles=Profiles(rows=4, measure=False))
    tiny.before_pass = no_more_than(2)
    put(engine, tiny, "a", 0, ask("fox steps=3"))
    engine.step()
    tiny.before_pass = lambda rows: None
    put(engine, tiny, "b", 0, ask("fox steps=5"))
    assert not any(each.exact for each in run(engine)[1].values()) and set(tiny.passes[1:]) <= {1, 2}
    put(engine, tiny, "c", 0, ask("fox steps=3"))
    assert run(engine)[1]["c", 0].exact and tiny.passes[-3:] == [4, 4, 4]


def test_only_memory_faults_are_taken_for_memory_faults() -> None:
    assert is_out_of_memory(MemoryError()) and is_out_of_memory(torch.OutOfMemoryError("x"))
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_threads_are_pinned(tiny: Any, ask: Any, put: Any) -> None:
    engine = Engine()
    put(engine, tiny, "a", 0, ask("fox"))
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(AssertionError, match="threads"):
            engine.step()
    finally:
        torch.set_num_threads(threads)


def test_the_fingerprint_names_what_bits_depend_on(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    put(engine, tiny, "a", 0, ask("fox"))
    one = run(engine)[1]["a", 0].fingerprint
    assert (one.model, one.rows, one.device, one.dtype) == ("tiny", 8, "cpu", "float32")
    assert one.torch == torch.__version__ and one.threads == torch.get_num_threads() and one.cpu_capability
    assert len(one.short) == 12 and int(one.short, 16) >= 0
    narrower = Engine(profiles=Profiles(rows=4, measure=False))
    put(narrower, tiny, "a", 0, ask("fox"))
    other = run(narrower)[1]["a", 0].fingerprint
    assert other != one and other.short != one.short
