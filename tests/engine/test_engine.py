"""The loop: everybody's image comes out, whoever else is in flight, and what goes wrong stays with who it went wrong for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from darkroom.core.errors import ModelError
from darkroom.core.events import ImageCancelled, ImageFailed, ImageFinished, StepTaken
from darkroom.engine import engine as engine_module
from darkroom.engine.engine import Engine
from darkroom.engine.fingerprint import fingerprint_of
from darkroom.engine.profiles import Profiles
from darkroom.engine.requests import Request
from darkroom.engine.rows import Image, Sample, State
from darkroom.engine.stepping import noise_of, stepped

MEAN, SPREAD = 0.3, 0.5  # of the Gaussian denoiser
ODE_ERROR = {"euler": 0.02, "ddim": 0.02}  # of first order, in 200 steps


def steps_of(events: list[Any], job_id: str) -> list[int]:
    return [event.step for event in events if isinstance(event, StepTaken) and event.job_id == job_id]


@pytest.mark.parametrize(
    "sampler", ["ddim", "dpmpp_2m_flow", "euler", "heun"]
)  # the others are stochastic, or for the variance-exploding form
def test_the_loop_solves_the_ode_that_is_known(
    gaussian: Any, ask: Any, put: Any, run: Any, sampler: str
) -> None:
    """From pure noise n at sigma 1 the path ends at mean + spread * n."""
    engine = Engine()
    put(engine, gaussian, "a", 2, ask(f"steps=200 sampler={sampler}", seed=9))
    _, finished = run(engine)
    noise = gaussian.prepare(ask("x", seed=9), index=2).latent
    torch.testing.assert_close(
        finished["a", 2].latent, MEAN + SPREAD * noise, atol=ODE_ERROR.get(sampler, 1e-3), rtol=0
    )


def test_guidance_is_linear_in_x0_space(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(exact=False)
    put(engine, tiny, "a", 0, ask("fox steps=1 guidance=3"))
    latent = run(engine)[1]["a", 0].latent
    prepared = tiny.prepare(ask("fox steps=1 guidance=3"), index=0)
    x, sigma = prepared.latent[None], torch.ones(1)
    with torch.no_grad():
        c = tiny.denoise(x, sigma, [prepared.conditional])
        u = tiny.denoise(x, sigma, [prepared.unconditional])
    torch.testing.assert_close(latent, (u + 3 * (c - u))[0], atol=1e-5, rtol=1e-5)


def test_events_tell_every_step_and_the_end(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(timer=lambda: 0.0)
    put(engine, tiny, "a", 3, ask("fox steps=3"))
    assert engine.busy and len(engine) == 1
    events, finished = run(engine)
    assert events == [
        *(StepTaken(job_id="a", index=3, step=step, steps=3) for step in (1, 2, 3)),
        ImageFinished(job_id="a", index=3),
    ]
    assert list(finished) == [("a", 3)] and engine.take_finished() == [] and len(engine) == 0
    assert engine.step() == []


def test_mixed_guidance_steps_samplers_and_shapes_all_finish(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    wishes = [
        "fox steps=2",
        "owl steps=7 guidance=4",
        "sea steps=5 sampler=heun",
        "sky steps=6 sampler=dpmpp_2m_flow guidance=2",
        "hut steps=3 side=6",
        "elk steps=4 side=6 guidance=1.5",
    ]
    for index, wish in enumerate(wishes):
        put(engine, tiny, "job", index, ask(wish), priority=index % 3)
    events, finished = run(engine)
    assert sorted(index for _, index in finished) == list(range(6))
    assert all(each.exact and each.latent.isfinite().all() for each in finished.values())
    ticks = [max(e.step for e in events if isinstance(e, StepTaken) and e.index == i) for i in range(6)]
    assert ticks == [2, 7, 9, 6, 3, 4], "Heun takes two evaluations a step, and one for the last"
    assert set(tiny.passes) == {8}


def test_the_urgent_finish_first_and_the_preempted_lose_nothing(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    alone = Engine(profiles=Profiles(rows=2, measure=False))
    put(alone, tiny, "relax", 0, ask("fox steps=6 guidance=2"))
    expected = run(alone)[1]["relax", 0].latent
    engine = Engine(profiles=Profiles(rows=2, measure=False))
    put(engine, tiny, "relax", 0, ask("fox steps=6 guidance=2"), priority=2)
    events = [*engine.step(), *engine.step()]
    put(engine, tiny, "turbo", 0, ask("owl steps=5 guidance=2"), priority=0)
    rest, finished = run(engine)
    assert steps_of(events, "relax") == [1, 2] and steps_of(rest, "relax") == [3, 4, 5, 6]
    order = [event.job_id for event in rest if isinstance(event, ImageFinished)]
    assert order == ["turbo", "relax"]
    assert torch.equal(finished["relax", 0].latent, expected)


def test_a_row_joins_at_any_step(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    put(engine, tiny, "early", 0, ask("fox steps=6"))
    engine.step()
    put(engine, tiny, "late", 0, ask("owl steps=2"))
    events = engine.step()
    assert {(event.job_id, event.step) for event in events} == {("early", 2), ("late", 1)}
    assert len(tiny.passes) == 2 and len(run(engine)[1]) == 2


def test_cancel_takes_effect_within_one_step(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(preview_every=1)
    for index in range(2):
        put(engine, tiny, "gone", index, ask("fox"))
    put(engine, tiny, "kept", 0, ask("owl"))
    engine.step()
    engine.cancel("gone")
    events = engine.step()
    assert events[:2] == [ImageCancelled(job_id="gone", index=0), ImageCancelled(job_id="gone", index=1)]
    assert steps_of(events, "gone") == [] and steps_of(events, "kept") == [2]
    assert {preview.job_id for preview in engine.take_previews()} == {"kept"}
    assert list(run(engine)[1]) == [("kept", 0)]


def test_an_abort_as_a_sample_finishes_loses_nothing(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    """The cancel arrives while the pass runs that finishes one of the job's images; each image ends exactly once."""
    engine = Engine()
    put(engine, tiny, "job", 0, ask("fox steps=1"))
    put(engine, tiny, "job", 1, ask("fox steps=3"))
    put(engine, tiny, "other", 0, ask("owl steps=1"))
    tiny.before_pass = lambda rows: engine.cancel("job")
    events, finished = run(engine)
    ends = [event for event in events if not isinstance(event, StepTaken)]
    assert ends == [
        ImageFinished(job_id="job", index=0),
        ImageFinished(job_id="other", index=0),
        ImageCancelled(job_id="job", index=1),
    ]
    assert set(finished) == {("job", 0), ("other", 0)}


