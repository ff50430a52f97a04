"""What each action makes of an image: recipes that can be drawn, parameters that can be read back, sizes that add up."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from darkroom.core.errors import Refused
from darkroom.core.params import Aspect, GenerationParams, PromptPart
from darkroom.core.recipes import EMPTY, Action, Frame, Input, ParentKind, Recipe, Role
from darkroom.lifecycle import derive as rules
from darkroom.lifecycle.derive import Derived, Source, derive
from darkroom.lifecycle.frames import CANVAS_MAX, UPSCALED_MAX, zoomed
from darkroom.lifecycle.wishes import Asked, Way, Wish, check_wish

IMAGE, OTHER, MASK_ID = UUID(int=1), UUID(int=2), UUID(int=3)
PARAMS = GenerationParams(parts=(PromptPart(text="a fox", weight=1.0),), model="able-1", seed=11)
GUIDE = Input(role=Role.STYLE, parent_id=OTHER, kind=ParentKind.UPLOAD, digest="cd" * 32)
MASK = Input(role=Role.MASK, parent_id=MASK_ID, kind=ParentKind.UPLOAD, digest="ef" * 32)
STARTED = Recipe(
    action=Action.VARY_SUBTLE,
    inputs=(Input(role=Role.INIT, parent_id=OTHER, kind=ParentKind.IMAGE, digest="12" * 32),),
    strength=0.45,
)
SOURCE = Source(
    image_id=IMAGE, params=PARAMS, recipe=EMPTY, grid_index=2, digest="ab" * 32, width=256, height=256
)
NEEDED = {
    Asked.VARY_REGION: {"mask": MASK_ID},
    Asked.PAN: {"direction": Way.LEFT},
    Asked.REMIX: {"prompt": "a cat"},
}
FOURS = {
    Asked.VARY_SUBTLE, Asked.VARY_STRONG, Asked.VARY_REGION, Asked.ZOOM_OUT, Asked.PAN, Asked.MAKE_SQUARE,
    Asked.REMIX, Asked.REROLL,
}  # fmt: skip
sides = st.integers(1, 64).map(lambda n: 32 * n)


def made(action: Asked, source: Source = SOURCE, **more: object) -> Derived:
    wish = Wish(action=action, **(NEEDED.get(action, {}) | more))  # type: ignore[arg-type]
    check_wish(wish)
    return derive(source, wish, mask=MASK if wish.mask else None, seed=77)


@st.composite
def sources(draw: st.DrawFn) -> Source:
    """Any image that there may be: of words, or of another picture, of any size, a draft or a large one."""
    size = draw(st.sampled_from([{}, {"draft": True}, {"hd": True}]))
    return replace(
        SOURCE,
        params=replace(PARAMS, **size, tile=draw(st.booleans())),
        recipe=draw(
            st.sampled_from(
                [
                    EMPTY,
                    STARTED,
                    replace(STARTED, action=Action.UPSCALE_SUBTLE, scale=2, strength=None, indices=(1,)),
                    replace(STARTED, inputs=(*STARTED.inputs, MASK)),
                    replace(
                        STARTED,
                        action=Action.PAN,
                        frame=Frame(width=8, height=8, left=0, top=0, inner_width=4, inner_height=8),
                    ),
                ]
            )
        ),
        width=draw(sides),
        height=draw(sides),
        guides=draw(st.sampled_from([(), (GUIDE,)])),
    )


@given(sources(), st.sampled_from(Asked), st.floats(1.01, 2), st.sampled_from(Way), st.sampled_from([2, 4]))
def test_whatever_is_asked_of_any_image_is_refused_kindly_or_can_be_drawn(
    source: Source, action: Asked, zoom: float, way: Way, scale: int
) -> None:
    options = {"zoom_out": {"zoom": zoom}, "pan": {"direction": way}}.get(action.value, {})
    options |= {"scale": scale} if "upscale" in action.value else {}
    try:
        found = made(action, source, **options)
    except Refused as error:
        check_refusal(error)
        return
    recipe = found.recipe
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.images == (4 if action in FOURS else 1)
    assert IMAGE in {each.parent_id for each in recipe.inputs}, "no job without its parent"
    assert set(source.guides) <= set(recipe.inputs) or action is Asked.REPLAY
    assert (found.params.seed == 77) == (action in FOURS), "only what draws something new has a new seed"
    if recipe.strength is not None:
        assert 0 < recipe.strength <= 1
    if (frame := recipe.frame) and action in (Asked.ZOOM_OUT, Asked.PAN, Asked.MAKE_SQUARE):
        check_frame(frame, source)
        assert found.size == (frame.width, frame.height)
        assert found.params.aspect == Aspect.of(frame.width, frame.height) and not found.params.tile
    if "upscale" in action.value:
        assert found.size is not None and max(found.size) <= UPSCALED_MAX
        assert found.size == (source.width * scale, source.height * scale)


def check_refusal(error: Refused) -> None:
    codes = {"already_square", "too_large", "already_hd", "action_not_for_this", "not_a_draft"}
    if error.field == "zoom":
        assert error.code == "invalid_request" and "adds less than 2 pixels" in error.message and error.hint
        return
    assert error.code in codes and error.message and error.hint


def check_frame(frame: Frame, source: Source) -> None:
    assert frame.width % 2 == frame.height % 2 == 0 and max(frame.width, frame.height) <= CANVAS_MAX
    assert 0 <= frame.left <= frame.width - frame.inner_width
    assert 0 <= frame.top <= frame.height - frame.inner_height
    assert frame.width > frame.inner_width or frame.height > frame.inner_height, "a canvas grows"
    shrunk = (frame.inner_width, frame.inner_height) != (source.width, source.height)
    assert not shrunk or max(frame.width, frame.height) >= CANVAS_MAX - 2
    assert abs(frame.inner_width / frame.inner_height * source.height / source.width - 1) < 0.1 or shrunk


@pytest.mark.parametrize(
    ("way", "frame"),
    [
        (Way.LEFT, Frame(width=480, height=256, left=160, top=0, inner_width=320, inner_height=256)),
        (Way.RIGHT, Frame(width=480, height=256, left=0, top=0, inner_width=320, inner_height=256)),
        (Way.UP, Frame(width=320, height=384, left=0, top=128, inner_width=320, inner_height=256)),
        (Way.DOWN, Frame(width=320, height=384, left=0, top=0, inner_width=320, inner_height=256)),
    ],
)
def test_a_pan_adds_half_a_side_where_it_goes(way: Way, frame: Frame) -> None:
    assert made(Asked.PAN, replace(SOURCE, width=320), direction=way).recipe.frame == frame


@pytest.mark.parametrize(("zoom", "side", "at"), [(None, 512, 128), (1.5, 384, 64), (1.15, 296, 20)])
def test_a_zoom_keeps_the_picture_in_the_middle(zoom: float | None, side: int, at: int) -> None:
    frame = made(Asked.ZOOM_OUT, zoom=zoom).recipe.frame
    assert frame == Frame(width=side, height=side, left=at, top=at, inner_width=256, inner_height=256)


@given(st.integers(16, 4_096), st.integers(16, 4_096), st.floats(1, 2, exclude_min=True))
def test_a_zoom_adds_pixels_on_all_sides_or_names_the_least_that_does(
    width: int, height: int, zoom: float
) -> None:
    def margins(frame: Frame) -> tuple[int, int, int, int]:
        right, below = (
            frame.width - frame.left - frame.inner_width,
            frame.height - frame.top - frame.inner_height,
        )
        return frame.left, frame.top, right, below

    try:
        frame = zoomed(width, height, zoom)
    except Refused as error:
        least = float(error.hint.removeprefix("The least that does is ").removesuffix("."))
        assert 1 < least <= 2
        frame = zoomed(width, height, least)
    assert min(margins(frame)) >= 2


@pytest.mark.parametrize("side", [256, 2_048])
def test_a_zoom_of_next_to_nothing_is_refused(side: int) -> None:
    with pytest.raises(Refused, match="adds less than 2 pixels") as error:
        zoomed(side, side, 1.0000001)
    assert (error.value.code, error.value.field) == ("invalid_request", "zoom")


def test_a_square_pads_the_shorter_side_and_refuses_a_square() -> None:
    frame = made(Asked.MAKE_SQUARE, replace(SOURCE, width=384)).recipe.frame
    assert frame == Frame(width=384, height=384, left=0, top=64, inner_width=384, inner_height=256)
    with pytest.raises(Refused, match="square already: 256 x 256"):
        made(Asked.MAKE_SQUARE)


def test_beyond_the_largest_canvas_the_picture_is_scaled_down_and_a_note_says_so() -> None:
    found = made(Asked.ZOOM_OUT, replace(SOURCE, width=2048, height=1024))
    assert found.recipe.frame == Frame(
        width=2048, height=1024, left=512, top=256, inner_width=1024, inner_height=512
    )
    assert "2048 x 1024" in found.note and "1024 x 512" in found.note
    assert made(Asked.ZOOM_OUT, replace(SOURCE, width=1024, height=1024)).note == ""


@given(sides, sides, st.sampled_from(Way), st.sampled_from([CANVAS_MAX, 3 * CANVAS_MAX]))
def test_a_pan_of_a_large_picture_still_lies_at_its_edge(
    width: int, height: int, way: Way, least: int
) -> None:
    assume(max(width, height) * 1.5 <= least)
    frame = made(Asked.PAN, replace(SOURCE, width=width, height=height), direction=way).recipe.frame
    assert frame is not None
    far = {
        Way.LEFT: frame.left + frame.inner_width == frame.width,
        Way.UP: frame.top + frame.inner_height == frame.height,
    }
    assert far.get(way, (frame.left, frame.top) == (0, 0))


def test_a_seam_is_never_wider_than_a_fourth_of_the_picture() -> None:
    assert made(Asked.ZOOM_OUT).recipe.seam_px == rules.SEAM_PX
    assert made(Asked.VARY_REGION).recipe.seam_px == rules.REGION_SEAM_PX
    small = replace(SOURCE, width=24, height=16)
    assert {made(each, small).recipe.seam_px for each in (Asked.VARY_REGION, Asked.ZOOM_OUT)} == {4}


def test_an_upscale_that_would_be_too_large_says_the_numbers_and_what_would_do() -> None:
    with pytest.raises(Refused, match=r"4 times 1536 x 1024 is 6144 x 4096") as refusal:
        made(Asked.UPSCALE_SUBTLE, replace(SOURCE, width=1536, height=1024), scale=4)
    assert refusal.value.hint == "Use scale 2."
    with pytest.raises(Refused, match="8192") as refusal:
        made(Asked.UPSCALE_SUBTLE, replace(SOURCE, width=4096, height=64))
    assert "as large as it gets" in refusal.value.hint


def test_strengths_are_in_their_order() -> None:
    assert (
        0 < rules.UPSCALE_CREATIVE < rules.VARY_SUBTLE < rules.ENHANCE < rules.VARY_STRONG < rules.ANEW == 1
    )
    assert made(Asked.VARY_SUBTLE).recipe.strength == rules.VARY_SUBTLE
    assert made(Asked.UPSCALE_SUBTLE).recipe.strength is None


def test_what_repeats_a_job_keeps_what_it_started_from() -> None:
    source = replace(SOURCE, recipe=STARTED, grid_index=0)
    rerolled = made(Asked.REROLL, source).recipe
    assert [each.role for each in rerolled.inputs] == [Role.SOURCE, Role.INIT]
    assert (rerolled.strength, rerolled.action) == (0.45, Action.REROLL)


def test_what_is_drawn_larger_is_drawn_over_the_picture_at_the_large_size() -> None:
    """With the same seed and words; an upscale at the model's own size where that shape is too wide for the large one."""
    source = replace(SOURCE, recipe=STARTED, grid_index=3, params=replace(SOURCE.params, draft=True))
    for asked, strength in ((Asked.HD, rules.HD), (Asked.UPSCALE_CREATIVE, rules.UPSCALE_CREATIVE)):
        large = made(asked, source)
        assert large.params.hd and not large.params.draft and large.params.seed == 11
        assert (large.recipe.indices, large.recipe.strength) == ((3,), strength)
        assert [(each.role, each.digest) for each in large.recipe.inputs] == [(Role.INIT, SOURCE.digest)]
    wish = Wish(action=Asked.UPSCALE_CREATIVE)
    assert derive(source, wish, mask=None, seed=77, large=False).params == source.params


