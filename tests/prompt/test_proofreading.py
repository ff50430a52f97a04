"""Several faults at once: all that are sure, the one that `parse` stops at among them, and no echo of another."""

import pytest
from hypothesis import given
from tests.prompt.test_prompt_properties import ANY, TYPED, attempted

from darkroom.core.errors import PromptError
from darkroom.prompt import OWNER, BatchLimits, drafts, format_prompt, parse
from darkroom.prompt.faults import apart
from darkroom.prompt.outline import outline
from darkroom.prompt.proofreading import FAULTS_MAX, READ_MAX, proofread


def wrong(text, catalogue, limits=OWNER):
    """The faults, each as the text under it."""
    with pytest.raises(PromptError) as first:
        parse(text, catalogue=catalogue, limits=limits)
    places = outline(text)
    found = proofread(first.value, text, catalogue=catalogue, limits=limits)
    assert any(each is first.value for each in found)
    return [place and text[slice(*place)] for place in (places.place(each.position) for each in found)]


@pytest.mark.parametrize(
    ("text", "under"),
    [
        ("a fox --ar 3 --chaos 900 --foo --tile x", ["--ar 3", "--chaos 900", "--foo", "x"]),
        ("a fox --v nobody --chaos 900", ["--v nobody", "--chaos 900"]),
        ("a::-5 fox --chaos 900", ["a::-5", "--chaos 900"]),
        ("a fox --v modest-1 --tile --raw --ar 3:2", ["--tile", "--raw"]),
        ("{fox --chaos 101, dog --chaos 102}", ["--chaos 101", "--chaos 102"]),
        ("--chaos 900", ["--chaos 900"]),
        ("a {red fox --chaos 900", ["{"]),
        # the weight of a reference that cannot be read is not called lonely, nor a model blamed that is none
        ("a fox --sref nothing --sw 50", ["--sref nothing"]),
        ("a fox --v nobody --niji 9 --weird 5", ["--v nobody", "--niji 9"]),
    ],
)
def test_all_that_is_sure_is_told_in_order(text, under, catalogue):
    assert wrong(text, catalogue) == under


def test_no_more_than_so_many_are_told(catalogue):
    unknown = [f"--zz{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert wrong(f"a fox {' '.join(unknown)}", catalogue) == unknown[:FAULTS_MAX]
    options = ", ".join(f"a --chaos {n}" for n in range(101, 121))
    assert len(wrong(f"{{{options}}}", catalogue)) == READ_MAX


def test_what_is_said_apart_from_its_place_says_neither_place_nor_hint(catalogue):
    with pytest.raises(PromptError) as refused:
        parse("a fox --chaos 900", catalogue=catalogue)
    assert apart(refused.value) == "--chaos 900 is above 100."
    assert refused.value.hint == "Use a whole number from 0 to 100."


def test_a_draft_leaves_open_what_is_drawn_by_lot(catalogue):
    (draft,) = drafts("a fox --sref random", catalogue=catalogue)
    assert draft.seed is None and draft.style_references[0].source == "random"
    numbered = drafts("a fox --seed 4294967295 --repeat 3", catalogue=catalogue)
    assert [each.seed for each in numbered] == [4_294_967_295, 0, 1]
    assert [each.seed for each in drafts("a fox --repeat 2", catalogue=catalogue)] == [None, None]
    assert format_prompt(draft) == "a fox --v able-1 --sref random"
    with pytest.raises(PromptError):
        drafts("a fox --repeat 3", catalogue=catalogue, limits=BatchLimits(jobs=2))


@given(text=ANY | TYPED)
def test_whatever_comes_in_the_first_fault_is_among_them_and_places_differ(text, catalogue):
    jobs = attempted(lambda: parse(text, catalogue=catalogue))
    if isinstance(jobs, PromptError):
        found = proofread(jobs, text, catalogue=catalogue, limits=OWNER)
        assert jobs in found
        places = [each.position for each in found]
        assert places == sorted(set(places))
    else:
        assert len(drafts(text, catalogue=catalogue)) == len(jobs)
