"""Resume: a state leaves one engine, and the image ends in another with the bits that it would have had anyway."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from darkroom.core.errors import ModelError
from darkroom.core.events import StepTaken
from darkroom.core.params import Lane
from darkroom.engine.engine import Engine
from darkroom.engine.profiles import Profiles
from darkroom.engine.saved import SavedSample, pack, unpack
from darkroom.model.samplers import SAMPLERS

FLOW_SAMPLERS = sorted(
    set(SAMPLERS) - {"dpmpp_2m", "euler_ancestral"}
)  # these are for the variance-exploding form


def stopped(denoiser: Any, put: Any, params: Any, *, after: int, **settings: Any) -> list[SavedSample]:
    """The states of a job of two images after so many ticks."""
    engine = Engine(**settings)
    for index in range(2):
        put(engine, denoiser, "job", index, params)
    for _ in range(after):
        engine.step()
    return engine.save("job")


def whole(denoiser: Any, put: Any, run: Any, params: Any, index: int) -> torch.Tensor:
    engine = Engine()
    put(engine, denoiser, "job", index, params)
    latent: torch.Tensor = run(engine)[1]["job", index].latent
    return latent


def steps_of(events: list[Any]) -> list[int]:
    return [event.step for event in events if isinstance(event, StepTaken)]


@pytest.mark.parametrize("sampler", FLOW_SAMPLERS)
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_saved_image_ends_with_the_same_bits(
    tiny: Any, ask: Any, put: Any, run: Any, sampler: str, after: int
) -> None:
    """Heun after an odd tick stands between prediction and correction; the ancestral ones draw noise in every step."""
    params = ask(f"fox steps=4 guidance=2 sampler={sampler}")
    states = unpack(pack(stopped(tiny, put, params, after=after)))
    assert [(state.index, state.step) for state in states] == [(0, after), (1, after)]
    engine = Engine()
    put(engine, tiny, "stranger", 0, ask("owl"))
    for state in states:
        put(engine, tiny, "job", state.index, params, saved=state)
    events, finished = run(engine)
    assert min(event.step for event in events if getattr(event, "rows", 0) == 2) == after + 1
    for index in range(2):
        assert finished["job", index].exact
        assert torch.equal(finished["job", index].latent, whole(tiny, put, run, params, index))


def test_saving_disturbs_nothing_and_a_state_does_not_change_with_its_engine(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    engine = Engine()
    put(engine, tiny, "job", 0, ask("fox steps=4"))
    assert engine.save("job") == [] and engine.save("nobody") == []
    engine.step()
    (state,) = engine.save("job")
    before = {name: tensor.clone() for name, tensor in state.tensors.items()}
    finished = run(engine)[1]
    assert all(torch.equal(state.tensors[name], before[name]) for name in before)
    assert torch.equal(finished["job", 0].latent, whole(tiny, put, run, ask("fox steps=4"), 0))
    assert engine.save("job") == []


def test_what_still_waits_is_handed_on_as_it_came(tiny: Any, ask: Any, put: Any) -> None:
    (state, _) = stopped(tiny, put, ask("fox"), after=1)
    engine = Engine()
    put(engine, tiny, "job", 0, ask("fox"), saved=state)
    assert engine.save("job") == [state]


def test_a_lane_is_no_part_of_the_picture(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    (state, _) = stopped(tiny, put, ask("fox"), after=2)
    engine = Engine()
    put(engine, tiny, "job", 0, replace(ask("fox"), lane=Lane.RELAX), priority=2, saved=state)
    assert steps_of(run(engine)[0]) == [3, 4]


def broken(name: str, value: Any) -> Callable[[SavedSample], SavedSample]:
    return lambda saved: replace(saved, tensors={**saved.tensors, name: value(saved.tensors[name])})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda saved: replace(saved, fingerprint="0" * 12), "made by engine"),
        (lambda saved: replace(saved, index=1), "another request"),
        (lambda saved: replace(saved, request="0" * 64), "another request"),
        (lambda saved: replace(saved, step=4), "after step 4 of 4"),
        (lambda saved: replace(saved, step=0), "after step 0"),
        (lambda saved: replace(saved, steps=5), "after step 2 of 5"),
        (broken("x", lambda x: x[:2]), "x of its state"),
        (broken("x", lambda x: x.double()), "fp32"),
        (broken("denoised", lambda x: x * torch.nan), "finite"),
        (lambda saved: replace(saved, tensors={"x": saved.tensors["x"]}), "and not denoised"),
    ],
)
def test_the_state_of_anything_else_is_not_continued(
    tiny: Any,
    ask: Any,
    put: Any,
    run: Any,
    change: Any,
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (state, _) = stopped(tiny, put, ask("fox"), after=2)
    engine = Engine()
    put(engine, tiny, "job", 0, ask("fox"), saved=change(state))
    with caplog.at_level(logging.INFO):
        events, finished = run(engine)
    assert steps_of(events) == [1, 2, 3, 4] and why in caplog.text
    assert torch.equal(finished["job", 0].latent, whole(tiny, put, run, ask("fox"), 0))


@pytest.mark.parametrize("other", ["owl", "fox guidance=2", "fox sampler=ddim"])
def test_the_state_of_another_prompt_is_not_continued(
    tiny: Any, ask: Any, put: Any, run: Any, other: str
) -> None:
    (state, _) = stopped(tiny, put, ask(other), after=2)
    engine = Engine()
    put(engine, tiny, "job", 0, ask("fox"), saved=state)
    events, finished = run(engine)
    assert len(steps_of(events)) == 4
    assert torch.equal(finished["job", 0].latent, whole(tiny, put, run, ask("fox"), 0))


def test_an_engine_with_other_rows_begins_again(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    (state, _) = stopped(tiny, put, ask("fox"), after=2, profiles=Profiles(rows=4, measure=False))
    engine = Engine()
    put(engine, tiny, "job", 0, ask("fox"), saved=state)
    assert len(steps_of(run(engine)[0])) == 4


def test_a_state_that_is_not_exact_is_continued_and_never_becomes_so(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    (state, _) = stopped(tiny, put, ask("fox"), after=2)
    engine = Engine()
    put(engine, tiny, "job", 0, ask("fox"), saved=replace(state, exact=False))
    events, finished = run(engine)
    assert steps_of(events) == [3, 4] and not finished["job", 0].exact


def test_packing_keeps_everything(tiny: Any, ask: Any, put: Any) -> None:
    states = stopped(tiny, put, ask("fox sampler=heun"), after=3)
    for before, after in zip(states, unpack(pack(states)), strict=True):
        assert replace(before, tensors={}) == replace(after, tensors={})
        assert set(before.tensors) == set(after.tensors) == {"x", "denoised", "past_x"}
        assert all(torch.equal(before.tensors[name], after.tensors[name]) for name in before.tensors)
    assert unpack(pack([])) == []


def packed(**changes: Any) -> bytes:
    """A package with one state, or with one whose entry is not what it should be."""
    entry = {
        "index": 0,
        "step": 1,
        "steps": 4,
        "exact": True,
        "device_ms": 12.5,
        "fingerprint": "f",
        "request": "r",
    } | changes
    document = json.dumps({"format": 1, "samples": [entry]})
    return save({"0.x": torch.zeros(2), "0.denoised": torch.zeros(2)}, {"darkroom": document})


@pytest.mark.parametrize(
    "changes",
    [
        {"index": -1},
        {"index": "0"},
        {"step": True},
        {"step": 1.5},
        {"steps": 10**30},
        {"exact": 1},
        {"device_ms": -1},
        {"device_ms": float("nan")},
        {"exact": None},
        {"fingerprint": "x" * 1000},
        {"request": ["r"]},
    ],
)
def test_hostile_entries_are_refused(changes: dict[str, Any]) -> None:
    assert len(unpack(packed())) == 1
    with pytest.raises(ModelError, match="no package of saved images"):
        unpack(packed(**changes))


@pytest.mark.parametrize(
    "document",
    ["", "[]", "null", "{}", '{"format": 2, "samples": []}', '{"format": 1, "samples": {}}', "[" * 100_000],
)
def test_hostile_documents_are_refused(document: str) -> None:
    with pytest.raises(ModelError):
        unpack(save({"0.x": torch.zeros(2)}, {"darkroom": document}))


def test_what_is_no_safetensors_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"", b"PK" * 50, b"\xff" * 64, packed()[:-4], save({"x": torch.zeros(1)})):
        with pytest.raises(ModelError):
            unpack(data)
    with monkeypatch.context() as during:
        during.setattr("darkroom.engine.saved.HEADER_MAX", 100)
        with pytest.raises(ModelError, match="a header of"):
            unpack(packed())
    monkeypatch.setattr("darkroom.engine.saved.PACKED_MAX", 100)
    with pytest.raises(ModelError, match="bytes"):
        unpack(packed())


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_changed_bytes_give_states_or_a_model_error(at: int, new: bytes) -> None:
    data = bytearray(packed())
    data[at : at + len(new)] = new
    with contextlib.suppress(ModelError):
        assert all(isinstance(state, SavedSample) for state in unpack(bytes(data)))
