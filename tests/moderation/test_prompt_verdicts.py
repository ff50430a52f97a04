"""The moderator on a small policy and an embedder that is told what it knows, so that each rule is seen by itself."""

import pytest

from darkroom.core.errors import ModerationUnavailable
from darkroom.core.params import GenerationParams, PromptPart
from darkroom.moderation import prompts
from darkroom.moderation.policy import Category, ImageLimit, Meaning, Policy
from darkroom.moderation.prompts import PromptModerator, texts_of

GRAVE = Category(
    name="grave",
    sentence="No.",
    terms=(("gore",),),
    meaning=Meaning(threshold=0.7, margin=0.2, exemplars=("a cruel deed",)),
)
LIGHT = Category(name="light", sentence="No.", terms=(("nude",),))
POLICY = Policy(
    version="v7",
    categories=(GRAVE, LIGHT),
    benign=("a fox",),
    images=(ImageLimit(score="nsfw", block_from=0.5, category="light"),),
)
PLANE = {"a cruel deed": (1.0, 0.0), "a fox": (0.0, 1.0), "harm": (0.8, 0.6), "unclear": (0.71, 0.704)}


class Plane:
    """Sentences on a circle: what is not listed lies with the fox; `harm` and `unclear` lie between."""

    def __init__(self):
        self.asked = []
        self.broken = False

    def embed(self, texts):
        if self.broken:
            raise ModerationUnavailable("the encoder is away")
        self.asked.append(list(texts))
        return [
            PLANE.get(text, PLANE["harm"] if "HARM" in text and len(text) < 140 else (0.0, 1.0))
            for text in texts
        ]


@pytest.fixture
def plane():
    return Plane()


@pytest.fixture
def moderator(plane):
    found = PromptModerator(POLICY, plane)
    found.warm()
    plane.asked.clear()
    return found


def test_a_harmless_text_passes_with_its_scores(moderator):
    verdict = moderator.check(["a fox"])
    assert not verdict.blocked
    assert verdict.policy == "v7"
    assert verdict.scores == {"grave": 0.0}


def test_a_term_blocks_without_the_model(moderator, plane):
    verdict = moderator.check(["a n.u.d.e fox"])
    assert verdict.blocked
    assert (verdict.category, verdict.matched, verdict.scores) == ("light", "the words: nude", {"light": 1.0})
    assert plane.asked == []


def test_a_meaning_blocks(moderator):
    verdict = moderator.check(["harm"])
    assert (verdict.blocked, verdict.category) == (True, "grave")
    assert verdict.scores == {"grave": pytest.approx(0.8)}
    assert "0.80" in verdict.matched


def test_a_meaning_that_is_as_near_to_a_benign_one_passes(moderator):
    assert not moderator.check(["unclear"]).blocked


def test_each_text_is_checked_and_the_gravest_counts(moderator, plane):
    assert moderator.check(["a fox", "nude", "gore", "a cat"]).category == "grave"
    assert moderator.check(["a fox", "nude", "a dog"]).category == "light"
    assert plane.asked == [["a fox", "a cat"], ["a dog"]]


def test_a_repeated_text_is_not_looked_up_again(moderator, plane):
    first = moderator.check(["a cat  on a mat", "harm"])
    assert moderator.check(["a cat on a mat ", "harm"]) == first
    assert len(plane.asked) == 1


def test_verdicts_are_forgotten_in_the_end(moderator, plane, monkeypatch):
    monkeypatch.setattr(prompts, "CACHED_VERDICTS", 2)
    for text in ("one", "two", "three", "one"):
        moderator.check([text])
    assert plane.asked == [["one"], ["two"], ["three"], ["one"]]


def test_a_corner_of_a_long_text_is_seen(moderator, plane):
    long = (
        "the fox walks over the hill and looks at the sea " * 4
        + "HARM"
        + " and then it sleeps in the barn" * 3
    )
    assert moderator.check([long]).category == "grave"
    assert len(plane.asked[0]) > 1


def test_the_end_of_a_long_text_is_read_and_an_endless_one_is_not_judged(moderator):
    assert moderator.check(["fox " * 5000 + "nude"]).category == "light"
    with pytest.raises(ModerationUnavailable, match="characters"):
        moderator.check(["fox " * 10_000])


def test_the_frame_of_a_picture_is_set_aside(moderator, plane):
    moderator.check(["a picture of a cat", "an oil painting showing a cat", "image of cats"])
    assert plane.asked == [["a cat", "cats"]]


def test_nothing_to_check_is_allowed(moderator):
    assert not moderator.check([]).blocked
    assert not moderator.check(["", "  "]).blocked


def test_a_broken_model_blocks_everything_but_what_is_known(moderator, plane):
    moderator.check(["a fox"])
    plane.broken = True
    with pytest.raises(ModerationUnavailable):
        moderator.check(["a new text"])
    assert not moderator.check(["a fox"]).blocked
    plane.broken = False
    assert not moderator.check(["a new text"]).blocked


def test_a_model_that_is_broken_from_the_start_fails_closed(plane):
    plane.broken = True
    with pytest.raises(ModerationUnavailable):
        PromptModerator(POLICY, plane).check(["a fox"])


def test_a_job_is_checked_as_a_whole_in_parts_and_in_what_it_excludes():
    params = GenerationParams(
        parts=(PromptPart(text="blow", weight=0.5), PromptPart(text="job", weight=0.5)),
        negative=("rain", "blow"),
        model="mini-1",
    )
    assert texts_of(params) == ["blow job", "blow", "job", "rain"]


def test_what_was_judged_is_remembered_and_nothing_else(moderator):
    assert moderator.remembered(["a fox"]) is None
    verdict = moderator.check(["a fox", "nude"])
    assert verdict.blocked
    assert moderator.remembered(["a  fox ", "nude"]) == verdict
    assert not moderator.remembered(["a fox"]).blocked
    assert moderator.remembered(["a fox", "a boat"]) is None
