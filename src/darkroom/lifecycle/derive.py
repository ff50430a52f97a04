"""What an action makes of an image: the parameters and the recipe of a new job. Pure; the story around it is `act`.

Knows no store, no account and no price: whose the pictures are was looked at before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from darkroom.core.errors import Refused
from darkroom.core.params import IMAGES_PER_JOB, Aspect, GenerationParams
from darkroom.core.recipes import Action, Frame, Input, ParentKind, Recipe, Role
from darkroom.lifecycle import frames
from darkroom.lifecycle.wishes import SCALE_DEFAULT, ZOOM_DEFAULT, Asked, Wish

# How much of the old picture is drawn anew: the share of the schedule that is run. `make sheet-actions` shows it.
VARY_SUBTLE = 0.6
VARY_STRONG = 0.8
REMIX = 0.85
ANEW = 1.0  # inside a region
AROUND = 0.6  # around an old picture: its edges, continued, are what that starts from
BESIDE = 0.75  # the same on one side only, where there is more of the old picture to go by
AROUND_ANEW = 0.8  # the same with words of its own, which are to be seen there
ENHANCE = 0.7
HD = 0.55
UPSCALE_CREATIVE = 0.45  # at the large size

SEAM_PX = 16  # of the old picture's edge that is blended
REGION_SEAM_PX = 8  # of a region's, where a wider one would blur the outline of what is drawn
SEAM_SHARE = 4  # a seam is at most a fourth of the old picture's shorter side

ALL = tuple(range(IMAGES_PER_JOB))
UPSCALES = frozenset({Action.UPSCALE_SUBTLE, Action.UPSCALE_CREATIVE})


@dataclass(frozen=True, kw_only=True)
class Source:
    """An image as it is acted on. `params` and `recipe` are its job's, `grid_index` the image of the grid whose noise it has.

    `guides` are those of the pictures that guided its job which may be used again; `params` names just these.
    """

    image_id: UUID
    params: GenerationParams
    recipe: Recipe
    grid_index: int
    digest: str
    width: int
    height: int
    guides: tuple[Input, ...] = ()

    def as_(self, role: Role) -> Input:
        """The image as an input; its pixels are used where it is the INIT."""
        return Input(
            role=role,
            parent_id=self.image_id,
            kind=ParentKind.IMAGE,
            digest=self.digest if role is Role.INIT else "",
        )

    def started(self, action: Action, **more: object) -> Recipe:
        """A recipe that starts from its pixels."""
        inputs = (self.as_(Role.INIT), *self.guides)
        return replace(Recipe(action=action, inputs=inputs), **more)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A job that is not placed yet. `size` is that of its pictures, None where it is the model's own for `params`."""

    params: GenerationParams
    recipe: Recipe
    size: tuple[int, int] | None = None
    note: str = ""


def derive(source: Source, wish: Wish, *, mask: Input | None, seed: int, large: bool = True) -> Derived:
    """The new job. `source.params` have the words that are wanted, `seed` is for actions that draw something new.
    `large` says that the model draws that shape at the large size, too.

    Refused where the image is not one that this can be done to.
    """
    fresh = replace(source, params=replace(source.params, seed=seed))
    match wish.action:
        case Asked.VARY_REGION:
            assert mask is not None, "a wish is checked before"
            return _region(fresh, mask)
        case Asked.UPSCALE_SUBTLE | Asked.UPSCALE_CREATIVE:
            return _upscale(source, wish, large=large)
        case Asked.ZOOM_OUT | Asked.PAN | Asked.MAKE_SQUARE:
            return _framed(fresh, wish)
        case Asked.REROLL:
            return _reroll(fresh)
        case Asked.HD:
            return _hd(source)
        case Asked.ENHANCE:
            return _enhance(source)
        case Asked.REPLAY:
            return _replay(source)
        case Asked.VARY_SUBTLE | Asked.VARY_STRONG | Asked.REMIX:
            action = Action(wish.action.value)
            return Derived(params=fresh.params, recipe=fresh.started(action, strength=STRENGTHS[action]))


STRENGTHS: Mapping[Action, float] = {
    Action.VARY_SUBTLE: VARY_SUBTLE,
    Action.VARY_STRONG: VARY_STRONG,
    Action.REMIX: REMIX,
}


def _region(source: Source, mask: Input) -> Derived:
    seam_px = min(REGION_SEAM_PX, _seam_px(source.width, source.height))
    recipe = source.started(Action.VARY_REGION, strength=ANEW, seam_px=seam_px)
    inputs = (recipe.inputs[0], mask, *recipe.inputs[1:])
    return Derived(
        params=source.params, recipe=replace(recipe, inputs=inputs), size=(source.width, source.height)
    )


