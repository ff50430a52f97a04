"""Classes that are measured while the engine goes on: a pass of a self-test in a step, and everybody else's steps between."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from darkroom.core.errors import ModelError
from darkroom.core.events import ImageCancelled, ImageFailed, StepTaken
from darkroom.engine.encoding import POSITIONS_MAX_CPU
from darkroom.engine.engine import Engine
from darkroom.engine.profiles import Profiles


def steps_of(events: Any, job_id: str) -> list[int]:
    return [each.step for each in events if isinstance(each, StepTaken) and each.job_id == job_id]


def test_a_self_test_takes_one_pass_a_step_and_others_go_on(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(profiles=Profiles(), timer=lambda: 0.0)
    put(engine, tiny, "first", 0, ask("fox steps=200"))
    while not steps_of(engine.step(), "first"):
        assert len(engine) == 1
    assert not engine.measuring
    put(engine, tiny, "second", 0, ask("owl side=6"))
    put(engine, tiny, "third", 0, ask("sea"))
    measured, others = 0, 0
    while (engine.step() and engine.measuring) or not measured:
        before = len(tiny.passes)
        events = engine.step()
        others += len(steps_of(events, "first")) + len(steps_of(events, "third"))
        assert not engine.measuring or len(tiny.passes) == before + 2, "a pass of either"
        measured += 1
    assert measured > 2 and others >= measured - 1
    assert {job for job, _ in run(engine)[1]} == {"first", "second", "third"}


def test_a_slow_self_test_leaves_half_of_the_time_to_others(tiny: Any, ask: Any, put: Any) -> None:
    now = [0.0]
    engine = Engine(profiles=Profiles(), timer=lambda: now[0])
    put(engine, tiny, "first", 0, ask("fox steps=900"))
    while not steps_of(engine.step(), "first"):
        assert len(engine) == 1
    denoise, slow = tiny.denoise, []

    def timed(latents: Any, *rest: Any) -> Any:
        now[0] += 10.0 if latents.shape[-1] == 6 else 1.0
        slow.append(latents.shape[-1] == 6)
        return denoise(latents, *rest)

    tiny.denoise = timed
    put(engine, tiny, "second", 0, ask("owl side=6"))
    for _ in range(60):
        engine.step()
    assert engine.measuring and slow[:23] == [True, *[False] * 10] * 2 + [True]


def test_a_cancel_ends_a_self_test_after_its_pass(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(profiles=Profiles())
    put(engine, tiny, "a", 0, ask("fox"))
    assert engine.step() == [] and tiny.passes == [8] and engine.measuring
    engine.cancel("a")
    assert engine.step() == [ImageCancelled(job_id="a", index=0)]
    assert tiny.passes == [8] and not engine.measuring and not engine.busy
    put(engine, tiny, "b", 0, ask("fox"))
    assert list(run(engine)[1]) == [("b", 0)]


def test_who_waits_for_a_self_test_is_prepared_once_and_admitted_after_it(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    engine = Engine(profiles=Profiles())
    for index in range(40):
        put(engine, tiny, "a", index, ask("fox steps=1", seed=index))
    events, finished = run(engine, limit=2000)
    assert len(finished) == 40 and not any(isinstance(each, ImageFailed) for each in events)


def test_a_broken_class_fails_by_its_images_and_is_tested_once(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    tiny.estimate = lambda latents, sigmas, words: latents + torch.rand(len(latents), 1, 1, 1)
    engine = Engine(profiles=Profiles())
    put(engine, tiny, "a", 0, ask("fox"))
    put(engine, tiny, "a", 1, ask("fox"))
    events, _ = run(engine)
    passes = len(tiny.passes)
    put(engine, tiny, "b", 0, ask("fox"))
    events += run(engine)[0]
    reasons = [each.reason for each in events if isinstance(each, ImageFailed)]
    assert len(reasons) == 3 and len(tiny.passes) == passes
    assert all("does not keep exact mode for tiny/8" in reason for reason in reasons)


def test_a_bad_request_leaves_its_class_to_be_measured(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    profiles = Profiles()
    engine = Engine(profiles=profiles)
    put(engine, tiny, "bad", 0, ask("fox fault=nan steps=3"))
    put(engine, tiny, "good", 0, ask("fox"))
    events, finished = run(engine)
    assert [each.job_id for each in events if isinstance(each, ImageFailed)] == ["bad"]
    assert list(finished) == [("good", 0)]
    known = profiles.known(tiny, tiny.prepare(ask("fox"), index=0))
    assert known is not None and known.equal > {8}


def test_what_it_measures_is_logged(tiny: Any, ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Profiles().of(tiny, tiny.prepare(ask("fox"), index=0))
    first, last = caplog.messages
    assert first == "measuring tiny/8" and last.startswith("tiny/8: exact passes of ") and " s" in last


def test_a_latent_that_would_hold_up_everybody_is_refused(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    side = int(POSITIONS_MAX_CPU**0.5) + 1
    engine = Engine()
    put(engine, tiny, "large", 0, ask(f"fox side={side}"))
    ((failure,), finished) = run(engine)
    assert isinstance(failure, ImageFailed) and not finished and not tiny.passes
    assert f"{side} x {side} positions" in failure.reason and "25,600 can be drawn on cpu" in failure.reason


def test_a_class_that_is_refused_says_so_without_a_pass(tiny: Any, ask: Any) -> None:
    tiny.estimate = lambda latents, sigmas, words: latents + torch.rand(len(latents), 1, 1, 1)
    profiles, prepared = Profiles(), tiny.prepare(ask("fox"), index=0)
    assert profiles.settled(tiny, prepared) is None
    with pytest.raises(ModelError):
        profiles.of(tiny, prepared)
    with pytest.raises(ModelError, match="exact mode"):
        profiles.settled(tiny, prepared)
