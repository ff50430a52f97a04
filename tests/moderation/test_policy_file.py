"""The policy file: the one that ships, and what a strict reader says of others."""

import pytest

from darkroom.core.errors import ModerationUnavailable
from darkroom.moderation.policy import POLICY_FILE, read_policy

SMALL = """
version = "1"
benign = "a fox"
[[images]]
score = "nsfw"
block_from = 0.5
category = "sexual"
[[categories]]
name = "sexual"
sentence = "Not here."
terms = "nude, Erotic*, 0..17 yo, self-portrait"
[categories.meaning]
threshold = 0.5
margin = 0.1
exemplars = "a naked man"
[[categories.combinations]]
any = "bare"
near = "bottom"
within = 3
"""


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "policy.toml"
        path.write_text(text, encoding="utf-8")
        return read_policy(path)

    return read_text


def test_the_policy_that_ships():
    policy = read_policy()
    names = [category.name for category in policy.categories]
    assert names == ["sexual_minors", "sexual", "gore", "hate", "self_harm", "real_people", "illegal"]
    for category in policy.categories:
        assert category.sentence.endswith(".")
        assert category.terms and category.meaning
        assert not {" ".join(term) for term in category.allowed} & {" ".join(term) for term in category.terms}
    everything = [
        text for category in policy.categories if category.meaning for text in category.meaning.exemplars
    ]
    assert len(set(everything)) == len(everything)
    assert not set(everything) & set(policy.benign)
    assert len(policy.benign) > 100


def test_fields_arrive(read):
    policy = read(SMALL)
    [category] = policy.categories
    assert policy.category("sexual") is category
    assert category.terms == (("nude",), ("erotic*",), ("0..17", "yo"), ("self", "portrait"))
    assert category.meaning.exemplars == ("a naked man",)
    assert (category.meaning.threshold, category.meaning.margin) == (0.5, 0.1)
    assert category.combinations[0].near == (("bottom",),)
    with pytest.raises(KeyError):
        policy.category("gore")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('version = "1"', "", "lacks `version`"),
        ('version = "1"', "version = 1", "`version` of the file is 1"),
        ('version = "1"', 'version = "1"\ncolour = "red"', "unknown fields: colour"),
        ("threshold = 0.5", "threshold = 50", "must be from 0 to 1"),
        ("threshold = 0.5", "threshold = true", "wrong type"),
        ("within = 3", "within = 0", "must be from 1 to"),
        ("within = 3", "within = 3\nnaer = 4", "unknown fields: naer"),
        ('near = "bottom"', 'near = ""', "needs words in both"),
        ('exemplars = "a naked man"', "", "needs `exemplars`"),
        ('terms = "nude', 'terms = "!, nude', "holds no word"),
        ('category = "sexual"', 'category = "gore"', "under the name of a category"),
        ('sentence = "Not here."', 'sentence = " "', "`sentence` of category 'sexual' is empty"),
        ("[[images]]", "[images]", "`images` of the file"),
    ],
)
def test_a_fault_is_named(read, old, new, complaint):
    assert old in SMALL
    with pytest.raises(ModerationUnavailable) as caught:
        read(SMALL.replace(old, new))
    assert complaint in caught.value.message


def test_two_categories_of_one_name_are_refused(read):
    with pytest.raises(ModerationUnavailable, match="each only once"):
        read(SMALL + '[[categories]]\nname = "sexual"\nsentence = "Twice."\n')


def test_a_file_that_is_none_is_unavailable(tmp_path, read):
    with pytest.raises(ModerationUnavailable, match=r"gone\.toml cannot be read"):
        read_policy(tmp_path / "gone.toml")
    with pytest.raises(ModerationUnavailable, match="cannot be read"):
        read("version = [")


def test_no_benchmark_prompt_stands_in_the_policy():
    lines = {line.strip() for line in POLICY_FILE.read_text(encoding="utf-8").splitlines()}
    cases = (POLICY_FILE.parents[3] / "tests" / "moderation" / "cases.toml").read_text(encoding="utf-8")
    shared = lines & {line.strip() for line in cases.splitlines()}
    assert {line for line in shared if line[:1].isalpha() and '"' not in line} == set()
