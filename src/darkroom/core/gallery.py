"""How people keep their images: marks, folders, saved searches, trash, and the choices that they make. Knows no store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from darkroom.core.images import Image

RATING_MAX = 5
FOLDERS_MAX = 500  # of one account
FOLDER_IMAGES_MAX = 10_000
SEARCHES_MAX = 200  # of one account
TOP_WINDOW = timedelta(days=30)  # likes that count for the order TOP
HELD_FOR = timedelta(minutes=10)  # files that are being put, for whoever dies over it
TAKEN_FOR = timedelta(minutes=1)  # files that are being deleted, likewise


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What one account thinks of one image. `rating` is 1 to 5, None where it gave none."""

    liked: bool = False
    favourite: bool = False
    hidden: bool = False
    rating: int | None = None


UNMARKED = Marks()


@dataclass(frozen=True, kw_only=True)
class Folder:
    """`images` counts what lies in it."""

    id: UUID
    account_id: UUID
    name: str
    images: int = 0
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class SavedSearch:
    """`query` are the words and filters as the list of images takes them, as a URL's query."""

    id: UUID
    account_id: UUID
    name: str
    query: str
    created_at: datetime


class FeedOrder(StrEnum):
    NEW = "new"
    TOP = "top"
    """By likes of the last days, then newest."""
    RANDOM = "random"
    """By a shuffle that a seed decides, so that pages do not repeat."""


@dataclass(frozen=True, kw_only=True)
class FeedPlace:
    """Where a page of a feed ended: at this image, which had so many likes of the window (TOP alone counts them)."""

    image_id: UUID
    likes: int = 0


@dataclass(frozen=True, kw_only=True)
class FeedPage:
    """`after` is where the next page begins, None at the end."""

    images: tuple[Image, ...]
    after: FeedPlace | None = None


class Choice(StrEnum):
    """What somebody did that says something of what they like."""

    PICKED = "picked"
    UPSCALED = "upscaled"
    VARIED = "varied"
    EDITED = "edited"
    """Region, zoom, pan."""
    REMIXED = "remixed"
    REROLLED = "rerolled"
    """None of the grid was good enough; its image is the one it was asked at, or None for the whole grid."""
    ENHANCED = "enhanced"
    USED = "used"
    """As an image prompt, a style reference or in a blend."""
    DOWNLOADED = "downloaded"
    LIKED = "liked"
    UNLIKED = "unliked"
    FAVOURED = "favoured"
    RATED = "rated"
    HIDDEN = "hidden"
    DELETED = "deleted"
    PREFERRED = "preferred"
    """In a rank: over the one that is beside it."""
    TIED = "tied"
    """In a rank: as good as the one beside it."""
    SKIPPED = "skipped"
    """In a rank: nothing was said of it and the one beside it."""


RANKED = frozenset({Choice.PREFERRED, Choice.TIED, Choice.SKIPPED})
"""What is said of two images that were put side by side: `beside` is the other one, and nothing else."""


ONCE = frozenset({Choice.PICKED, Choice.DOWNLOADED, Choice.DELETED})
"""Said once by one account of one image, however often it is done."""


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One choice, with what was shown beside it: the other images of its grid. `value` is the rating, where it is one.

    `image_id` is None where the choice was about the whole grid of the job.
    """

    id: int = 0
    account_id: UUID
    choice: Choice
    image_id: UUID | None
    job_id: UUID
    beside: tuple[UUID, ...] = ()
    value: int | None = None
    at: datetime
