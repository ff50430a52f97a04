"""Pictures in the engine: what they do to an image under way, what they cost, and that they disturb nobody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch

from darkroom.core.events import ImageFailed, StepTaken
from darkroom.engine.corrections import digest_of
from darkroom.engine.engine import Engine
from darkroom.engine.rows import state_bytes
from darkroom.engine.saved import pack, unpack
from darkroom.model.denoiser import Given, Guide
from darkroom.model.samplers import SAMPLERS

FLOW_SAMPLERS = sorted(set(SAMPLERS) - {"dpmpp_2m", "euler_ancestral"})
SIDE = 8


def picture(seed: int = 0) -> torch.Tensor:
    return torch.randn(4, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)).tanh()


def half() -> torch.Tensor:
    region = torch.zeros(1, SIDE, SIDE)
    region[:, :, 4:] = 1
    return region


def guide(seed: int = 5) -> Guide:
    return Guide(latent=picture(seed), picture=torch.zeros(3, 16, 16))


def drawn(denoiser: Any, put: Any, run: Any, params: Any, **more: Any) -> torch.Tensor:
    engine = Engine()
    put(engine, denoiser, "job", 0, params, **more)
    latent: torch.Tensor = run(engine)[1]["job", 0].latent
    return latent


@pytest.mark.parametrize("sampler", FLOW_SAMPLERS)
@pytest.mark.parametrize("keep", [999, 3])
def test_what_is_known_keeps_its_bits_whatever_the_sampler(
    tiny: Any, ask: Any, put: Any, run: Any, sampler: str, keep: int
) -> None:
    params = ask(f"fox steps=4 guidance=2 keep={keep} sampler={sampler}")
    made = drawn(tiny, put, run, params, given=Given(init=picture(), region=half()))
    assert torch.equal(made[:, :, :4], picture()[:, :, :4])
    assert (made[:, :, 4:] - picture()[:, :, 4:]).abs().mean() > 0.1


def test_a_soft_region_is_a_mixture_of_both(gaussian: Any, ask: Any, put: Any, run: Any) -> None:
    """Of the last estimate and of what is known, once and not once more at the end."""
    params = ask("x steps=1")
    plain = drawn(gaussian, put, run, params)
    soft = drawn(
        gaussian, put, run, params, given=Given(init=picture(), region=torch.full((1, SIDE, SIDE), 0.5))
    )
    torch.testing.assert_close(soft, (plain + picture()) / 2)


def test_only_the_share_of_the_steps_that_is_run_is_told(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    put(engine, tiny, "job", 0, ask("fox steps=10"), given=Given(init=picture(), strength=0.3))
    taken = [event for event in run(engine)[0] if isinstance(event, StepTaken)]
    assert [(event.step, event.steps) for event in taken] == [(1, 3), (2, 3), (3, 3)]


def test_pulls_move_the_estimates_of_their_image_alone(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    params = ask("fox guidance=2")
    engine = Engine()
    put(engine, tiny, "led", 0, params, given=Given(styles=(guide(),)))
    put(engine, tiny, "plain", 0, params)
    made = run(engine)[1]
    assert len(tiny.passes) == 4, "rows with and without pictures share passes"
    plain, led = made["plain", 0].latent, made["led", 0].latent
    assert torch.equal(plain, drawn(tiny, put, run, params))
    wanted = picture(5).mean((1, 2))
    assert (led.mean((1, 2)) - wanted).norm() < 0.6 * (plain.mean((1, 2)) - wanted).norm()


def test_an_image_has_the_noise_of_the_grid_index_it_is_told(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine, params = Engine(), ask("fox")
    put(engine, tiny, "grid", 2, params)
    put(engine, tiny, "alone", 0, params, grid_index=2)
    put(engine, tiny, "other", 0, params)
    made = run(engine)[1]
    assert torch.equal(made["alone", 0].latent, made["grid", 2].latent)
    assert not torch.equal(made["alone", 0].latent, made["other", 0].latent)


def test_pictures_count_among_what_is_in_memory(tiny: Any, ask: Any) -> None:
    plain = state_bytes(tiny.prepare(ask("fox"), index=0))
    given = Given(init=picture(), region=half(), prompts=(guide(),))
    own = state_bytes(tiny.prepare(ask("fox"), index=0, given=given))
    assert own - plain == 2 * picture().nbytes + half().nbytes


GIVEN = Given(init=picture(), region=half(), prompts=(guide(),), styles=(guide(6),))


def test_an_image_with_pictures_is_continued(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    params, engine = ask("fox steps=5 sampler=dpmpp_2m_flow"), Engine()
    put(engine, tiny, "job", 0, params, given=GIVEN)
    for _ in range(2):
        engine.step()
    (state,) = unpack(pack(engine.save("job")))
    again = Engine()
    put(again, tiny, "job", 0, params, given=GIVEN, saved=state)
    events, made = run(again)
    assert [event.step for event in events if isinstance(event, StepTaken)] == [3, 4, 5]
    assert torch.equal(made["job", 0].latent, drawn(tiny, put, run, params, given=GIVEN))


@pytest.mark.parametrize(
    "more",
    [
        {"given": None},
        {"given": replace(GIVEN, init=picture(9))},
        {"given": replace(GIVEN, prompts=(guide(9),))},
        {"given": GIVEN, "grid_index": 3},
    ],
)
def test_the_state_of_other_pictures_begins_again(
    tiny: Any, ask: Any, put: Any, run: Any, more: dict[str, Any]
) -> None:
    params, engine = ask("fox steps=5"), Engine()
    put(engine, tiny, "job", 0, params, given=GIVEN)
    engine.step()
    (state,) = engine.save("job")
    again = Engine()
    put(again, tiny, "job", 0, params, saved=state, **more)
    assert next(event.step for event in run(again)[0] if isinstance(event, StepTaken)) == 1


def test_a_digest_tells_every_part_apart() -> None:
    others = [
        Given(),
        GIVEN,
        replace(GIVEN, strength=0.5),
        replace(GIVEN, around=True),
        replace(GIVEN, region=None),
        replace(GIVEN, styles=()),
        replace(GIVEN, prompts=(), blends=(guide(),)),
        replace(GIVEN, prompts=(replace(guide(), weight=2.0),)),
    ]
    assert len({digest_of(each) for each in others} | {digest_of(None)}) == len(others) + 1
    assert digest_of(replace(GIVEN)) == digest_of(GIVEN)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Given(region=half()), "needs both"),
        (Given(init=picture(), region=torch.ones(1, 3, 3)), "does not fit"),
        (Given(init=picture()[:, :4], strength=0.5), "cannot begin a drawing"),
        (Given(init=picture(), region=half() * 2), "from 0 to 1"),
        (Given(init=picture() * torch.nan, region=half()), "finite"),
        (Given(init=picture(), strength=1.5), "strength of 1.5"),
    ],
)
def test_what_does_not_fit_fails_alone(
    tiny: Any, ask: Any, put: Any, run: Any, given: Given, why: str
) -> None:
    engine = Engine()
    put(engine, tiny, "bad", 0, ask("fox"), given=given)
    put(engine, tiny, "good", 0, ask("fox"))
    events, made = run(engine)
    (failed,) = [event for event in events if isinstance(event, ImageFailed)]
    assert failed.job_id == "bad" and why in failed.reason
    assert list(made) == [("good", 0)]


def test_pictures_are_told_apart_beside_the_thread_that_steps(
    tiny: Any, ask: Any, put: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for all images of a job: they are many megabytes."""
    told: list[int] = []

    def noted(given: Given | None) -> str:
        told.append(threading.get_ident())
        return digest_of(given)

    monkeypatch.setattr("darkroom.engine.encoding.digest_of", noted)
    with ThreadPoolExecutor(1) as beside:
        engine = Engine(encode_on=beside)
        for index in range(4):
            put(engine, tiny, "job", index, ask("fox"), given=GIVEN)
        assert len(run(engine)[1]) == 4
    assert len(told) == 1 and threading.get_ident() not in told
