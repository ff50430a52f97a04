"""Whether an image that was drawn again came out the same, pixel by pixel; and where it did not, what has changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from darkroom.core.errors import Refused
from darkroom.core.images import Image
from darkroom.core.jobs import TERMINAL, Job, JobState
from darkroom.lifecycle.rooms import Rooms

CHANGED = {"weights": "the model's weights", "engine": "what computes (libraries, device, precision)"}
"""Parts of a provenance on which pixels depend, beside the prompt and the recipe."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One image beside the one that it draws again. `same` is None where one of them does not say what its pixels are."""

    index: int
    original_id: UUID
    replay_id: UUID
    same: bool | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`same` is None while the replay runs, where it ended without a picture, and where nobody can tell."""

    same: bool | None
    images: tuple[Compared, ...] = ()
    notes: tuple[str, ...] = ()


async def compare(rooms: Rooms, job: Job) -> Comparison:
    """The images of a replay beside the originals. Refused (`not_a_replay`). Whose job it is, the caller checks."""
    if job.recipe.replay_of is None:
        raise Refused(
            f"The job {job.id} is no replay.", code="not_a_replay", hint="Ask an image for the action replay."
        )
    if job.state is not JobState.COMPLETED:
        ended = job.state in TERMINAL
        return Comparison(same=None, notes=(f"The replay ended as {job.state}.",) if ended else ())
    original = await rooms.library.image(job.recipe.replay_of)
    found = [each for each in await rooms.library.images_of([job.id]) if each.index is not None]
    images = tuple(_compared(original, each) for each in found)
    verdicts = [each.same for each in images]
    same = None if None in verdicts or not verdicts else all(verdicts)
    return Comparison(same=same, images=images, notes=() if same else _notes(original, found))


def _compared(original: Image, again: Image) -> Compared:
    before, after = _told(original).get("pixels"), _told(again).get("pixels")
    return Compared(
        index=again.index or 0,
        original_id=original.id,
        replay_id=again.id,
        same=before == after if before and after else None,
    )


def _notes(original: Image, found: list[Image]) -> tuple[str, ...]:
    """What the provenances say of why they may differ."""
    if original.deleted_at is not None:
        return ("The image that was drawn again is deleted, and what its pixels were with it.",)
    was = _told(original)
    notes = [] if was.get("pixels") else ["The image was drawn before digests of pixels were written down."]
    for again in found:
        now = _told(again)
        notes += [f"{what} changed since" for key, what in CHANGED.items() if was.get(key) != now.get(key)]
        if again.seed != original.seed:
            notes.append("the content policy had the replay drawn with another seed")
    return tuple(dict.fromkeys(notes))


def _told(image: Image) -> Mapping[str, Any]:
    found = json.loads(image.provenance)
    return found if isinstance(found, dict) else {}
