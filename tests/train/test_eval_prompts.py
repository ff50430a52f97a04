"""The lists of prompts, the facts of scenes, and the captions that are nearly right."""

import numpy as np
import pytest
import torch

from darkroom.train.composer import (
    ObjectSpec,
    SceneSpec,
    Split,
    full_caption,
    is_held_out,
    is_zero_shot,
    sample_spec,
)
from darkroom.train.evaluation import prompts
from darkroom.train.evaluation.drawing import params_of
from darkroom.train.evaluation.facts import ATTRIBUTES, UNSAID, facts_of, labels, presence
from darkroom.train.evaluation.near_misses import MISSES, OTHERS, near_misses, other_objects
from darkroom.train.evaluation.prompts import Question
from darkroom.train.sprites import Atlas


def specs(questions: tuple[Question, ...]) -> list[SceneSpec]:
    return [question.spec for question in questions if question.spec is not None]


def test_a_list_depends_on_its_name_alone(drawn_atlas: Atlas) -> None:
    first, again = (prompts.held_out(drawn_atlas, 24, "held-out") for _ in range(2))
    assert first == again
    assert prompts.held_out(drawn_atlas, 12, "held-out") == first[:12]
    assert prompts.held_out(drawn_atlas, 24, "tuning") != first


def test_the_held_out_list_holds_only_what_training_never_shows(drawn_atlas: Atlas) -> None:
    asked = specs(prompts.held_out(drawn_atlas, 30, "held-out"))
    assert all(is_held_out(spec) and not is_zero_shot(spec) and spec.objects for spec in asked)
    unseen = specs(prompts.zero_shot(drawn_atlas, 20, "held-out"))
    assert all(is_zero_shot(spec) for spec in unseen)


def test_the_tuning_list_touches_nothing_that_is_held_out(drawn_atlas: Atlas) -> None:
    asked = specs(prompts.held_out(drawn_atlas, 30, "tuning"))
    assert not any(is_held_out(spec) or is_zero_shot(spec) for spec in asked)
    assert prompts.zero_shot(drawn_atlas, 20, "tuning") == ()
    assert not set(prompts.FREE_PROMPTS["tuning"]) & set(prompts.FREE_PROMPTS["held-out"])


def test_every_question_has_a_seed_of_its_own(drawn_atlas: Atlas) -> None:
    asked = [*prompts.held_out(drawn_atlas, 30, "held-out"), *prompts.zero_shot(drawn_atlas, 20, "held-out")]
    asked += prompts.free("held-out")
    assert len({question.seed for question in asked}) == len(asked)


def test_colours_are_asked_for_often_enough(drawn_atlas: Atlas) -> None:
    asked = specs(prompts.held_out(drawn_atlas, 60, "held-out"))
    assert sum(any(thing.colour for thing in spec.objects) for spec in asked) >= 12


@pytest.mark.parametrize("name", prompts.LISTS)
def test_free_prompts_are_prompts(name: str) -> None:
    for question in prompts.free(name):
        params = params_of(question)
        assert (params.text, params.seed, params.raw) == (question.text, question.seed, False)


def test_composed_captions_are_drawn_raw(drawn_atlas: Atlas) -> None:
    question = prompts.held_out(drawn_atlas, 1, "held-out")[0]
    params = params_of(question, "--quality 2")
    assert params.raw and params.quality == 2 and params.text == question.text


def test_facts_of_a_scene() -> None:
    things = (ObjectSpec(concept="car", count=2, colour="red"), ObjectSpec(concept="fox"))
    spec = SceneSpec(
        seed=1, objects=things, arrangement="beside", place="studio", backdrop=("blue",), style="oil"
    )
    facts = facts_of(spec)
    assert (facts.concepts, facts.count, facts.colour, facts.backdrop, facts.style) == (
        ("car", "fox"), "3", "red", "blue", "oil",
    )  # fmt: skip


def test_what_cannot_be_seen_is_left_unsaid() -> None:
    things = (ObjectSpec(concept="car", colour="red"), ObjectSpec(concept="apple", colour="blue"))
    two = facts_of(SceneSpec(seed=1, objects=things, arrangement="beside", place="space", backdrop=("red",)))
    assert two.colour == "" and two.backdrop == ""  # two paints; the backdrop is a planet's
    pencil = facts_of(SceneSpec(seed=1, place="studio", backdrop=("blue",), style="pencil"))
    assert pencil.backdrop == "" and pencil.count == "0"
    assert facts_of(SceneSpec(seed=1, place="meadow")).style == ""


def test_labels_and_presence() -> None:
    facts = [
        facts_of(SceneSpec(seed=1, objects=(ObjectSpec(concept="fox"),), place="meadow", time="night")),
        facts_of(SceneSpec(seed=1, place="studio", backdrop=("blue",), time="")),
    ]
    assert labels(facts, "time").tolist() == [ATTRIBUTES["time"].index("night"), UNSAID]
    assert labels(facts, "count").tolist() == [1, 0]
    assert torch.equal(presence(facts, ("car", "fox")), torch.tensor([[False, True], [False, False]]))


def test_every_sampled_scene_has_labels_of_the_lists(drawn_atlas: Atlas) -> None:
    rng = np.random.default_rng(0)
    facts = [facts_of(sample_spec(rng, drawn_atlas, split=Split.TRAIN)) for _ in range(80)]
    for name, values in ATTRIBUTES.items():
        said = {getattr(each, name) for each in facts} - {""}
        assert said <= set(values), name


def test_near_misses_are_other_captions(drawn_atlas: Atlas) -> None:
    for question in prompts.held_out(drawn_atlas, 12, "held-out"):
        assert question.spec is not None
        missed = near_misses(question.spec, drawn_atlas, np.random.default_rng(0))
        assert len(missed) == len(set(missed)) == MISSES
        assert question.text not in missed


def test_other_objects_change_the_first_thing_alone(drawn_atlas: Atlas) -> None:
    things = (ObjectSpec(concept="car", colour="red"), ObjectSpec(concept="fox"))
    spec = SceneSpec(seed=1, objects=things, arrangement="beside", place="sea", art_set="noto")
    found = other_objects(spec, drawn_atlas, np.random.default_rng(0))
    assert 5 <= len(found) == len(set(found)) <= OTHERS
    rest = full_caption(spec, drawn_atlas).partition(" to the left of ")[2]
    assert all(text.endswith(rest) and "a red car" not in text for text in found)


def test_a_near_miss_changes_one_thing(drawn_atlas: Atlas) -> None:
    spec = SceneSpec(
        seed=1, objects=(ObjectSpec(concept="car", colour="red"),), arrangement="left", place="meadow", time="night",
        art_set="noto",
    )  # fmt: skip
    own = set(full_caption(spec, drawn_atlas).replace(",", "").split())
    for text in near_misses(spec, drawn_atlas, np.random.default_rng(0), count=20):
        kept = own & set(text.replace(",", "").split())
        assert len(kept) >= len(own) / 2, text