def test_around_a_picture_new_words_are_given_more_to_draw() -> None:
    for asked, more in ((Asked.ZOOM_OUT, {}), (Asked.PAN, {"direction": Way.UP})):
        plain, worded = made(asked, **more), made(asked, prompt="a camel", **more)
        assert plain.recipe.strength < worded.recipe.strength == rules.AROUND_ANEW


def test_an_upscale_rerolls_its_words() -> None:
    source = replace(SOURCE, recipe=replace(STARTED, action=Action.UPSCALE_SUBTLE, scale=2, strength=None))
    recipe = made(Asked.REROLL, source).recipe
    assert [each.role for each in recipe.inputs] == [Role.SOURCE] and recipe.scale is None


def test_a_replay_is_the_very_same_recipe_for_one_image() -> None:
    source = replace(SOURCE, recipe=STARTED)
    replayed = made(Asked.REPLAY, source)
    assert replayed.params == source.params
    assert replace(replayed.recipe, inputs=STARTED.inputs, indices=STARTED.indices, replay_of=None) == STARTED
    assert (replayed.recipe.indices, replayed.recipe.replay_of) == ((2,), IMAGE)
    again = made(Asked.REPLAY, replace(source, image_id=OTHER, recipe=replayed.recipe))
    assert [each.parent_id for each in again.recipe.inputs if each.role is Role.REPLAY] == [OTHER]


