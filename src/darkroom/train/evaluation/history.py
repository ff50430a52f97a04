"""The figures of every evaluation, a JSON line each, and a plot of them by the number of samples trained."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

HISTORY_NAME = "history.jsonl"
SIZE = (880, 460)
LEFT, RIGHT, TOP, BOTTOM = 60, 250, 40, 50  # margins in pixels
CURVES: Mapping[str, tuple[int, int, int]] = {
    "held-out retrieval": (32, 96, 200),
    "zero-shot retrieval": (220, 120, 20),
    "free retrieval": (120, 80, 180),
    "composition": (20, 140, 110),
    "object": (196, 52, 44),
    "object retrieval": (240, 150, 150),
    "place": (110, 110, 116),
}
"""What is plotted, all shares of the ceiling, but for the free prompts, which have none."""
INK, FAINT = (32, 32, 36), (222, 222, 226)

Row = Mapping[str, object]


def append(path: Path, row: Row) -> None:
    """Add one evaluation; the same weights on the same list and size replace their earlier line."""
    key = _key(row)
    rows = [old for old in read(path) if _key(old) != key]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text("".join(json.dumps(each) + "\n" for each in [*rows, row]), encoding="utf-8")
    partial.replace(path)


def read(path: Path) -> list[Row]:
    """All evaluations so far, none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _key(row: Row) -> tuple[object, ...]:
    return row.get("weights"), row.get("list"), row.get("prompts")


def plot(rows: Sequence[Row]) -> Image.Image:
    """Figures against thousands of samples trained, over the rows of the held-out list."""
    shown = sorted((row for row in rows if row.get("list") == "held-out"), key=_samples)
    page = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(page)
    right = max([_samples(row) for row in shown], default=0) or 1
    _axes(pen, right)
    font = ImageFont.load_default(13)
    for number, (name, colour) in enumerate(CURVES.items()):
        points = [
            _place(_samples(row) / right, float(str(row[name]))) for row in shown if row.get(name) is not None
        ]
        if len(points) > 1:
            pen.line(points, fill=colour, width=2)
        for x, y in points:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
        y = TOP + 6 + number * 22
        pen.line((SIZE[0] - RIGHT + 16, y + 8, SIZE[0] - RIGHT + 40, y + 8), fill=colour, width=3)
        pen.text((SIZE[0] - RIGHT + 48, y), name, fill=INK, font=font)
    return page


def _samples(row: Row) -> float:
    return float(str(row.get("samples", 0)))


def _place(across: float, up: float) -> tuple[float, float]:
    """Pixels of a point of the unit square, a little more than which is drawn upwards."""
    wide, tall = SIZE[0] - LEFT - RIGHT, SIZE[1] - TOP - BOTTOM
    return LEFT + across * wide, SIZE[1] - BOTTOM - min(max(up, 0.0), 1.1) / 1.1 * tall


def _axes(pen: ImageDraw.ImageDraw, right: float) -> None:
    font = ImageFont.load_default(13)
    for tenth in range(0, 11, 2):
        (x0, y), (x1, _) = _place(0, tenth / 10), _place(1, tenth / 10)
        pen.line((x0, y, x1, y), fill=FAINT)
        pen.text((x0 - 46, y - 8), f"{tenth * 10} %", fill=INK, font=font)
    for quarter in range(5):
        x, y = _place(quarter / 4, 0)
        pen.text((x - 14, y + 8), f"{right * quarter / 4 / 1000:,.0f}", fill=INK, font=font)
    pen.text(
        (LEFT, 12),
        "mini-1 on the held-out list: share of the ceiling (free prompts: accuracy)",
        fill=INK,
        font=font,
    )
    pen.text((LEFT, SIZE[1] - 24), "thousands of samples trained", fill=INK, font=font)
