"""The curated list: which concepts exist, how they are spoken of, and what each art set calls them. Data in concepts.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from darkroom.train.sprites.atlas import ART_SETS, Concept

MIN_ART_SETS = 3


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A concept, and its icon's name in each art set's package (for the 3d set: the file's stem)."""

    concept: Concept
    icons: Mapping[str, str]


def curated() -> tuple[Entry, ...]:
    """Every entry of concepts.toml, sorted by name."""
    text = files(__package__).joinpath("concepts.toml").read_text(encoding="utf-8")
    return tuple(
        sorted((entry_of(row) for row in tomllib.loads(text)["concept"]), key=lambda e: e.concept.name)
    )


def entry_of(row: Mapping[str, object]) -> Entry:
    values = dict(row)
    icons = values.pop("icons")
    synonyms = values.pop("synonyms")
    assert isinstance(icons, dict) and isinstance(synonyms, list)
    art_sets = tuple(s for s in ART_SETS if s in icons)
    concept = Concept(synonyms=tuple(synonyms), art_sets=art_sets, **values)  # type: ignore[arg-type]
    return Entry(concept=concept, icons=icons)
