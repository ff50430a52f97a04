"""Preference signals: what somebody chose, and what lay beside it, for the learning loop to come.

A signal is written beside the request that it tells of and never decides whether that succeeds.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from darkroom.core.accounts import Account
from darkroom.core.errors import DarkroomError
from darkroom.core.gallery import Choice, Marks, Signal
from darkroom.core.images import Image
from darkroom.core.recipes import Action
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sight import may_see

log = logging.getLogger(__name__)

_CHOICES: Mapping[Action, Choice] = {
    Action.UPSCALE_SUBTLE: Choice.UPSCALED,
    Action.UPSCALE_CREATIVE: Choice.UPSCALED,
    Action.VARY_SUBTLE: Choice.VARIED,
    Action.VARY_STRONG: Choice.VARIED,
    Action.VARY_REGION: Choice.EDITED,
    Action.ZOOM_OUT: Choice.EDITED,
    Action.PAN: Choice.EDITED,
    Action.REMIX: Choice.REMIXED,
    Action.REROLL: Choice.REROLLED,
    Action.ENHANCE: Choice.ENHANCED,
    Action.HD: Choice.ENHANCED,
    Action.BLEND: Choice.USED,
}


def choice_of(action: Action) -> Choice | None:
    """What an action at an image says of it; None for drawing from words alone."""
    return _CHOICES.get(action)


def choices_between(was: Marks, now: Marks) -> list[tuple[Choice, int | None]]:
    """What a change of marks says, each with its value. Taking a rating, a favourite or a hiding away says nothing."""
    found: list[tuple[Choice, int | None]] = []
    if now.liked != was.liked:
        found.append((Choice.LIKED if now.liked else Choice.UNLIKED, None))
    if now.favourite and not was.favourite:
        found.append((Choice.FAVOURED, None))
    if now.hidden and not was.hidden:
        found.append((Choice.HIDDEN, None))
    if now.rating is not None and now.rating != was.rating:
        found.append((Choice.RATED, now.rating))
    return found


async def record_choice(
    rooms: Rooms, account: Account, choice: Choice, image: Image, value: int | None = None
) -> None:
    """Notes one choice at an image, or at a whole grid where that is what `image` is. Never raises what a store may."""
    await record_choices(rooms, account, choice, [image], value)


async def record_choices(
    rooms: Rooms, account: Account, choice: Choice, images: Sequence[Image], value: int | None = None
) -> None:
    """The same choice at many images, in two round trips. A store that is away costs the signals and nothing else."""
    try:
        shown = await rooms.library.images_of(sorted({each.job_id for each in images}))
        await rooms.gallery.record([_signal(rooms, account, choice, each, shown, value) for each in images])
    except DarkroomError as error:
        log.warning("%d signals %s of account %s are lost: %s", len(images), choice, account.id, error)


def _signal(
    rooms: Rooms, account: Account, choice: Choice, image: Image, shown: Sequence[Image], value: int | None
) -> Signal:
    beside = tuple(
        each.id
        for each in shown
        if each.job_id == image.job_id
        and each.index is not None
        and each.id != image.id
        and may_see(account.id, each)
    )
    return Signal(
        account_id=account.id,
        choice=choice,
        image_id=None if image.index is None else image.id,
        job_id=image.job_id,
        beside=beside,
        value=value,
        at=rooms.clock(),
    )
