"""What people keep of images, as dicts: marks, folders, searches, choices, and files that wait to be deleted. Knows no image."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from darkroom.core.gallery import Choice, Folder, Marks, SavedSearch, Signal


@dataclass(frozen=True, kw_only=True)
class Marked:
    """The marks of an account at an image, and since when it likes it."""

    marks: Marks
    liked_at: datetime | None = None


@dataclass(kw_only=True)
class Shelves:
    """`marked` is by image, then by account; `said` are the choices that are noted once.

    `leftovers` says until when whoever deletes a file has it, `holds` which files are being put and until when.
    """

    marked: dict[UUID, dict[UUID, Marked]] = field(default_factory=lambda: defaultdict(dict))
    folders: dict[UUID, Folder] = field(default_factory=dict)
    lying_in: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    searches: dict[UUID, SavedSearch] = field(default_factory=dict)
    signals: list[Signal] = field(default_factory=list)
    said: set[tuple[UUID, Choice, UUID]] = field(default_factory=set)
    leftovers: dict[str, datetime | None] = field(default_factory=dict)
    holds: dict[UUID, tuple[frozenset[str], datetime]] = field(default_factory=dict)
