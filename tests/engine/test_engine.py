"""The loop: everybody's image comes out, whoever else is in flight, and what goes wrong stays with who it went wrong for."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from darkroom.core.errors import ModelError
from darkroom.core.events import ImageCancelled, ImageFailed, ImageFinished, StepTaken
from darkroom.engine import engine as engine_module
from darkroom.engine.engine import Engine
from darkroom.model.samplers import SAMPLERS

MEAN, SPREAD = 0.3, 0.5  # of the Gaussian denoiser
ODE_ERROR = {"euler": 0.02, "ddim": 0.02}  # of first order, in 200 steps


def steps_of(events: list[Any], job_id: str) -> list[int]:
    return [event.step for event in events if isinstance(event, StepTaken) and event.job_id == job_id]


@pytest.mark.parametrize(
    "sampler", sorted(set(SAMPLERS) - {"dpmpp_2m"})
)  # which is for the variance-exploding form
def test_the_loop_solves_the_ode_that_is_known(gaussian: Any, ask: Any, run: Any, sampler: str) -> None:
    """From pure noise n at sigma 1 the path ends at mean + spread * n."""
    engine = Engine(gaussian)
    engine.add("a", 2, ask(f"steps=200 sampler={sampler}", seed=9))
    _, finished = run(engine)
    noise = gaussian.prepare(ask("x", seed=9), index=2).latent
    torch.testing.assert_close(
        finished["a", 2].latent, MEAN + SPREAD * noise, atol=ODE_ERROR.get(sampler, 1e-3), rtol=0
    )


def test_guidance_is_linear_in_x0_space(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny, exact=False)
    engine.add("a", 0, ask("fox steps=1 guidance=3"))
    latent = run(engine)[1]["a", 0].latent
    prepared = tiny.prepare(ask("fox steps=1 guidance=3"), index=0)
    x, sigma = prepared.latent[None], torch.ones(1)
    with torch.no_grad():
        c = tiny.denoise(x, sigma, [prepared.conditional])
        u = tiny.denoise(x, sigma, [prepared.unconditional])
    torch.testing.assert_close(latent, (u + 3 * (c - u))[0], atol=1e-5, rtol=1e-5)


def test_events_tell_every_step_and_the_end(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny)
    engine.add("a", 3, ask("fox steps=3"))
    assert engine.busy and len(engine) == 1
    events, finished = run(engine)
    assert events == [
        *(StepTaken(job_id="a", index=3, step=step, steps=3) for step in (1, 2, 3)),
        ImageFinished(job_id="a", index=3),
    ]
    assert list(finished) == [("a", 3)] and engine.take_finished() == [] and len(engine) == 0
    assert engine.step() == []


def test_mixed_guidance_steps_samplers_and_shapes_all_finish(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny)
    wishes = [
        "fox steps=2",
        "owl steps=7 guidance=4",
        "sea steps=5 sampler=heun",
        "sky steps=6 sampler=dpmpp_2m_flow guidance=2",
        "hut steps=3 side=6",
        "elk steps=4 side=6 guidance=1.5",
    ]
    for index, wish in enumerate(wishes):
        engine.add("job", index, ask(wish), priority=index % 3)
    events, finished = run(engine)
    assert sorted(index for _, index in finished) == list(range(6))
    assert all(each.exact and each.latent.isfinite().all() for each in finished.values())
    ticks = [max(e.step for e in events if isinstance(e, StepTaken) and e.index == i) for i in range(6)]
    assert ticks == [2, 7, 9, 6, 3, 4], "Heun takes two evaluations a step, and one for the last"
    assert set(tiny.passes) == {8}


def test_the_urgent_finish_first_and_the_preempted_lose_nothing(tiny: Any, ask: Any, run: Any) -> None:
    alone = Engine(tiny, rows_per_pass=2)
    alone.add("relax", 0, ask("fox steps=6 guidance=2"))
    expected = run(alone)[1]["relax", 0].latent
    engine = Engine(tiny, rows_per_pass=2)
    engine.add("relax", 0, ask("fox steps=6 guidance=2"), priority=2)
    events = [*engine.step(), *engine.step()]
    engine.add("turbo", 0, ask("owl steps=5 guidance=2"), priority=0)
    rest, finished = run(engine)
    assert steps_of(events, "relax") == [1, 2] and steps_of(rest, "relax") == [3, 4, 5, 6]
    order = [event.job_id for event in rest if isinstance(event, ImageFinished)]
    assert order == ["turbo", "relax"]
    assert torch.equal(finished["relax", 0].latent, expected)


def test_a_row_joins_at_any_step(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny)
    engine.add("early", 0, ask("fox steps=6"))
    engine.step()
    engine.add("late", 0, ask("owl steps=2"))
    events = engine.step()
    assert {(event.job_id, event.step) for event in events} == {("early", 2), ("late", 1)}
    assert len(tiny.passes) == 2 and len(run(engine)[1]) == 2


def test_cancel_takes_effect_within_one_step(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny, preview_every=1)
    for index in range(2):
        engine.add("gone", index, ask("fox"))
    engine.add("kept", 0, ask("owl"))
    engine.step()
    engine.cancel("gone")
    events = engine.step()
    assert events[:2] == [ImageCancelled(job_id="gone", index=0), ImageCancelled(job_id="gone", index=1)]
    assert steps_of(events, "gone") == [] and steps_of(events, "kept") == [2]
    assert {preview.job_id for preview in engine.take_previews()} == {"kept"}
    assert list(run(engine)[1]) == [("kept", 0)]


def test_an_abort_as_a_sample_finishes_loses_nothing(tiny: Any, ask: Any, run: Any) -> None:
    """The cancel arrives while the pass runs that finishes one of the job's images; each image ends exactly once."""
    engine = Engine(tiny)
    engine.add("job", 0, ask("fox steps=1"))
    engine.add("job", 1, ask("fox steps=3"))
    engine.add("other", 0, ask("owl steps=1"))
    tiny.before_pass = lambda rows: engine.cancel("job")
    events, finished = run(engine)
    ends = [event for event in events if not isinstance(event, StepTaken)]
    assert ends == [
        ImageFinished(job_id="job", index=0),
        ImageFinished(job_id="other", index=0),
        ImageCancelled(job_id="job", index=1),
    ]
    assert set(finished) == {("job", 0), ("other", 0)}


