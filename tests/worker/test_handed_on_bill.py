"""What a job costs that several workers draw: each step once, and nothing for steps that were lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.worker.test_drawing import Bench, ask, drawn, rest

from darkroom.engine.saved import pack, unpack


def cost_ms(bench: Bench, saved: bytes | None = None, *, fence: int = 1) -> int:
    """What a run says that it took, drawn to its end."""
    bench.generator.add(ask(fence=fence), saved)
    return drawn(rest(bench.generator))[1].measured_gpu_ms


def left(bench: Bench, saved: bytes | None = None, *, steps: int = 1) -> bytes:
    """What a worker leaves that takes so many steps of the generator."""
    bench.generator.add(ask(), saved)
    for _ in range(steps):
        bench.generator.step()
    found = bench.generator.save(ask().claim)
    assert found is not None
    return found


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_what_two_workers_spend_is_what_one_would_have(steps: int) -> None:
    """After two steps the latents are done; pictures that were made already are not paid twice."""
    assert cost_ms(Bench(), left(Bench(), steps=steps), fence=2) == cost_ms(Bench())


def test_a_state_that_is_handed_on_unused_keeps_its_bill() -> None:
    left_bench = Bench()
    began = left_bench.clock.now  # its model is loaded by then, which nobody pays for
    saved = left(left_bench)
    assert left(Bench(), saved, steps=0) == saved
    waiting = Bench()
    waiting.generator.add(ask(fence=2), saved)
    waiting.generator._look_after_models()  # it is in the engine, which has not taken a step
    again = waiting.generator.save(ask(fence=2).claim)
    assert again is not None
    assert [each.device_ms for each in unpack(again)] == [each.device_ms for each in unpack(saved)]
    assert sum(each.device_ms for each in unpack(saved)) == pytest.approx(
        (left_bench.clock.now - began) * 1000
    )


def test_who_begins_anew_pays_for_that_alone() -> None:
    saved, bench = left(Bench()), Bench()
    bench.tinies["mini-1"].weights_hash = "1" * 64
    assert cost_ms(bench, saved, fence=2) == cost_ms(Bench())


@pytest.mark.parametrize("device_ms", [-1.0, 1e12, float("nan"), float("inf")])
def test_a_bill_that_nobody_would_write_is_not_paid(device_ms: float) -> None:
    forged = pack([replace(each, device_ms=device_ms) for each in unpack(left(Bench()))])
    assert cost_ms(Bench(), forged, fence=2) == cost_ms(Bench())
