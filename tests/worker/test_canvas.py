"""What stays of an old picture stays bit for bit, whatever the sizes, the frame, the mask and the drawing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from darkroom.core.recipes import Frame
from darkroom.worker.canvas import OFF_FAR, Canvas, depth, laid, near
from darkroom.worker.continuing import continued, spread
from darkroom.worker.matching import MOVED_MOST

SIDES = st.integers(1, 40)
SEAMS = st.integers(0, 6)


def noise(width: int, height: int, seed: int) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """An old picture somewhere on a canvas, at its edges too."""
    inner_width, inner_height = draw(SIDES), draw(SIDES)
    left, top, right, bottom = (draw(st.integers(0, 30)) for _ in range(4))
    return Frame(
        width=left + inner_width + right,
        height=top + inner_height + bottom,
        left=left,
        top=top,
        inner_width=inner_width,
        inner_height=inner_height,
    )


@st.composite
def masks(draw: st.DrawFn, width: int, height: int) -> Image.Image:
    """Black with a few white boxes."""
    mask = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(0, 3))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask[top : top + draw(SIDES), left : left + draw(SIDES)] = draw(st.integers(128, 255))
    return Image.fromarray(mask)


def inside(frame: Frame, seam_px: int) -> tuple[slice, slice]:
    """The old picture without the seam along those of its edges that are not the canvas's own."""
    right, bottom = frame.left + frame.inner_width, frame.top + frame.inner_height
    top = frame.top + (seam_px if frame.top else 0)
    left = frame.left + (seam_px if frame.left else 0)
    bottom -= seam_px if bottom < frame.height else 0
    right -= seam_px if right < frame.width else 0
    return slice(top, max(top, bottom)), slice(left, max(left, right))


