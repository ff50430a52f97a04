"""The scripts that draw the sheet of actions and replay everything are run by hand: here their own arithmetic is checked."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import action_sheet, replay
from PIL import Image

FRAME = {"width": 96, "height": 48, "left": 48, "top": 0, "inner_width": 48, "inner_height": 48}
RECIPE = {"frame": FRAME, "seam_px": 4}


def noise(width: int, height: int, seed: int = 1) -> Image.Image:
    levels = np.random.default_rng(seed).integers(100, 140, size=(height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def test_a_distance_counts_composition_and_no_texture() -> None:
    grey, red = Image.new("RGB", (64, 64), (120, 120, 120)), Image.new("RGB", (64, 64), (180, 120, 120))
    assert action_sheet.distance(grey, grey) == 0
    assert action_sheet.distance(grey, red) == pytest.approx(60 / 3**0.5)
    assert action_sheet.distance(noise(256, 256, 1), noise(256, 256, 2)) < 2


def test_pixels_of_an_old_frame_are_counted_but_for_its_seam() -> None:
    old, canvas = noise(48, 48), noise(96, 48, 2)
    canvas.paste(old, (48, 0))
    assert action_sheet.kept_of_frame(old, canvas, RECIPE) == "0 of 1600 old pixels changed (seam 4 px)"
    canvas.putpixel((48 + 3, 20), (0, 0, 0))  # in the seam
    assert action_sheet.kept_of_frame(old, canvas, RECIPE).startswith("0 of")
    canvas.putpixel((48 + 4, 20), (0, 0, 0))
    assert action_sheet.kept_of_frame(old, canvas, RECIPE).startswith("1 of")


def test_an_edge_that_jumps_is_told_from_one_that_does_not() -> None:
    smooth = noise(96, 48)
    assert action_sheet.edge_ratio(smooth, RECIPE) == pytest.approx(1, abs=0.25)
    jumped = np.asarray(smooth).copy()
    jumped[:, 48:] += 100
    assert action_sheet.edge_ratio(Image.fromarray(jumped), RECIPE) > 4


def test_a_sheet_has_a_line_for_each_row() -> None:
    rows = [
        action_sheet.Row(
            label=f"row {number}", before=[noise(48, 48)], after=[noise(96, 48)] * 5, note="a note"
        )
        for number in range(4)
    ]
    sheet, longer = action_sheet.compose(rows), action_sheet.compose(rows * 2)
    assert (sheet.width, sheet.height) < (longer.width, longer.height)
    assert len(sheet.getcolors(maxcolors=1_000_000) or ()) > 10


def test_nodes_are_taken_evenly_of_all_kinds() -> None:
    kinds = list(replay.KINDS)
    nodes = [replay.Node(kind=kind, image={}) for kind in kinds for _ in range(20)]
    taken = list(replay.even(nodes, 100))
    counts = [sum(node.kind == kind for node in taken) for kind in kinds]
    assert len(taken) == 100 and max(counts) - min(counts) == 1
    assert len(list(replay.even(nodes[:3], 100))) == 3
