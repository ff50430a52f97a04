"""Who pays for what: each sample's share of each pass, and the engine's vitals."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from darkroom.core.events import StepTaken
from darkroom.core.work import EngineVitals
from darkroom.engine.engine import Engine


class Clock:
    """Time that passes only in the network."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_shares_of_a_pass_add_up_and_padding_is_spread_by_rows(
    tiny: Any, ask: Any, put: Any, clock: Clock
) -> None:
    engine = Engine(timer=clock)
    tiny.before_pass = lambda rows: clock.advance(0.3)
    put(engine, tiny, "single", 0, ask("fox"))
    put(engine, tiny, "pair", 0, ask("owl guidance=2"))
    shares = {event.job_id: event.device_ms for event in engine.step() if isinstance(event, StepTaken)}
    assert shares == {"single": pytest.approx(100.0), "pair": pytest.approx(200.0)}
    vitals = engine.vitals()
    assert (vitals.passes, vitals.rows, vitals.padding_rows) == (1, 3, 5)
    assert vitals.device_ms == pytest.approx(300.0)


def test_what_everybody_pays_is_what_the_device_took(
    tiny: Any, ask: Any, put: Any, run: Any, clock: Clock
) -> None:
    engine = Engine(timer=clock)
    tiny.before_pass = lambda rows: clock.advance(0.001 * rows + 0.002)
    for index in range(11):
        put(
            engine, tiny, f"job{index % 3}", index, ask(f"fox steps={2 + index % 4} guidance={1 + index % 2}")
        )
    paid: dict[str, float] = defaultdict(float)
    for event in run(engine)[0]:
        if isinstance(event, StepTaken):
            paid[event.job_id] += event.device_ms
    vitals = engine.vitals()
    assert sum(paid.values()) == pytest.approx(vitals.device_ms)
    assert vitals.device_ms == pytest.approx(1000 * sum(0.001 * rows + 0.002 for rows in tiny.passes))
    assert vitals.passes == len(tiny.passes) and vitals.rows + vitals.padding_rows == sum(tiny.passes)


def test_the_scheduler_hears_the_time_of_each_pass(
    tiny: Any, ask: Any, put: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []
    engine = Engine(timer=clock)
    monkeypatch.setattr(
        engine._scheduler, "charge", lambda picked, ms: heard.append(([t.flow for t in picked], ms))
    )
    tiny.before_pass = lambda rows: clock.advance(0.25)
    put(engine, tiny, "a", 0, ask("fox"), flow="one")
    put(engine, tiny, "b", 0, ask("owl"), flow="two")
    engine.step()
    assert heard == [(["one", "two"], pytest.approx(250.0))]


def test_vitals_tell_who_waits_and_for_how_long(
    tiny: Any, ask: Any, put: Any, run: Any, clock: Clock
) -> None:
    engine = Engine(timer=clock)
    assert engine.vitals() == EngineVitals()
    put(engine, tiny, "a", 0, ask("fox steps=1"))
    clock.advance(2.0)
    put(engine, tiny, "a", 1, ask("fox steps=2"))
    clock.advance(1.0)
    assert (engine.vitals().waiting, engine.vitals().oldest_wait_s) == (2, pytest.approx(3.0))
    engine.step()
    vitals = engine.vitals(undecoded=4)
    assert (vitals.in_flight, vitals.waiting, vitals.oldest_wait_s, vitals.undecoded) == (1, 0, 0.0, 5)
    assert len(engine) == engine.in_flight("tiny") == 1 and engine.in_flight("other") == 0


def test_memory_that_does_not_suffice_is_counted_and_nobody_pays_for_it(
    tiny: Any, ask: Any, put: Any, run: Any, clock: Clock
) -> None:
    def before_pass(rows: int) -> None:
        if rows > 4:
            raise MemoryError
        clock.advance(0.1)

    tiny.before_pass = before_pass
    engine = Engine(timer=clock)
    for index in range(8):
        put(engine, tiny, "a", index, ask("fox steps=1"))
    events, _ = run(engine)
    assert engine.vitals().out_of_memory == 1 and engine.vitals().passes == 2
    assert [event.device_ms for event in events if isinstance(event, StepTaken)] == pytest.approx([25.0] * 8)