@given(frame=frames(), seam_px=SEAMS, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_the_old_picture_stays_in_its_frame(frame: Frame, seam_px: int, seed: int) -> None:
    old = noise(frame.inner_width, frame.inner_height, seed)
    canvas = laid(old, frame=frame, seam_px=seam_px)
    result = np.asarray(canvas.joined(noise(frame.width, frame.height, seed + 1)))
    assert result.shape == (frame.height, frame.width, 3)
    assert (result[inside(frame, seam_px)] == canvas.old[inside(frame, seam_px)]).all()
    box = np.s_[frame.top : frame.top + frame.inner_height, frame.left : frame.left + frame.inner_width]
    assert (canvas.old[box] == np.asarray(old)).all()


@given(data=st.data(), width=SIDES, height=SIDES, seam_px=SEAMS)
@settings(deadline=None, max_examples=60)
def test_what_is_black_in_the_mask_stays(data: st.DataObject, width: int, height: int, seam_px: int) -> None:
    old, mask = noise(width, height, 1), data.draw(masks(width, height))
    canvas = laid(old, mask=mask, seam_px=seam_px)
    result = np.asarray(canvas.joined(noise(width, height, 2)))
    black = np.asarray(mask) < 128
    assert (result[black] == np.asarray(old)[black]).all()


@given(frame=frames(), columns=st.integers(1, 12), rows=st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_a_frame_is_drawn_anew_but_for_the_places_at_its_edge(frame: Frame, columns: int, rows: int) -> None:
    canvas = laid(noise(frame.inner_width, frame.inner_height, 1), frame=frame)
    region = canvas.region(columns, rows)
    assert region.shape == (rows, columns) and region.min() >= 0 and region.max() <= 1
    if frame.width % columns or frame.height % rows:
        return
    shares = canvas.anew.reshape(rows, frame.height // rows, columns, frame.width // columns).mean(
        axis=(1, 3)
    )
    around = sliding_window_view(np.pad(shares, 1, mode="edge"), (3, 3))
    assert (region[around.min(axis=(2, 3)) == 1] > 1 - 1e-4).all()
    assert (region[around.max(axis=(2, 3)) == 0] < 1e-4).all()


@given(data=st.data(), columns=st.integers(1, 8), rows=st.integers(1, 8), place=st.integers(1, 6))
@settings(deadline=None, max_examples=60)
def test_whatever_a_mask_touches_is_drawn_anew(
    data: st.DataObject, columns: int, rows: int, place: int
) -> None:
    mask = data.draw(masks(columns * place, rows * place))
    region = laid(noise(*mask.size, 1), mask=mask).region(columns, rows)
    white = np.asarray(mask).reshape(rows, place, columns, place).max(axis=(1, 3)) >= 128
    assert (region == white).all()


def test_the_seam_lies_inside_the_old_picture_and_goes_from_new_to_old() -> None:
    frame = Frame(width=60, height=20, left=0, top=0, inner_width=40, inner_height=20)
    canvas = laid(Image.new("RGB", (40, 20), (200, 0, 0)), frame=frame, seam_px=4)
    assert canvas.share[10].tolist() == pytest.approx([1.0] * 36 + [0.8, 0.6, 0.4, 0.2] + [0.0] * 20)


def test_the_seam_of_a_mask_lies_inside_the_white() -> None:
    mask = Image.new("L", (20, 4), 0)
    mask.paste(255, (10, 0, 20, 4))
    canvas = laid(Image.new("RGB", (20, 4)), mask=mask, seam_px=1)
    assert canvas.share[0].tolist() == [1.0] * 10 + [0.5] + [0.0] * 9


def test_a_mask_of_another_size_is_fitted_without_grey() -> None:
    mask = Image.new("L", (10, 10), 0)
    mask.paste(255, (0, 0, 5, 10))
    canvas = laid(noise(20, 20, 1), mask=mask)
    assert canvas.anew[:, :10].all() and not canvas.anew[:, 10:].any()


def test_a_picture_is_brought_to_its_size_in_the_frame() -> None:
    frame = Frame(width=40, height=40, left=10, top=10, inner_width=20, inner_height=20)
    canvas = laid(Image.new("RGB", (80, 80), (9, 90, 200)), frame=frame)
    assert (canvas.old[10:30, 10:30] == (9, 90, 200)).all() and canvas.anew[:10].all()


def test_what_is_drawn_anew_starts_as_a_continuation() -> None:
    """A sky over a meadow goes on as sky over meadow."""
    old = Image.new("RGB", (40, 40), (40, 120, 230))
    old.paste((60, 160, 40), (0, 20, 40, 40))
    frame = Frame(width=80, height=80, left=20, top=20, inner_width=40, inner_height=40)
    start = np.asarray(laid(old, frame=frame).start)
    for row, colour in ((2, (40, 120, 230)), (30, (40, 120, 230)), (50, (60, 160, 40)), (77, (60, 160, 40))):
        for column in (2, 40, 77):
            assert np.abs(start[row, column].astype(int) - colour).max() <= 25, (row, column)


def test_a_drawing_that_is_off_in_colour_shows_no_edge() -> None:
    frame = Frame(width=80, height=80, left=20, top=20, inner_width=40, inner_height=40)
    old = Image.new("RGB", (40, 40), (120, 120, 120))
    result = np.asarray(laid(old, frame=frame).joined(Image.new("RGB", (80, 80), (110, 134, 120)))).astype(
        int
    )
    assert np.abs(result - 120).max() <= 2


def test_what_is_off_by_what_it_shows_is_mended_only_nearby() -> None:
    frame = Frame(width=120, height=40, left=0, top=0, inner_width=40, inner_height=40)
    old = Image.new("RGB", (40, 40), (200, 60, 60))
    result = np.asarray(laid(old, frame=frame).joined(Image.new("RGB", (120, 40), (60, 60, 200)))).astype(int)
    red = result[20, :, 0].tolist()
    assert min(red[:41]) > 180 and red == sorted(red, reverse=True)
    assert max(red[80:]) <= 60 + MOVED_MOST + OFF_FAR and red[119] == 60 + MOVED_MOST


def test_what_is_off_at_an_edge_draws_no_band_beside_it() -> None:
    """A sky that is dark along the old picture's upper edge alone fades into the drawn one, by no step that can be seen."""
    old, drawn = (Image.new("RGB", (side, side), (90, 70, 140)) for side in (200, 400))
    old.paste((78, 58, 128), (0, 0, 200, 12))
    frame = Frame(width=400, height=400, left=100, top=100, inner_width=200, inner_height=200)
    sky = np.asarray(laid(old, frame=frame, seam_px=8).joined(drawn)).astype(int)[:108]
    assert np.abs(sky[0] - (90, 70, 140)).max() <= 2 and np.abs(sky[99, 150:250] - (78, 58, 128)).max() <= 3
    for axis in (0, 1):
        assert np.abs(np.diff(sky[:, 110:290], axis=axis)).max() <= 2


def test_without_anything_to_draw_the_picture_comes_back() -> None:
    old = noise(7, 5, 3)
    canvas = laid(old)
    assert canvas.start.tobytes() == old.tobytes() == canvas.joined(noise(7, 5, 4)).tobytes()


def test_all_drawn_anew_is_the_drawing_itself() -> None:
    drawn = noise(7, 5, 4)
    canvas = laid(noise(7, 5, 3), mask=Image.new("L", (7, 5), 255))
    assert isinstance(canvas, Canvas) and canvas.joined(drawn).tobytes() == drawn.tobytes()


def test_depth_counts_from_the_nearest_place_outside() -> None:
    region = np.ones((5, 9), bool)
    region[:, 0] = False
    assert depth(region, 4)[2].tolist() == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    assert (depth(np.ones((3, 3), bool), 5) == 1).all() and not depth(np.zeros((3, 3), bool), 5).any()


def test_colours_are_brought_near_and_detail_is_kept() -> None:
    old = Image.new("RGB", (64, 64), (100, 50, 200))
    values = np.asarray(noise(128, 128, 5)).astype(np.float32) / 8
    drawn = Image.fromarray((values + np.array([60, 90, 90])).astype(np.uint8))
    result = np.asarray(near(drawn, old)).astype(float)
    assert np.abs(result.mean(axis=(0, 1)) - (100, 50, 200)).max() < 1
    assert result.std() > 0.8 * (np.asarray(drawn).astype(float) - np.asarray(drawn).mean(axis=(0, 1))).std()


@given(width=SIDES, height=SIDES, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_known_values_are_continued_within_their_range(width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.random((height, width, 2), dtype=np.float32)
    weights = (rng.random((height, width)) < 0.3).astype(np.float32)
    found = continued(values * weights[..., None], weights)
    known = weights > 0
    if not known.any():
        assert not found.any()
        return
    assert (found[known] == values[known]).all()
    assert found.min() >= values[known].min() - 1e-5 and found.max() <= values[known].max() + 1e-5


def test_the_edge_of_a_box_is_spread_over_all_outside() -> None:
    values = np.zeros((20, 20, 1), np.float32)
    values[5:15, 5:15] = 3
    assert np.allclose(spread(values, (5, 15, 5, 15)), 3)
