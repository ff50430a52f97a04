"""Which models stay loaded: what is put away fits the need, hurts least, and never draws at the moment."""

from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from darkroom.core.errors import ModelError
from darkroom.worker.shelf import DEMAND_HALF_LIFE_S, GIB, Shelf

NAMES = ("a", "b", "c", "d", "e")


@st.composite
def shelves(draw: st.DrawFn) -> tuple[Shelf, Mapping[str, int], frozenset[str]]:
    """A shelf whose models fit, how many images each has in flight, and which are pinned."""
    sizes = draw(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 20), max_size=5))
    shelf = Shelf(sum(sizes.values()) + draw(st.integers(0, 10)))
    pinned = draw(st.frozensets(st.sampled_from(NAMES), max_size=2)) & sizes.keys()
    for name, size in sizes.items():
        shelf.put(name, size, load_s=draw(st.floats(0, 100)), pinned=name in pinned)
        for _ in range(draw(st.integers(0, 4))):
            shelf.asked(name, draw(st.floats(0, 2 * DEMAND_HALF_LIFE_S)))
    in_flight = {name: draw(st.sampled_from([0, 0, 0, 3])) for name in sizes}
    return shelf, in_flight, frozenset(pinned)


@given(shelves(), st.integers(1, 120))
def test_what_is_put_away_is_enough_and_not_in_use(
    found: tuple[Shelf, Mapping[str, int], frozenset[str]], needed: int
) -> None:
    shelf, in_flight, pinned = found
    try:
        room = shelf.room_for("new", needed, in_flight=lambda name: in_flight[name], now=2000.0)
    except ModelError:
        assert needed > shelf.total_bytes - size(shelf, pinned)
        return
    assert not pinned & {*room.evict, *room.busy} and not {*room.evict} & {*room.busy}
    assert not any(in_flight[name] for name in room.evict) and all(in_flight[name] for name in room.busy)
    assert shelf.free_bytes + size(shelf, {*room.evict, *room.busy}) >= needed
    idle = {name for name in shelf.models if not in_flight[name]} - pinned
    enough = shelf.free_bytes + size(shelf, idle) >= needed
    assert bool(room.busy) is not enough, (
        "a model that draws is waited for only where idle ones do not suffice"
    )


@given(shelves(), st.integers(1, 120))
def test_nothing_is_put_away_for_nothing(
    found: tuple[Shelf, Mapping[str, int], frozenset[str]], needed: int
) -> None:
    shelf, in_flight, pinned = found
    assume(needed <= shelf.total_bytes - size(shelf, pinned))
    room = shelf.room_for("new", needed, in_flight=lambda name: in_flight[name], now=2000.0)
    chosen = room.busy or room.evict  # beside busy ones, all idle ones go
    for kept in chosen:
        gone = {*room.evict, *room.busy} - {kept}
        assert shelf.free_bytes + size(shelf, gone) < needed


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0.1, 60)), min_size=2, max_size=5))
def test_of_models_of_one_size_the_cheapest_to_load_again_goes(models: list[tuple[int, float]]) -> None:
    shelf = Shelf(len(models))
    for name, (asked, load_s) in zip(NAMES, models, strict=False):
        shelf.put(name, 1, load_s=load_s)
        for _ in range(asked):
            shelf.asked(name, 0.0)
    room = shelf.room_for("new", 1, in_flight=lambda _: 0, now=0.0)
    costs = {name: asked * load_s for name, (asked, load_s) in zip(NAMES, models, strict=False)}
    assert len(room.evict) == 1 and costs[room.evict[0]] == min(costs.values())


def test_bytes_count_as_well_as_seconds() -> None:
    shelf = Shelf(12)
    for name, size_bytes, load_s in (("small", 2, 10), ("large", 10, 20)):
        shelf.put(name, size_bytes, load_s=load_s)
        shelf.asked(name, 0.0)
    assert shelf.room_for("new", 1, in_flight=lambda _: 0, now=0.0).evict == ("large",), "2 s a byte, not 5"


def size(shelf: Shelf, names: set[str] | frozenset[str]) -> int:
    return sum(shelf._held[name].size_bytes for name in names)


def test_demand_fades() -> None:
    shelf = Shelf(10)
    shelf.asked("a", 0.0)
    shelf.asked("a", 0.0)
    assert shelf.demand("a", 0.0) == 2 and shelf.demand("b", 0.0) == 0
    assert shelf.demand("a", DEMAND_HALF_LIFE_S) == pytest.approx(1.0)
    shelf.asked("a", DEMAND_HALF_LIFE_S)
    assert shelf.demand("a", 2 * DEMAND_HALF_LIFE_S) == pytest.approx(1.0)


def test_yesterday_s_favourite_goes_before_today_s() -> None:
    shelf = Shelf(2)
    for name in ("old", "new"):
        shelf.put(name, 1, load_s=10)
    for _ in range(5):
        shelf.asked("old", 0.0)
    shelf.asked("new", 6 * DEMAND_HALF_LIFE_S)
    assert shelf.room_for("c", 1, in_flight=lambda _: 0, now=6 * DEMAND_HALF_LIFE_S).evict == ("old",)


def test_demand_outlives_a_model_that_was_put_away() -> None:
    shelf = Shelf(1)
    shelf.put("a", 1, load_s=3)
    shelf.asked("a", 0.0)
    shelf.put_away("a")
    assert shelf.models == () and "a" not in shelf and shelf.free_bytes == 1
    assert shelf.demand("a", 0.0) == 1


def test_what_never_fits_is_refused_with_the_numbers() -> None:
    shelf = Shelf(10 * GIB)
    shelf.put("mini-1", GIB, load_s=1, pinned=True)
    shelf.put("b", 4 * GIB, load_s=1)
    with pytest.raises(ModelError) as caught:
        shelf.room_for("giant", 12 * GIB, in_flight=lambda _: 0, now=0.0)
    said = caught.value.message
    for part in (
        "giant",
        "needs 12.00 GiB",
        "10.00 GiB here",
        "mini-1",
        "5.00 GiB are free",
        "DARKROOM_MEMORY",
    ):
        assert part in said
    assert shelf.models == ("mini-1", "b"), "nothing was put away for it"


@pytest.mark.parametrize(("model", "advised"), [("mini-1", False), ("huge", True)])
def test_only_what_would_help_is_advised(model: str, advised: bool) -> None:
    with pytest.raises(ModelError, match="does not fit") as refused:
        Shelf(1).room_for(model, 2, in_flight=lambda _: 0, now=0.0)
    assert "larger DARKROOM_MEMORY" in refused.value.message
    assert (
        ("DARKROOM_PRECISION" in refused.value.message)
        == advised
        == ("DARKROOM_OFFLOAD" in refused.value.message)
    )
