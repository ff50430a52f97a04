"""What people think of images and who may see theirs: marks, picks, visibility. Decides who may, and notes what it says.

Knows no HTTP. Folders and searches need no rule beyond whose they are, which the store keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from darkroom.core.accounts import Account, Plan
from darkroom.core.errors import NotAllowed, Refused
from darkroom.core.gallery import Choice
from darkroom.core.images import Image
from darkroom.core.params import Visibility
from darkroom.lifecycle.choices import choices_between, record_choice
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sight import may_see, not_there, not_yours, unseen, visible_image


async def change_marks(
    rooms: Rooms,
    account: Account,
    image: Image,
    *,
    liked: bool | None = None,
    favourite: bool | None = None,
    hidden: bool | None = None,
    rating: int | None = None,
) -> None:
    """Changes what is given; a rating of 0 takes it away. The caller checked that the account may see the image."""
    was, marks = await rooms.gallery.mark(
        account.id,
        image.id,
        liked=liked,
        favourite=favourite,
        hidden=hidden,
        rating=rating,
        now=rooms.clock(),
    )
    for choice, value in choices_between(was, marks):
        await record_choice(rooms, account, choice, image, value)


async def pick(rooms: Rooms, account: Account, image: Image) -> None:
    """The one of its grid that somebody goes on with."""
    await record_choice(rooms, account, Choice.PICKED, image)


async def show_to(rooms: Rooms, account: Account, plan: Plan, image: Image, visibility: Visibility) -> None:
    """Public or stealth, at once. NotFound where the image is not the account's, NotAllowed (`plan_required`)."""
    check_showing(account, plan, image, visibility)
    if visibility is not image.visibility:
        await rooms.gallery.set_visibility(image.id, account_id=account.id, visibility=visibility)


def check_showing(account: Account, plan: Plan, image: Image, visibility: Visibility) -> None:
    """Raises what `show_to` would. An image that is stealth already may stay so under any plan."""
    if image.account_id != account.id:
        raise not_yours(image.id)
    if visibility is Visibility.STEALTH and image.visibility is Visibility.PUBLIC and not plan.stealth:
        raise NotAllowed(
            f"The plan {plan.title} has no stealth mode.",
            code="plan_required",
            hint="Leave it public, put it into the trash, or choose a plan that has stealth.",
            field="visibility",
        )


async def visible_picture(rooms: Rooms, account: Account, image_id: UUID) -> Image:
    """An image that the account may see. NotFound; Refused (`is_a_grid`) for the grid of a job, which is no single image."""
    image = await visible_image(rooms, account, image_id)
    if image.index is None:
        raise Refused(
            f"{image_id} is the grid of all images of a job.",
            code="is_a_grid",
            hint="Name one of its images.",
        )
    return image


async def visible_pictures(rooms: Rooms, account: Account, image_ids: Sequence[UUID]) -> list[Image]:
    """Images without grids that the account may see, each once, in order. NotFound names the first that is none."""
    found = await rooms.gallery.images(image_ids)
    pictures = []
    for image_id in dict.fromkeys(image_ids):
        image = found.get(image_id)
        if image is None or image.index is None:
            raise not_there(image_id)
        if not may_see(account.id, image):
            raise unseen(account.id, image)
        pictures.append(image)
    return pictures