def test_a_cancel_of_nobody_and_one_after_the_end_do_nothing(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    engine.cancel("nobody")
    put(engine, tiny, "a", 0, ask("fox steps=1"))
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
def test_what_cannot_be_prepared_fails_alone(
    tiny: Any, ask: Any, put: Any, run: Any, wish: str, words: str
) -> None:
    engine = Engine()
    put(engine, tiny, "good", 0, ask("fox"))
    put(engine, tiny, "bad", 1, ask(wish))
    assert engine.busy
    events, finished = run(engine)
    (failure,) = [event for event in events if isinstance(event, ImageFailed)]
    assert (failure.job_id, failure.index) == ("bad", 1) and words in failure.reason
    assert list(finished) == [("good", 0)]


def test_an_engine_that_has_only_something_to_tell_is_busy(tiny: Any, ask: Any, put: Any) -> None:
    engine = Engine()
    put(engine, tiny, "bad", 0, ask("fault=model"))
    assert engine.busy and isinstance(engine.step()[0], ImageFailed) and not engine.busy
    engine.cancel("nobody")
    assert engine.busy and engine.step() == [] and not engine.busy


def test_numbers_that_are_not_finite_fail_their_image_alone(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    put(engine, tiny, "good", 0, ask("fox guidance=2"))
    put(engine, tiny, "bad", 0, ask("fox guidance=2 fault=nan"))
    events, finished = run(engine)
    (failure,) = [event for event in events if isinstance(event, ImageFailed)]
    assert failure.job_id == "bad" and "step 1" in failure.reason and list(finished) == [("good", 0)]


def test_a_full_engine_says_so(tiny: Any, ask: Any, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "SAMPLES_MAX", 2)
    engine = Engine()
    for index in range(2):
        put(engine, tiny, "a", index, ask("fox"))
    with pytest.raises(ModelError, match="2 images are in flight"):
        put(engine, tiny, "a", 2, ask("fox"))


def test_a_stopped_schedule_ends_with_the_estimate(gaussian: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    put(engine, gaussian, "a", 0, ask("steps=10 keep=6"))
    events, finished = run(engine)
    assert steps_of(events, "a") == [1, 2, 3, 4, 5]
    noise = gaussian.prepare(ask("x"), index=0).latent
    estimate_spread = (finished["a", 0].latent - MEAN).std() / noise.std()
    assert estimate_spread < SPREAD, "an estimate is softer than an image, where noise would make it rougher"


def test_two_models_share_an_engine_and_never_a_pass(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    other = type(tiny)("other")
    with torch.no_grad():
        other.network.outwards.bias += 0.1
    expected = {}
    for denoiser in (tiny, other):
        engine = Engine()
        put(engine, denoiser, "a", 0, ask("fox guidance=2"))
        expected[denoiser.name] = run(engine)[1]["a", 0].latent
    tiny.passes.clear()
    other.passes.clear()
    engine = Engine()
    put(engine, tiny, "tiny", 0, ask("fox guidance=2"))
    put(engine, other, "other", 0, ask("fox guidance=2"))
    put(engine, other, "late", 0, ask("owl steps=6"))
    assert (engine.in_flight("tiny"), engine.in_flight("other"), engine.in_flight("third")) == (1, 2, 0)
    finished = run(engine)[1]
    for name in ("tiny", "other"):
        assert torch.equal(finished[name, 0].latent, expected[name])
        assert finished[name, 0].denoiser.name == finished[name, 0].fingerprint.model == name
    assert (len(tiny.passes), len(other.passes)) == (4, 6)
    assert not engine.in_flight("tiny") and not engine.in_flight("other")


def test_another_copy_of_a_model_has_to_wait_until_the_first_is_done(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    reloaded = type(tiny)()
    reloaded.weights_hash = "1" * 64
    engine = Engine()
    put(engine, tiny, "a", 0, ask("fox"))
    with pytest.raises(ModelError, match="another copy of tiny"):
        put(engine, reloaded, "b", 0, ask("fox"))
    run(engine)
    put(engine, reloaded, "b", 0, ask("fox"))
    assert run(engine)[1]["b", 0].fingerprint.weights_hash == "1" * 64


@pytest.mark.usefixtures("threads")
def test_guidance_and_samplers_leave_each_sample_the_bits_that_it_has_alone(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    """With a network that is elementwise even fast mode must keep bits: what is left is guidance and the sampler's step."""
    tiny.estimate = lambda latents, sigmas, words: latents * words[:, :1, :1, None] + sigmas.view(-1, 1, 1, 1)
    wishes = [
        f"{word} steps={steps} guidance={guidance} sampler={sampler} rule={rule} side=40"
        for word, steps, guidance, sampler, rule in (
            ("fox", 4, 1, "euler", "linear"),
            ("owl", 6, 3, "heun", "linear"),
            ("sea", 3, 2.5, "dpmpp_2m_flow", "linear"),
            ("elk", 7, 2.1, "dpmpp_2m_flow", "token_norm"),
            ("hut", 5, 1, "ddim", "linear"),
            ("sky", 2, 7, "euler", "norm_limit"),
            ("bee", 5, 1.3, "euler_ancestral_flow", "linear"),
            ("ant", 3, 1, "dpmpp_2m_flow", "linear"),
        )
    ]
    alone = []
    for index, wish in enumerate(wishes):
        engine = Engine(exact=False)
        put(engine, tiny, "a", index, ask(wish))
        alone.append(run(engine)[1]["a", index].latent)
    engine = Engine(exact=False)
    for index, wish in enumerate(wishes):
        put(engine, tiny, "a", index, ask(wish))
        engine.step()
    finished = run(engine)[1]
    assert max(tiny.passes) == 8
    for index, expected in enumerate(alone):
        assert torch.equal(finished["a", index].latent, expected), wishes[index]


def test_the_noise_of_a_stochastic_sampler_is_the_images_and_the_steps_own(tiny: Any, ask: Any) -> None:
    draws = [
        _noise(tiny, ask("fox", seed), index, step) for seed in (1, 2) for index in (0, 1) for step in (0, 1)
    ]
    draws.append(tiny.prepare(ask("fox", 1), index=0).latent.flatten())
    for i, one in enumerate(draws):
        assert one.std() == pytest.approx(1, abs=0.15)
        assert all(torch.corrcoef(torch.stack([one, two]))[0, 1].abs() < 0.25 for two in draws[:i])
    torch.manual_seed(9)
    assert torch.equal(draws[0], _noise(tiny, ask("fox", 1), 0, 0)), "torch's own generator has no part in it"


def _noise(tiny: Any, params: Any, index: int, step: int) -> torch.Tensor:
    prepared = replace(tiny.prepare(params, index=index), sampler="euler_ancestral_flow")
    image = Image.of(
        prepared,
        Request(job_id="a", index=index, params=params),
        denoiser=tiny,
        fingerprint=fingerprint_of(tiny, rows=8),
    )
    return noise_of(replace(Sample.of(image, key=0), step=step)).flatten()


def test_a_sample_is_a_value(tiny: Any, ask: Any) -> None:
    """A step makes a new sample and leaves the old one as it was, so that a pass can be repeated."""
    params = ask("fox steps=2 sampler=heun")
    image = Image.of(
        tiny.prepare(params, index=0),
        Request(job_id="a", index=0, params=params),
        denoiser=tiny,
        fingerprint=fingerprint_of(tiny, rows=8),
    )
    samples = [Sample.of(image, key=0)]
    before = samples[0].x.clone()
    while samples[-1].state is not State.FINISHED:
        samples += stepped(samples[-1:], torch.zeros_like(before), exact=True)
    assert [sample.step for sample in samples] == [0, 1, 2, 3]
    assert [sample.ticket.steps_left for sample in samples] == [3, 2, 1, 0]
    assert samples[0].state is State.WAITING and samples[1].state is State.RUNNING
    assert torch.equal(samples[0].x, before) and not torch.equal(samples[1].x, before)
    assert samples[0].exact and not stepped(samples[:1], torch.zeros_like(before), exact=False)[0].exact
