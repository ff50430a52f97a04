"""One bad request fails alone: whatever breaks in a pass, in a step, beside the loop or on the device, the others go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from darkroom.core.errors import ModelError
from darkroom.core.events import Event, ImageCancelled, ImageFailed
from darkroom.engine import encoding as encoding_module
from darkroom.engine import engine as engine_module
from darkroom.engine.engine import Engine
from darkroom.engine.passes import is_lost
from darkroom.engine.profiles import Profile, Profiles
from darkroom.engine.stepping import stepped

NO_MEMORY = torch.OutOfMemoryError("CUDA out of memory")


def failures(events: list[Event]) -> list[ImageFailed]:
    return [event for event in events if isinstance(event, ImageFailed)]


def breaks_on(denoiser: Any, fault: Exception) -> None:
    """From now on a pass that carries words which are not finite raises."""
    denoise = denoiser.denoise

    def broken(latents: Any, sigmas: Any, conditioning: Any) -> Any:
        if any(each["words"].isnan().any() for each in conditioning):
            raise fault
        return denoise(latents, sigmas, conditioning)

    denoiser.denoise = broken


@pytest.mark.parametrize(
    "fault",
    [RuntimeError("shapes"), ValueError("shapes"), ModelError("shapes"), IndexError("shapes")],
)
def test_who_breaks_the_network_fails_alone_and_nobody_elses_bits_change(
    tiny: Any, ask: Any, put: Any, run: Any, fault: Exception
) -> None:
    engine = Engine()
    put(engine, tiny, "good", 0, ask("fox guidance=2"))
    expected = run(engine)[1]["good", 0].latent
    breaks_on(tiny, fault)
    put(engine, tiny, "good", 0, ask("fox guidance=2"))
    for index in range(2):
        put(engine, tiny, "bad", index, ask("owl guidance=3 fault=nan"))
    events, finished = run(engine)
    assert [event.job_id for event in failures(events)] == ["bad", "bad"]
    assert all(str(fault) in event.reason for event in failures(events))
    assert torch.equal(finished["good", 0].latent, expected) and engine.in_flight("tiny") == 0


def test_our_own_mistakes_leave_the_step(tiny: Any, ask: Any, put: Any) -> None:
    engine = Engine()
    put(engine, tiny, "a", 0, ask("fox fault=nan"))
    breaks_on(tiny, TypeError("a mistake"))
    with pytest.raises(TypeError, match="a mistake"):
        engine.step()


def test_memory_that_does_not_suffice_behind_the_network(
    tiny: Any, ask: Any, put: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guidance and the sampler's step for all at once are too much; for one at a time they are not."""

    def crowded(samples: Any, estimates: Any, *, exact: bool) -> Any:
        if len(samples) > 1:
            raise NO_MEMORY
        return stepped(samples, estimates, exact=exact)

    monkeypatch.setattr(engine_module, "stepped", crowded)
    engine = Engine()
    for index in range(3):
        put(engine, tiny, "a", index, ask("fox guidance=2"))
    assert len(run(engine)[1]) == 3