def test_drafts_alone_are_enhanced_and_large_ones_are_not_made_large_again() -> None:
    draft = replace(SOURCE, params=replace(PARAMS, draft=True))
    assert not made(Asked.ENHANCE, draft).params.draft
    with pytest.raises(Refused, match="Only a draft"):
        made(Asked.ENHANCE)
    with pytest.raises(Refused, match="large size already"):
        made(Asked.HD, replace(SOURCE, params=replace(PARAMS, hd=True)))
    with pytest.raises(Refused, match=r"keeps pixels of another one \(vary_region\)"):
        made(Asked.HD, replace(SOURCE, recipe=replace(STARTED, action=Action.VARY_REGION, inputs=(MASK,))))


@pytest.mark.parametrize(
    ("wish", "field", "says"),
    [
        (Wish(action=Asked.PAN), "direction", "pan needs a direction"),
        (Wish(action=Asked.VARY_REGION), "mask", "vary_region needs a mask"),
        (Wish(action=Asked.REMIX), "prompt", "remix needs a prompt"),
        (Wish(action=Asked.REMIX, prompt="  "), "prompt", "empty"),
        (Wish(action=Asked.VARY_SUBTLE, prompt="a cat"), "prompt", "vary_subtle takes no prompt"),
        (Wish(action=Asked.PAN, direction=Way.UP, zoom=2), "zoom", "pan takes no zoom"),
        (Wish(action=Asked.ZOOM_OUT, zoom=1), "zoom", "not above 1"),
        (Wish(action=Asked.ZOOM_OUT, zoom=2.01), "zoom", "at most 2"),
        (Wish(action=Asked.UPSCALE_SUBTLE, scale=3), "scale", "cannot be upscaled by 3"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wish: Wish, field: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refusal:
        check_wish(wish)
    assert (refusal.value.code, refusal.value.field) == ("invalid_request", field) and refusal.value.hint
