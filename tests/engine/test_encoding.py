"""The stage before the loop: texts together and once, requests alone, the urgent first, within memory."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any

import pytest
import torch

from darkroom.core.events import ImageCancelled, ImageFailed, StepTaken
from darkroom.engine.encoding import TextCache
from darkroom.engine.engine import Engine
from darkroom.engine.rows import state_bytes


class ByHand(Executor):
    """An executor whose work is done when the test says so."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.tasks.append(lambda: future.set_result(fn(*args, **kwargs)))
        return future

    def work(self) -> None:
        while self.tasks:
            self.tasks.pop(0)()


def test_the_texts_of_all_who_wait_are_encoded_in_one_call(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    for index, word in enumerate(("fox", "owl", "fox", "fox")):
        put(engine, tiny, "a", index, ask(word))
    assert tiny.encodings == [], "adding is cheap"
    run(engine)
    put(engine, tiny, "b", 0, ask("owl"))
    put(engine, tiny, "b", 1, ask("sea"))
    run(engine)
    assert tiny.encodings == [("fox", "", "owl"), ("sea",)]
    assert (engine.vitals().texts_encoded, engine.vitals().texts_cached) == (4, 2)


def test_models_do_not_share_encodings(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    other = type(tiny)("other")
    other.weights_hash = "1" * 64
    engine = Engine()
    put(engine, tiny, "a", 0, ask("fox"))
    put(engine, other, "a", 1, ask("fox"))
    assert len(run(engine)[1]) == 2
    assert tiny.encodings == other.encodings == [("fox", "")]


def test_the_cache_is_bounded_by_bytes_and_forgets_what_is_least_used() -> None:
    cache = TextCache(bytes_max=1000)
    for name in "abc":
        cache.put("w", name, {"words": torch.zeros(100)})  # 400 bytes
        assert cache.get("w", "a") is not None
    assert (len(cache), cache.bytes) == (2, 800) and cache.get("w", "b") is None
    cache.put("w", "large", {"words": torch.zeros(251)})
    assert cache.get("w", "large") is None and len(cache) == 2, (
        "it would push out all others and still not fit"
    )
    cache.put("w", "a", {"words": torch.zeros(100)})
    assert cache.bytes == 800 and cache.get("v", "a") is None


def test_a_text_that_cannot_be_encoded_takes_nobody_along(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    put(engine, tiny, "good", 0, ask("fox"))
    put(engine, tiny, "bad", 0, ask("hat fault=text"))
    put(engine, tiny, "good", 1, ask("owl"))
    events, finished = run(engine)
    (failure,) = [event for event in events if isinstance(event, ImageFailed)]
    assert failure.job_id == "bad" and failure.reason == "it cannot be prepared: tiny cannot read that"
    assert set(finished) == {("good", 0), ("good", 1)}
    assert len(tiny.encodings[0]) == 4 and all(len(texts) == 1 for texts in tiny.encodings[1:])


def test_a_step_does_not_wait_for_texts_while_there_is_something_to_step(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    executor = ByHand()
    engine = Engine(encode_on=executor)
    put(engine, tiny, "a", 0, ask("fox steps=9"))
    assert engine.step() == [] and engine.busy and engine.vitals().waiting == 1, (
        "it waits a moment, and no longer"
    )
    executor.work()
    assert [event.step for event in engine.step()] == [1]
    put(engine, tiny, "b", 0, ask("owl steps=2"))
    put(engine, tiny, "b", 1, ask("owl steps=2"))
    assert [event.job_id for event in engine.step() + engine.step()] == ["a", "a"]
    assert len(executor.tasks) == 1, "both in one batch"
    put(engine, tiny, "c", 0, ask("sea steps=1"))
    executor.work()
    assert sorted(event.job_id for event in engine.step()) == ["a", "b", "b"]
    executor.work()
    assert len(run(engine)[1]) == 4


def test_a_request_can_be_cancelled_while_it_waits(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    executor = ByHand()
    engine = Engine(encode_on=executor)
    put(engine, tiny, "gone", 0, ask("fox"))
    engine.step()
    put(engine, tiny, "gone", 1, ask("owl"))
    put(engine, tiny, "kept", 0, ask("owl"))
    engine.cancel("gone")
    assert engine.step() == [ImageCancelled(job_id="gone", index=index) for index in range(2)]
    assert engine.in_flight("tiny") == 1
    executor.work()
    engine.step()
    executor.work()
    finished = run(engine)[1]
    assert set(finished) == {("kept", 0)} and not engine.in_flight("tiny")


def one_image(tiny: Any, ask: Any, wish: str = "fox") -> int:
    return state_bytes(tiny.prepare(ask(wish), index=0))


def test_no_more_are_admitted_than_memory_allows_and_the_urgent_go_first(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    engine = Engine(state_bytes_max=2 * one_image(tiny, ask))
    for index in range(4):
        put(engine, tiny, "relax", index, ask("fox steps=2"), priority=2)
    first = engine.step()
    assert {(event.job_id, event.index) for event in first} == {("relax", 0), ("relax", 1)}
    assert (engine.vitals().in_flight, engine.vitals().waiting) == (2, 2)
    put(engine, tiny, "turbo", 0, ask("owl steps=2"), priority=0)
    engine.step()
    third = {(event.job_id, event.index) for event in engine.step()}
    assert third == {("turbo", 0), ("relax", 2)}
    assert len(run(engine)[1]) == 5 and not engine.vitals().in_flight


def test_a_large_one_is_not_passed_by_small_ones_for_ever(tiny: Any, ask: Any, put: Any) -> None:
    small, large = one_image(tiny, ask), one_image(tiny, ask, "fox side=20")
    engine = Engine(state_bytes_max=large + small, timer=lambda: 0.0)
    for index in range(9):
        put(engine, tiny, "small", index, ask("fox steps=3"))
    engine.step()
    put(engine, tiny, "large", 0, ask("fox side=20 steps=1"))
    for index in range(9, 60):
        put(engine, tiny, "small", index, ask("fox steps=3"))
        if any(event.job_id == "large" for event in engine.step() if isinstance(event, StepTaken)):
            return
    raise AssertionError("small ones that came later kept the memory that it waits for")


def test_a_request_larger_than_the_device_is_refused_with_the_numbers(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    most, wanted = one_image(tiny, ask), one_image(tiny, ask, "fox side=20")
    engine = Engine(state_bytes_max=most)
    put(engine, tiny, "large", 0, ask("fox side=20"))
    put(engine, tiny, "small", 0, ask("fox"))
    events, finished = run(engine)
    (failure,) = [event for event in events if isinstance(event, ImageFailed)]
    assert (
        failure.job_id == "large" and f"{wanted:,} bytes" in failure.reason and f"{most:,}" in failure.reason
    )
    assert set(finished) == {("small", 0)}


def test_many_requests_are_prepared_in_batches(
    tiny: Any, ask: Any, put: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.engine.engine.PREPARED_AT_ONCE", 2)
    engine = Engine()
    for index in range(5):
        put(engine, tiny, "a", index, ask(f"fox {index}"))
    engine.step()
    assert [len(texts) for texts in tiny.encodings] == [3, 2, 1] and engine.vitals().in_flight == 5


def test_a_row_class_that_does_not_name_its_model_is_our_mistake(tiny: Any, ask: Any, put: Any) -> None:
    tiny.name = "renamed"
    tiny.prepare = lambda params, **more: type(tiny)().prepare(params, **more)
    engine = Engine()
    put(engine, tiny, "a", 0, ask("fox"))
    with pytest.raises(AssertionError, match="tiny/8 of renamed"):
        engine.step()


def test_who_waits_for_memory_waits_unprepared_unless_it_is_urgent(
    tiny: Any, ask: Any, put: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.engine.engine.PREPARED_AT_ONCE", 2)
    engine = Engine(state_bytes_max=one_image(tiny, ask))
    tiny.encodings.clear()
    for index in range(6):
        put(engine, tiny, "relax", index, ask(f"fox {index} steps=3"), priority=2)
    engine.step()
    put(engine, tiny, "turbo", 0, ask("owl"), priority=0)
    engine.step()
    assert [len(texts) for texts in tiny.encodings] == [3, 1], "two of relax with the empty text, and turbo"
    assert len(run(engine)[1]) == 7


def test_models_of_equal_weights_share_no_encodings(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    """The same folder in another precision: what one has encoded must not change what the other draws."""
    rounded = type(tiny)("rounded")
    words = rounded._words
    rounded._words = lambda text, **more: {"words": words(text, **more)["words"].bfloat16().float()}
    alone = Engine()
    put(alone, rounded, "a", 0, ask("fox"))
    expected = run(alone)[1]["a", 0].latent
    engine = Engine()
    put(engine, tiny, "before", 0, ask("fox"))
    put(engine, rounded, "a", 0, ask("fox"))
    assert torch.equal(run(engine)[1]["a", 0].latent, expected) and engine.vitals().texts_cached == 0