def _framed(source: Source, wish: Wish) -> Derived:
    """Outpainting. A seamless picture has no outside, so --tile is left away."""
    width, height = source.width, source.height
    made: Mapping[Asked, Callable[[], Frame]] = {
        Asked.ZOOM_OUT: lambda: frames.zoomed(width, height, wish.zoom or ZOOM_DEFAULT),
        Asked.MAKE_SQUARE: lambda: frames.squared(width, height),
        Asked.PAN: lambda: frames.panned(width, height, wish.direction),  # type: ignore[arg-type]
    }
    frame = made[wish.action]()
    action = Action.PAN if wish.action is Asked.PAN else Action.ZOOM_OUT
    seam_px = _seam_px(frame.inner_width, frame.inner_height)
    strength = AROUND_ANEW if wish.prompt else BESIDE if action is Action.PAN else AROUND
    recipe = source.started(action, strength=strength, frame=frame, seam_px=seam_px)
    aspect = Aspect.of(frame.width, frame.height)
    params = replace(source.params, aspect=aspect, tile=False)
    note = frames.note_of(frame, width, height)
    return Derived(params=params, recipe=recipe, size=(frame.width, frame.height), note=note)


def _upscale(source: Source, wish: Wish, *, large: bool) -> Derived:
    """New detail comes from drawing at the large size, where that can be."""
    action = Action(wish.action.value)
    scale = wish.scale or SCALE_DEFAULT
    size = frames.upscaled(source.width, source.height, scale)
    creative = action is Action.UPSCALE_CREATIVE
    strength = UPSCALE_CREATIVE if creative else None
    recipe = source.started(action, indices=(source.grid_index,), scale=scale, strength=strength)
    params = replace(source.params, hd=True, draft=False) if creative and large else source.params
    return Derived(params=params, recipe=recipe, size=size)


def _reroll(source: Source) -> Derived:
    """What made it, with a new seed. An upscale draws nothing new, so its words are drawn."""
    made = source.recipe
    if made.action in UPSCALES:
        recipe = Recipe(action=Action.REROLL, inputs=(source.as_(Role.SOURCE), *source.guides))
        return Derived(params=source.params, recipe=recipe)
    recipe = replace(
        made,
        action=Action.REROLL,
        inputs=(source.as_(Role.SOURCE), *_started_from(made), *source.guides),
        indices=ALL,
        replay_of=None,
    )
    return Derived(params=source.params, recipe=recipe, size=_size_of(source))


def _hd(source: Source) -> Derived:
    """The picture itself is drawn over: noise of another shape would make another one of the same words."""
    made = source.recipe
    if source.params.hd:
        raise Refused("The image is drawn at the large size already.", code="already_hd", hint="Upscale it.")
    if made.frame or made.scale or made.of(Role.MASK):
        raise Refused(
            f"The image keeps pixels of another one ({made.action}), which have no large size.",
            code="action_not_for_this",
            hint="Use upscale_subtle or upscale_creative.",
            field="action",
        )
    recipe = source.started(Action.HD, indices=(source.grid_index,), strength=HD)
    return Derived(params=replace(source.params, hd=True, draft=False), recipe=recipe)


def _enhance(source: Source) -> Derived:
    if not source.params.draft:
        raise Refused(
            "Only a draft can be enhanced, and the image is none.",
            code="not_a_draft",
            hint="Use upscale_creative for more detail, or hd for the large size.",
            field="action",
        )
    recipe = source.started(Action.ENHANCE, indices=(source.grid_index,), strength=ENHANCE)
    return Derived(params=replace(source.params, draft=False), recipe=recipe)


def _replay(source: Source) -> Derived:
    made = tuple(each for each in source.recipe.inputs if each.role is not Role.REPLAY)
    recipe = replace(
        source.recipe,
        inputs=(*made, source.as_(Role.REPLAY)),
        indices=(source.grid_index,),
        replay_of=source.image_id,
    )
    return Derived(params=source.params, recipe=recipe, size=(source.width, source.height))


def _started_from(made: Recipe) -> tuple[Input, ...]:
    """What a job started from, without what guided it and without what it was a replay of."""
    return tuple(each for each in made.inputs if each.role in (Role.INIT, Role.MASK))


def _size_of(source: Source) -> tuple[int, int] | None:
    made = source.recipe
    return (source.width, source.height) if made.frame or made.of(Role.MASK) else None


def _seam_px(width: int, height: int) -> int:
    return min(SEAM_PX, min(width, height) // SEAM_SHARE)
