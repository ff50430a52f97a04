"""Which scenes belong to which part of the corpus, and in what proportions they are drawn."""

from collections import Counter

import numpy as np
import pytest

from darkroom.train.composer import (
    HELD_OUT_ART_SET,
    HELD_OUT_CONCEPTS,
    PALETTE,
    PLACES,
    ObjectSpec,
    SceneSpec,
    Split,
    attributes,
    is_held_out,
    is_zero_shot,
    sample_spec,
)
from darkroom.train.composer.places import Setting
from darkroom.train.composer.words import COLOURLESS

DRAWS = 1500


@pytest.fixture(scope="module")
def training(drawn_atlas):
    rng = np.random.default_rng(5)
    return [sample_spec(rng, drawn_atlas, split=Split.TRAIN) for _ in range(DRAWS)]


def scene(concept: str, place: str, *, art_set: str = "noto", style: str = "") -> SceneSpec:
    return SceneSpec(
        seed=0, objects=(ObjectSpec(concept=concept),), place=place, art_set=art_set, style=style
    )


def test_training_never_shows_what_is_kept_for_validation(training):
    assert not any(is_held_out(spec) or is_zero_shot(spec) for spec in training)


def test_held_out_scenes_are_known_things_in_unseen_combinations(drawn_atlas):
    rng = np.random.default_rng(6)
    for _ in range(60):
        spec = sample_spec(rng, drawn_atlas, split=Split.HELD_OUT)
        assert is_held_out(spec)
        assert not is_zero_shot(spec)


def test_zero_shot_scenes_show_an_unseen_concept_or_the_unseen_art_set(drawn_atlas):
    rng = np.random.default_rng(7)
    specs = [sample_spec(rng, drawn_atlas, split=Split.ZERO_SHOT) for _ in range(120)]
    assert all(is_zero_shot(spec) for spec in specs)
    by_set = [spec for spec in specs if spec.art_set == HELD_OUT_ART_SET]
    assert 0 < len(by_set) < len(specs)
    assert all(not spec.style for spec in by_set), "a filter would hide the art set that is to be tested"
    assert any(o.concept in HELD_OUT_CONCEPTS for spec in specs for o in spec.objects)


def test_about_one_combination_in_twenty_is_held_out():
    concepts = [f"thing {i}" for i in range(60)]
    held = [is_held_out(scene(c, p, style=s)) for c in concepts for p in PLACES for s in ("", "neon", "oil")]
    assert 0.04 < np.mean(held) < 0.06


def test_the_split_is_the_same_for_ever():
    """These were drawn once; if this fails, every weight trained so far has seen the validation scenes."""
    names = ("apple", "dog", "car", "house", "boat", "tree", "guitar", "lion")
    held = {(c, p) for c in names for p in PLACES if is_held_out(scene(c, p))}
    assert held == PINNED


def test_the_art_set_counts_only_where_no_filter_hides_it():
    pairs = [(c, p) for c in ("apple", "dog", "car") for p in PLACES]
    for concept, place in pairs:
        one = is_held_out(scene(concept, place, art_set="noto", style="neon"))
        assert one == is_held_out(scene(concept, place, art_set="twemoji", style="neon"))
    by_set = {s: [is_held_out(scene(c, p, art_set=s)) for c, p in pairs] for s in ("noto", "twemoji")}
    assert by_set["noto"] != by_set["twemoji"]


def test_shares_of_the_training_corpus(training):
    kinds = Counter(len(spec.objects) for spec in training)
    assert [round(kinds[n] / DRAWS, 1) for n in range(4)] == pytest.approx([0.1, 0.6, 0.2, 0.1], abs=0.101)
    studio = np.mean([PLACES[spec.place].setting is Setting.STUDIO for spec in training])
    styled = np.mean([bool(spec.style) for spec in training])
    assert 0.3 < studio < 0.4
    assert 0.15 < styled < 0.26
    sets = Counter(spec.art_set for spec in training if spec.objects)
    assert sets["fluent-3d"] > sets["noto"] > sets["emojione"] > 0
    assert {spec.place for spec in training} == set(PLACES)


def test_only_things_that_may_be_repainted_are_and_not_where_it_would_not_show(training, drawn_atlas):
    painted = [(o, spec) for spec in training for o in spec.objects if o.colour]
    assert painted
    for thing, spec in painted:
        assert drawn_atlas.concepts[thing.concept].recolour
        assert spec.style not in COLOURLESS
        assert thing.colour in PALETTE
        assert thing.colour not in spec.backdrop or PLACES[spec.place].setting is Setting.VOID


def test_every_scene_fits_its_place(training, drawn_atlas):
    for spec in training:
        place = PLACES[spec.place]
        assert spec.time in place.times
        assert spec.weather in ("", *place.weathers)
        assert 1 <= spec.total <= 4 or not spec.objects
        assert all(spec.art_set in drawn_atlas.concepts[o.concept].art_sets for o in spec.objects)
        assert len(spec.backdrop) == {"gradient": 2, "studio": 1, "room": 1, "sea": 0}.get(
            spec.place, len(spec.backdrop)
        )


def test_the_same_generator_draws_the_same_scenes(drawn_atlas):
    first, second = (sample_spec(np.random.default_rng(3), drawn_atlas, split=Split.TRAIN) for _ in range(2))
    assert first == second


def test_attributes_describe_the_first_kind():
    spec = SceneSpec(
        seed=1, objects=(ObjectSpec(concept="car", count=2, colour="red"), ObjectSpec(concept="fox")),
        arrangement="beside", place="street", time="night", art_set="noto", style="oil",
    )  # fmt: skip
    assert attributes(spec) == {
        "object": "car", "count": "2", "colour": "red", "place": "street", "time": "night", "style": "oil",
    }  # fmt: skip
    assert attributes(SceneSpec(seed=1, place="sea", time="day"))["object"] == ""


PINNED: set[tuple[str, str]] = {
    ("apple", "garden"),
    ("apple", "night sky"),
    ("apple", "spotlight"),
    ("apple", "volcano"),
    ("car", "room"),
    ("dog", "clouds"),
    ("dog", "garden"),
    ("dog", "lake"),
    ("house", "beach"),
    ("house", "bridge"),
    ("house", "garden"),
    ("lion", "city"),
    ("lion", "sea"),
    ("lion", "underwater"),
    ("tree", "city"),
    ("tree", "forest"),
    ("tree", "room"),
    ("tree", "soft"),
    ("tree", "spotlight"),
    ("tree", "village"),
}