@pytest.mark.parametrize("where", ["pass", "begin", "encode", "prepare"])
def test_a_device_that_is_lost_is_nobodys_fault(
    tiny: Any, ask: Any, put: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    fault = RuntimeError("CUDA error: an illegal memory access was encountered")

    def lost(*args: Any, **kwargs: Any) -> Any:
        raise fault

    for module in (engine_module, encoding_module):
        monkeypatch.setattr(module, "is_lost", lambda device: True)
    if where == "begin":
        monkeypatch.setattr("darkroom.engine.rows.Image.of", lost)
    else:
        monkeypatch.setattr(tiny, {"pass": "denoise"}.get(where, where), lost)
    engine = Engine()
    for index in range(2):
        put(engine, tiny, "a", index, ask(f"fox {index}"))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        engine.step()


def test_a_device_is_lost_where_nothing_runs_any_more() -> None:
    assert not is_lost(torch.device("cpu"))
    assert is_lost(torch.device("meta")), "it holds no numbers, so nothing can be read from it"


def test_memory_that_does_not_suffice_to_prepare_is_not_called_the_requests_fault(
    tiny: Any, ask: Any, put: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(texts: Any) -> Any:
        raise NO_MEMORY

    engine = Engine()
    with monkeypatch.context() as during:
        during.setattr(tiny, "encode", full)
        put(engine, tiny, "text", 0, ask("fox"))
        events = engine.step()
    (failure,) = failures(events)
    assert failure.reason.startswith("the device has no memory to prepare it")
    put(engine, tiny, "text", 0, ask("fox"))
    assert list(run(engine)[1]) == [("text", 0)]


class Unproven(Profiles):
    """A device that keeps no bits."""

    def settled(self, denoiser: Any, prepared: Any, *, exact: bool = True) -> Profile:
        raise ModelError("cpu does not keep exact mode")


def test_a_device_that_keeps_no_bits_is_not_called_the_requests_fault(tiny: Any, ask: Any, put: Any) -> None:
    engine = Engine(profiles=Unproven(measure=False))
    put(engine, tiny, "a", 0, ask("fox"))
    (failure,) = failures(engine.step())
    assert failure.reason == "the device cannot begin it: cpu does not keep exact mode"
    assert len(engine) == 0 and not engine.busy


@pytest.mark.parametrize("beside", [False, True])
def test_a_preview_that_breaks_is_left_out(
    tiny: Any, ask: Any, put: Any, run: Any, beside: bool, caplog: pytest.LogCaptureFixture
) -> None:
    preview, calls = tiny.preview, []

    def broken(denoised: Any) -> Any:
        calls.append(denoised)
        if len(calls) == 1:
            raise RuntimeError("a broken preview")
        return preview(denoised)

    tiny.preview = broken
    with ThreadPoolExecutor(1) as on, caplog.at_level(logging.WARNING):
        engine = Engine(preview_every=1, preview_on=on if beside else None)
        put(engine, tiny, "bad", 0, ask("fox"))
        put(engine, tiny, "good", 0, ask("fox"))
        engine.step()
        made = engine.take_previews()
        on.submit(int).result()  # what was asked for before it is done by now
        made += engine.take_previews()
    assert [each.job_id for each in made] == ["good"] and "a broken preview" in caplog.text
    assert len(run(engine)[1]) == 2


def test_a_job_that_comes_again_after_its_cancel_is_drawn(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine()
    put(engine, tiny, "a", 0, ask("fox"))
    engine.step()
    put(engine, tiny, "a", 1, ask("fox"))
    engine.cancel("a")
    put(engine, tiny, "a", 2, ask("fox"))
    events, finished = run(engine)
    assert [event.index for event in events if isinstance(event, ImageCancelled)] == [1, 0]
    assert list(finished) == [("a", 2)]


def held(encode: Callable[..., Any]) -> tuple[Callable[..., Any], threading.Event, threading.Event]:
    """An encoder that says when it has begun, and goes on when it may."""
    begun, go = threading.Event(), threading.Event()

    def slow(texts: Any) -> Any:
        begun.set()
        assert go.wait(10)
        return encode(texts)

    return slow, begun, go


def test_a_cancel_while_the_texts_are_encoded(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    tiny.encode, begun, go = held(tiny.encode)
    with ThreadPoolExecutor(1) as on:
        engine = Engine(encode_on=on)
        put(engine, tiny, "gone", 0, ask("fox"))
        engine.step()
        assert begun.wait(10)
        engine.cancel("gone")
        engine.cancel("gone")
        assert engine.step() == [ImageCancelled(job_id="gone", index=0)]
        assert not engine.busy and engine.in_flight("tiny") == 0
        put(engine, tiny, "kept", 0, ask("owl"))
        go.set()
        assert list(run(engine)[1]) == [("kept", 0)]


def test_a_cancel_of_who_waits_for_memory(tiny: Any, ask: Any, put: Any, run: Any) -> None:
    engine = Engine(state_bytes_max=9_000)  # one image of 8 x 8
    for index in range(3):
        put(engine, tiny, "gone", index, ask("fox"))
    put(engine, tiny, "kept", 0, ask("owl"))
    engine.step()
    assert (engine.vitals().in_flight, engine.vitals().waiting) == (1, 3)
    engine.cancel("gone")
    assert sum(isinstance(event, ImageCancelled) for event in engine.step()) == 3
    assert list(run(engine)[1]) == [("kept", 0)]
