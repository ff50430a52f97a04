"""An action on an image becomes a job: look at the image, read the new words, judge them, derive, price, enqueue, tell.

From the price on it goes the way of `submit`. What each action makes is in `derive`, whose pictures may be used in `reuse`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.errors import Refused
from darkroom.core.images import Image
from darkroom.core.jobs import Job, NewJob
from darkroom.core.params import GenerationParams, Visibility
from darkroom.core.recipes import Action, Input, ParentKind, Role
from darkroom.lifecycle.choices import choice_of, record_choice
from darkroom.lifecycle.derive import Derived, derive
from darkroom.lifecycle.placing import Drawing, Request, check_means, moderate, place, priced
from darkroom.lifecycle.reuse import check_inputs, usable
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sizes import native_size, size_of, smaller_note
from darkroom.lifecycle.sources import begun_at, pixels_of, source_of
from darkroom.lifecycle.terms import check_account, check_model, choose_lane, choose_visibility
from darkroom.lifecycle.uploads import check_mask, own_upload
from darkroom.lifecycle.wishes import Asked, Wish, check_wish, digest_of
from darkroom.prompt import checked, reworded, stored

REPEATS = frozenset({Asked.REROLL, Asked.HD, Asked.REPLAY})
"""What draws by the recipe of the image once more, so that what that began with must be there."""

SHAPED = frozenset({Asked.VARY_REGION, Asked.ZOOM_OUT, Asked.PAN, Asked.MAKE_SQUARE})
"""What keeps pixels in their place, which decides its shape."""


@dataclass(frozen=True, kw_only=True)
class Acted:
    """What an action comes to: the job as it was placed, or as it would be where it was only asked about.

    `size` is that of its pictures. `notes` are the job's: where an idempotency key gave the first answer again, those of the
    worker may have come to them.
    """

    job: Job | NewJob
    size: tuple[int, int]
    notes: tuple[str, ...] = ()
    replayed: bool = False


async def act(
    rooms: Rooms,
    account: Account,
    image_id: UUID,
    wish: Wish,
    *,
    dry_run: bool = False,
    idempotency_key: str | None = None,
) -> Acted:
    """The job that an action asks for, accepted; with `dry_run` only what it would be, refused just as the real one.

    Raises NotFound, Refused, PromptError and whatever `submit` raises; then nothing was charged or enqueued.
    """
    check_account(account)
    check_wish(wish)
    key = None if dry_run else idempotency_key
    request = Request(text=wish.prompt or "", digest=digest_of(image_id, wish), idempotency_key=key)
    first = await request.earlier(rooms, account)
    if first is not None:
        (placed,) = first.change.jobs
        return Acted(job=placed, size=await size_of(rooms, placed), notes=placed.notes, replayed=True)
    plan = rooms.plans.in_force(account.plan)
    image = await begun_at(rooms, account, image_id)
    wanted, lost = await _wanted(rooms, account, image, wish)
    lane = choose_lane(wanted, wish.lane, account, plan, batch=1)
    visibility = choose_visibility(wanted, account, plan)
    mask = await _mask(rooms, account, wish, image)
    verdict = await moderate(rooms, account, [wanted], wish.prompt or image.prompt)
    source = await source_of(rooms, account, image, wanted)
    seed = rooms.new_seed() if wish.prompt is None or wanted.seed is None else wanted.seed
    derived = derive(source, wish, mask=mask, seed=seed, large=_drawn_large(rooms, wanted))
    _check_canvas(rooms, derived)
    params = check_model(rooms, checked(derived.params, catalogue=rooms.catalogue))
    size = derived.size or native_size(rooms, params)
    smaller = smaller_note(size, (source.width, source.height)) if derived.size is None else ""
    drawing = Drawing(
        params=params,
        recipe=derived.recipe,
        lane=lane,
        visibility=visibility,
        size=derived.size,
        notes=tuple(note for note in (derived.note, smaller, lost) if note),
    )
    (job,) = priced(rooms, plan, [drawing], verdict)
    if dry_run:
        await check_means(rooms, account, plan, [job])
        return Acted(job=job, size=size, notes=job.notes)
    submitted = await place(rooms, account, plan, (job,), replace(request, text=request.text or job.prompt))
    choice = None if wish.action is Asked.REPLAY else choice_of(derived.recipe.action)
    if choice and not submitted.replayed:
        await record_choice(rooms, account, choice, image)
    (placed,) = submitted.change.jobs
    return Acted(job=placed, size=size, notes=placed.notes, replayed=submitted.replayed)


def _check_canvas(rooms: Rooms, derived: Derived) -> None:
    """Refused (`too_large`) for a canvas that is longer than its model draws: nobody asked for that shape by name."""
    frame, model = derived.recipe.frame, rooms.catalogue.resolve(derived.params.model)
    if frame is None or model is None:
        return
    widest = model.widest_aspect_hd if derived.params.hd else model.widest_aspect
    if derived.params.aspect.elongation > widest:
        raise Refused(
            f"The canvas would have {frame.width} x {frame.height} pixels, and {model.title} draws nothing longer than "
            f"{widest}:1.",
            code="too_large",
            hint="Extend its shorter side: pan the other way, or make_square.",
            field="direction" if derived.recipe.action is Action.PAN else "action",
        )


def _drawn_large(rooms: Rooms, params: GenerationParams) -> bool:
    """Whether its model has the large size for that shape."""
    model = rooms.catalogue.resolve(params.model)
    if model is None or "hd" not in model.honours:
        return False
    return params.aspect.elongation <= model.widest_aspect_hd


async def _wanted(rooms: Rooms, account: Account, image: Image, wish: Wish) -> tuple[GenerationParams, str]:
    """The parameters with the words that are wanted; and a note where pictures that guided the image are left away."""
    own = image.account_id == account.id
    hidden = Visibility.STEALTH if own and image.visibility is Visibility.STEALTH else None
    kept = replace(stored(image.prompt, catalogue=rooms.catalogue), lane=None, visibility=hidden)
    if wish.action in REPEATS:
        await check_inputs(rooms, account, image.recipe, all_of_them=wish.action is Asked.REPLAY)
    if wish.action is Asked.REPLAY:
        return kept, ""
    kept, lost = await usable(rooms, account, kept)
    if wish.prompt is None:
        return kept, lost
    found = reworded(wish.prompt, kept, catalogue=rooms.catalogue, new_seed=rooms.new_seed)
    if wish.action in SHAPED and (found.aspect, found.tile) != (kept.aspect, kept.tile):
        raise Refused(
            f"The shape of what {wish.action} makes follows from the picture, so --ar and --tile cannot be chosen.",
            code="invalid_request",
            hint="Leave them away; remix takes both.",
            field="prompt",
        )
    return found, lost


async def _mask(rooms: Rooms, account: Account, wish: Wish, image: Image) -> Input | None:
    """The mask as an input. NotFound; Refused (`mask_invalid`) where it is none, or not of the picture's very size."""
    if wish.mask is None:
        return None
    mask, picture = await own_upload(rooms, account, wish.mask), pixels_of(image)
    check_mask(mask, width=picture.width, height=picture.height)
    return Input(role=Role.MASK, parent_id=mask.id, kind=ParentKind.UPLOAD, digest=mask.digest)
