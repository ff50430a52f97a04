"""The curated list: whole, consistent, and fit to be spoken of."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files

import pytest

from darkroom.train.sprites import ART_SETS
from darkroom.train.sprites.atlas import HABITATS
from darkroom.train.sprites.concepts import MIN_ART_SETS, Entry, curated
from darkroom.train.sprites.rasterise import PACKAGES
from darkroom.train.sprites.words import unused

COLOURS = {"red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "gray", "brown"}
UNSAFE = re.compile(
    r"\b(gun|pistol|dagger|sword|bomb|axe|knife|cigarette|beer|wine|syringe|pill|coffin|skull|church|flag)\b"
)
ENTRIES = curated()


def test_there_are_hundreds_sorted_and_unique() -> None:
    names = [e.concept.name for e in ENTRIES]
    assert len(names) >= 200
    assert names == sorted(set(names))


def test_what_the_product_promises_is_there() -> None:
    promised = "penguin robot castle butterfly taxi banana fox cat dog rocket house sailboat apple pizza tree fish cactus snowman"
    assert set(promised.split()) <= {e.concept.name for e in ENTRIES}


def test_no_word_means_two_things() -> None:
    words = Counter(w for e in ENTRIES for w in {e.concept.name, e.concept.plural, *e.concept.synonyms})
    assert [w for w, n in words.items() if n > 1] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.concept.name)
def test_an_entry_is_sound(entry: Entry) -> None:
    concept = entry.concept
    assert concept.habitat in HABITATS
    assert concept.natural_colour in COLOURS | {""}
    assert concept.category
    assert set(entry.icons) <= set(ART_SETS)
    assert concept.art_sets == tuple(s for s in ART_SETS if s in entry.icons)
    assert len(concept.art_sets) >= MIN_ART_SETS
    assert concept.synonyms
    assert not UNSAFE.search(" ".join((concept.name, *concept.synonyms)))
    assert concept.name.isascii() and concept.name == concept.name.strip()


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("apple", "an apple"),
        ("hourglass", "an hourglass"),
        ("unicorn", "a unicorn"),
        ("umbrella", "an umbrella"),
        ("house", "a house"),
        ("t-shirt", "a t-shirt"),
        ("onion", "an onion"),
        ("loaf of bread", "a loaf of bread"),
    ],
)
def test_articles_follow_the_sound(name: str, spoken: str) -> None:
    concept = next(e.concept for e in ENTRIES if e.concept.name == name)
    assert f"{concept.article} {concept.name}" == spoken


@pytest.mark.parametrize(
    ("name", "plural"),
    [
        ("mouse", "mice"),
        ("loaf of bread", "loaves of bread"),
        ("die", "dice"),
        ("sheep", "sheep"),
        ("cactus", "cacti"),
    ],
)
def test_irregular_plurals(name: str, plural: str) -> None:
    assert next(e.concept.plural for e in ENTRIES if e.concept.name == name) == plural


def test_regular_plurals_are_not_singulars() -> None:
    same = {e.concept.name for e in ENTRIES if e.concept.plural == e.concept.name}
    assert same == {"deer", "fish", "jellyfish", "sheep", "tropical fish"}


def test_no_synonym_speaks_of_a_colour_that_a_recoloured_thing_may_lack() -> None:
    coloured = [
        (e.concept.name, w)
        for e in ENTRIES
        if e.concept.recolour
        for w in e.concept.synonyms
        if COLOURS & set(w.split())
    ]
    assert coloured == []


def test_the_lock_pins_every_package_by_hash_and_names_no_host() -> None:
    home = files("darkroom.train")
    wanted = json.loads(home.joinpath("package.json").read_text())["dependencies"]
    locked = json.loads(home.joinpath("package-lock.json").read_text())["packages"]
    assert set(PACKAGES.values()) < set(wanted)
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
    for place, package in locked.items():
        assert place == "" or package["integrity"].startswith("sha512-")
        assert "resolved" not in package


def test_words_not_yet_used_are_listed() -> None:
    penguin = next(e for e in ENTRIES if e.concept.name == "penguin")
    tags = {"1f427": ("penguin", "antarctica", penguin.concept.synonyms[0])}
    assert list(unused([penguin], tags)) == [("penguin", ("antarctica",))]
    assert list(unused([penguin], {})) == []
