"""Words that emojibase knows for our concepts and the curated list does not: read by a person, who adds the good ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from darkroom.train.sprites.concepts import Entry

TAGS_FILE = Path("emojibase-data/en/data.json")
JOINER = "-fe0f"  # a variation selector that one package writes and the other leaves out


def tags_by_code(node_modules: Path) -> dict[str, tuple[str, ...]]:
    """Tags by code point ("1f34e"), variation selectors left out."""
    rows = json.loads((node_modules / TAGS_FILE).read_text(encoding="utf-8"))
    return {row["hexcode"].lower().replace(JOINER, ""): tuple(row.get("tags", ())) for row in rows}


def unused(
    entries: Sequence[Entry], tags: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(concept, tags that are neither its name nor a synonym), for each concept with a 3d picture and such tags."""
    for entry in entries:
        concept = entry.concept
        known = {concept.name, concept.plural, *concept.synonyms, *concept.name.split()}
        code = entry.icons.get("fluent-3d", "").replace(JOINER, "")
        new = tuple(t for t in tags.get(code, ()) if t not in known)
        if new:
            yield concept.name, new