def test_a_cancel_of_nobody_and_one_after_the_end_do_nothing(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny)
    engine.cancel("nobody")
    engine.add("a", 0, ask("fox steps=1"))
    events, _ = run(engine)
    engine.cancel("a")
    assert not any(isinstance(event, ImageCancelled) for event in events) and engine.step() == []


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("fault=model", "draws no hats"),
        ("fault=shape", "cannot be multiplied"),
        ("fault=noise", "not finite"),
        ("sampler=magic", "no sampler 'magic'"),
        ("guidance=2 alone", "unconditional"),
        ("guidance=nan", "guidance of nan"),
        ("keep=1", "must fall"),
        ("steps=0", "0 steps"),
        ("steps=many", "invalid literal"),
    ],
)
def test_what_cannot_be_prepared_fails_alone(tiny: Any, ask: Any, run: Any, wish: str, words: str) -> None:
    engine = Engine(tiny)
    engine.add("good", 0, ask("fox"))
    engine.add("bad", 1, ask(wish))
    assert engine.busy
    events, finished = run(engine)
    (failure,) = [event for event in events if isinstance(event, ImageFailed)]
    assert (failure.job_id, failure.index) == ("bad", 1) and words in failure.reason
    assert list(finished) == [("good", 0)]


def test_an_engine_that_has_only_something_to_tell_is_busy(tiny: Any, ask: Any) -> None:
    engine = Engine(tiny)
    engine.add("bad", 0, ask("fault=model"))
    assert engine.busy and isinstance(engine.step()[0], ImageFailed) and not engine.busy
    engine.cancel("nobody")
    assert engine.busy and engine.step() == [] and not engine.busy


def test_numbers_that_are_not_finite_fail_their_image_alone(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny)
    engine.add("good", 0, ask("fox guidance=2"))
    engine.add("bad", 0, ask("fox guidance=2 fault=nan"))
    events, finished = run(engine)
    (failure,) = [event for event in events if isinstance(event, ImageFailed)]
    assert failure.job_id == "bad" and "step 1" in failure.reason and list(finished) == [("good", 0)]


def test_a_full_engine_says_so(tiny: Any, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "SAMPLES_MAX", 2)
    engine = Engine(tiny)
    for index in range(2):
        engine.add("a", index, ask("fox"))
    with pytest.raises(ModelError, match="2 images are in flight"):
        engine.add("a", 2, ask("fox"))


def test_a_stopped_schedule_ends_with_the_estimate(gaussian: Any, ask: Any, run: Any) -> None:
    engine = Engine(gaussian)
    engine.add("a", 0, ask("steps=10 keep=6"))
    events, finished = run(engine)
    assert steps_of(events, "a") == [1, 2, 3, 4, 5]
    noise = gaussian.prepare(ask("x"), index=0).latent
    estimate_spread = (finished["a", 0].latent - MEAN).std() / noise.std()
    assert estimate_spread < SPREAD, "an estimate is softer than an image, where noise would make it rougher"


def test_faults_of_the_network_that_are_not_memory_are_not_hidden(tiny: Any, ask: Any) -> None:
    engine = Engine(tiny)
    engine.add("a", 0, ask("fox"))
    tiny.before_pass = lambda rows: torch.zeros(2, 3) @ torch.zeros(2, 3)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        engine.step()
