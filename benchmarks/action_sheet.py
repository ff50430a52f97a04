"""`make sheet-actions`: every action through the API of a real server with a real worker, as one sheet of before and after.

It prints what the eye should see as numbers: how far variations go from their source, that pixels which stay do so bit for bit, and
how hard the edge of an old frame is. Ends with 1 where an action fails or a number goes the wrong way.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import numpy as np
from benchmarks.live import Failed, Live, live
from PIL import Image, ImageDraw, ImageFont

from darkroom.cli.client import Object
from darkroom.core.errors import DarkroomError

OUT = Path("docs/pictures/actions.png")
SUBJECT = "a castle in the desert at sunset"
SOURCES = (
    f"{SUBJECT} --seed 11",
    "a red apple on a blue background --seed 7",
    "a stack of pancakes in a kitchen --seed 3",
)
SMALL_PX = 16  # a side at which two pictures are compared, so that composition counts and texture does not
BAND_PX = 12  # beside an edge, to compare it with
CELL_PX, LABEL_PX, GAP_PX, TEXT_PX = 144, 190, 6, 14
AFTER_MAX = 4
HALVES = 2  # the rows stand side by side in so many columns
BACK, INK, FAINT = (250, 250, 248), (20, 20, 20), (110, 110, 110)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the sheet: what was asked for, from what, what came, and a number beside it."""

    label: str
    before: Sequence[Image.Image]
    after: Sequence[Image.Image]
    note: str = ""


@dataclass(kw_only=True)
class Sheet:
    """What was done so far, and what went wrong."""

    live: Live
    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def row(
        self, label: str, before: Sequence[Image.Image], work: Callable[[], Row], *, shown: bool = True
    ) -> None:
        """Do one action; one that fails leaves a row that says so, and the others go on."""
        try:
            row = work()
            self.rows += [row] if shown else []
            print(f"{label:<28} {row.note}", flush=True)
        except (DarkroomError, Failed, KeyError) as error:
            self.rows.append(Row(label=label, before=before, after=(), note=f"failed: {error}"))
            self.faults.append(f"{label}: {error}")
            print(f"{label:<28} FAILED {error!r}", flush=True)

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.faults.append(what)


# -- what is measured -------------------------------------------------------------------------------------------------


def distance(one: Image.Image, other: Image.Image) -> float:
    """Root mean square of the difference of two pictures at SMALL_PX, in levels of 255."""
    side = (SMALL_PX, SMALL_PX)
    a, b = (np.asarray(each.resize(side, Image.Resampling.BOX), dtype=np.float64) for each in (one, other))
    return float(np.sqrt(np.mean((a - b) ** 2)))


def changed(one: Image.Image, other: Image.Image, keep: np.ndarray) -> int:
    """How many of the pixels where `keep` (H, W) is true differ."""
    return int(np.any(np.asarray(one) != np.asarray(other), axis=2)[keep].sum())


def kept_of_frame(source: Image.Image, after: Image.Image, recipe: Object) -> str:
    """Whether the old picture lies unchanged in the new one but for its seam."""
    frame, seam = recipe["frame"], int(recipe.get("seam_px", 0))
    left, top = frame["left"], frame["top"]
    size = (frame["inner_width"], frame["inner_height"])
    inner = after.crop((left, top, left + size[0], top + size[1]))
    if inner.size != source.size:
        return f"the old picture was scaled to {size[0]}x{size[1]}"
    keep = np.zeros((size[1], size[0]), dtype=bool)
    keep[seam : size[1] - seam, seam : size[0] - seam] = True
    wrong = changed(source, inner, keep)
    return f"{wrong} of {int(keep.sum())} old pixels changed (seam {seam} px)"


def edge_ratio(after: Image.Image, recipe: Object) -> float:
    """How much pixels step across the edges of the old frame, over how much they step within BAND_PX beside them; 1 is invisible."""
    frame = recipe["frame"]
    pixels = np.asarray(after, dtype=np.float64)
    box = (
        frame["left"],
        frame["top"],
        frame["left"] + frame["inner_width"],
        frame["top"] + frame["inner_height"],
    )
    found = []
    for axis, place, (begin, end) in (
        (1, box[0], (box[1], box[3])),
        (1, box[2], (box[1], box[3])),
        (0, box[1], (box[0], box[2])),
        (0, box[3], (box[0], box[2])),
    ):
        along = pixels.shape[axis]
        if BAND_PX < place < along - BAND_PX:
            lines = pixels[begin:end] if axis == 1 else pixels[:, begin:end]
            steps = np.abs(np.diff(lines, axis=axis)).mean(axis=(1 - axis, 2))
            beside = [*steps[place - BAND_PX : place - 2], *steps[place + 1 : place + BAND_PX - 1]]
            found.append(float(steps[place - 1]) / max(fmean(beside), 0.5))
    return max(found, default=1.0)


# -- what is done -----------------------------------------------------------------------------------------------------


def work(sheet: Sheet) -> None:
    """Every action, in the order of the sheet."""
    grids = [sheet.live.draw(prompt)[0] for prompt in SOURCES]
    firsts = [grid["images"][0] for grid in grids]
    first = sheet.live.pixels(firsts[0])
    grid_row = Row(label="imagine", before=(), after=[sheet.live.pixels(each) for each in grids[0]["images"]])
    sheet.rows.append(grid_row)
    variations(sheet, firsts)
    edges(sheet, firsts[0], first)
    region(sheet, firsts[0], first)
    others(sheet, firsts, first)
    upscales(sheet, firsts[0], first)
    guided(sheet, firsts, first)
    replayed(sheet, firsts[0], first)


def variations(sheet: Sheet, firsts: Sequence[Object]) -> None:
    """How far each kind goes from its source: the mean over all sources and images."""
    far: dict[str, list[float]] = {}
    for number, image in enumerate(firsts):
        source = sheet.live.pixels(image)
        for action in ("vary_subtle", "vary_strong", "reroll"):

            def vary(image: Object = image, action: str = action, source: Image.Image = source) -> Row:
                after = [sheet.live.pixels(each) for each in sheet.live.act(image, action)["images"]]
                mean = fmean(distance(source, each) for each in after)
                far.setdefault(action, []).append(mean)
                return Row(label=words(action), before=[source], after=after, note=f"distance {mean:.1f}")

            sheet.row(f"{words(action)} of source {number + 1}", [source], vary, shown=number == 0)
    means = {action: fmean(each) for action, each in far.items()}
    print("mean distance from the source: " + ", ".join(f"{words(a)} {m:.1f}" for a, m in means.items()))
    for order in zip(
        *(far.get(action, []) for action in ("vary_subtle", "vary_strong", "reroll")), strict=False
    ):
        sheet.expect(0 < order[0] < order[1] < order[2], f"variations are not in order: {order}")


def edges(sheet: Sheet, image: Object, source: Image.Image) -> None:
    """Zooms, pans and the square: the old pixels, and the edge between them and the new ones."""
    asked: list[tuple[str, str, dict[str, object]]] = [
        ("zoom out 1.5x", "zoom_out", {"zoom": 1.5}),
        ("zoom out 2x", "zoom_out", {"zoom": 2}),
        *((f"pan {way}", "pan", dict[str, object](direction=way)) for way in ("left", "right", "up", "down")),
    ]
    for label, action, more in asked:
        sheet.row(label, [source], lambda l=label, a=action, m=more: framed(sheet, l, image, source, a, m))  # type: ignore[misc]
    wide = sheet.live.draw("a lighthouse at night --ar 3:2 --seed 5")[0]["images"][0]
    old = sheet.live.pixels(wide)
    sheet.row("make square", [old], lambda: framed(sheet, "make square", wide, old, "make_square", {}))


def framed(
    sheet: Sheet, label: str, image: Object, source: Image.Image, action: str, more: dict[str, object]
) -> Row:
    job = sheet.live.act(image, action, **more)
    after = [sheet.live.pixels(each) for each in job["images"]]
    said = [kept_of_frame(source, each, job["recipe"]) for each in after]
    edge = fmean(edge_ratio(each, job["recipe"]) for each in after)
    sheet.expect(
        all(each.startswith(("0 of", "the old")) for each in said), f"{label}: old pixels changed: {said}"
    )
    return Row(label=label, before=[source], after=after, note=f"{said[0]}; edge {edge:.2f}")


def region(sheet: Sheet, image: Object, source: Image.Image) -> None:
    """The middle is drawn anew, the rest stays."""
    mask = Image.new("L", source.size, 0)
    width, height = source.size
    ImageDraw.Draw(mask).ellipse((width // 4, height // 4, 3 * width // 4, 3 * height // 4), fill=255)

    def redraw() -> Row:
        job = sheet.live.act(
            image,
            "vary_region",
            mask=sheet.live.upload(mask, "mask"),
            prompt="a tree in the desert at sunset",
        )
        after = [sheet.live.pixels(each) for each in job["images"]]
        wrong = [changed(source, each, np.asarray(mask) == 0) for each in after]
        sheet.expect(not any(wrong), f"vary region: {wrong} black pixels changed")
        total = int((np.asarray(mask) == 0).sum())
        note = f"{max(wrong)} of {total} black pixels changed"
        return Row(label="vary region", before=[source, mask.convert("RGB")], after=after, note=note)

    sheet.row("vary region", [source], redraw)


def others(sheet: Sheet, firsts: Sequence[Object], source: Image.Image) -> None:
    """Remix, enhance, hd, blend."""

    def plain(label: str, before: Sequence[Image.Image], job: Object) -> Row:
        after = [sheet.live.pixels(each) for each in job["images"]]
        near = fmean(distance(before[0], each) for each in after)
        size = f"{after[0].width}x{after[0].height}"
        return Row(label=label, before=before, after=after, note=f"{size}, distance {near:.1f}")

    remix = {"prompt": "a castle in the snow at night, watercolour"}
    sheet.row(
        "remix", [source], lambda: plain("remix", [source], sheet.live.act(firsts[0], "remix", **remix))
    )
    draft = sheet.live.draw(f"{SOURCES[0]} --draft")[0]["images"][0]
    small = sheet.live.pixels(draft)
    sheet.row("enhance", [small], lambda: plain("enhance a draft", [small], sheet.live.act(draft, "enhance")))
    sheet.row("hd", [source], lambda: plain("run as hd", [source], sheet.live.act(firsts[0], "hd")))
    both = [source, sheet.live.pixels(firsts[1])]
    ids = [firsts[0]["id"], firsts[1]["id"]]
    sheet.row("blend", both, lambda: plain("blend", both, sheet.live.blend(ids)))


def upscales(sheet: Sheet, image: Object, source: Image.Image) -> None:
    """A detail at the size of the larger picture, because a whole one would be made small again here."""
    far: dict[tuple[str, int], float] = {}
    for action in ("upscale_subtle", "upscale_creative"):
        for scale in (2, 4):

            def enlarge(action: str = action, scale: int = scale) -> Row:
                [made] = sheet.live.act(image, action, scale=scale)["images"]
                after = sheet.live.pixels(made)
                near = far[action, scale] = distance(source, after)
                note = f"{after.width}x{after.height}, distance {near:.1f}; a detail beside"
                grown = (source.width * scale, source.height * scale)
                sheet.expect(after.size == grown, f"{action} {scale}x: {after.size} instead of {grown}")
                shown = [detail(after)]
                return Row(label=f"{words(action)} {scale}x", before=[detail(source)], after=shown, note=note)

            sheet.row(f"{words(action)} {scale}x", [source], enlarge)
    for scale in (2, 4):
        one, other = (far.get((action, scale), 0.0) for action in ("upscale_subtle", "upscale_creative"))
        sheet.expect(one < other, f"upscale {scale}x: subtle changes {one:.1f} and creative {other:.1f}")


def detail(picture: Image.Image) -> Image.Image:
    """The middle quarter."""
    width, height = picture.size
    return picture.crop((3 * width // 8, 3 * height // 8, 5 * width // 8, 5 * height // 8))


def guided(sheet: Sheet, firsts: Sequence[Object], source: Image.Image) -> None:
    """Image prompts and style references."""
    other = sheet.live.pixels(firsts[1])
    name = f"upload:{firsts[1]['id']}"
    for label, prompt in (
        ("image prompt --iw 2", f"{name} {SUBJECT} --iw 2 --seed 11"),
        ("style reference", f"{SUBJECT} --sref {name} --seed 11"),
        ("style code", f"{SUBJECT} --sref 42 --seed 11"),
    ):
        before = [] if "code" in label else [other]

        def draw(
            label: str = label, prompt: str = prompt, before: Sequence[Image.Image] = tuple(before)
        ) -> Row:
            after = [sheet.live.pixels(each) for each in sheet.live.draw(prompt)[0]["images"]]
            plain = sheet.rows[0].after
            if before:
                near, far = (fmean(distance(other, each) for each in found) for found in (after, plain))
                note = f"distance from it {near:.1f}, without it {far:.1f}"
                sheet.expect(near < far, f"{label}: {note}")
            else:
                note = f"distance from the plain ones {fmean(map(distance, after, plain)):.1f}"
            return Row(label=label, before=before, after=after, note=note)

        sheet.row(label, before, draw)


def replayed(sheet: Sheet, image: Object, source: Image.Image) -> None:
    def replay() -> Row:
        after = sheet.live.pixels(sheet.live.act(image, "replay")["images"][0])
        same = after.tobytes() == source.tobytes()
        sheet.expect(same, "replay: not the same")
        return Row(label="replay", before=[source], after=[after], note="same" if same else "DIFFERENT")

    sheet.row("replay", [source], replay)


def words(action: str) -> str:
    return action.replace("_", " ")


# -- the sheet --------------------------------------------------------------------------------------------------------


def compose(rows: Sequence[Row]) -> Image.Image:
    """One line a row: its name and number, what it came from, what came."""
    step = CELL_PX + GAP_PX
    width = LABEL_PX + (2 + AFTER_MAX) * step + GAP_PX * 6
    lines = -(-len(rows) // HALVES)
    sheet = Image.new("RGB", (HALVES * width, lines * step + GAP_PX), BACK)
    for number, row in enumerate(rows):
        half, line = divmod(number, lines)
        draw_row(sheet, row, left=half * width + GAP_PX, top=GAP_PX + line * step)
    return sheet


def draw_row(sheet: Image.Image, row: Row, *, left: int, top: int) -> None:
    pen = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(TEXT_PX + 1), ImageFont.load_default(TEXT_PX - 2)
    pen.text((left, top + 4), row.label, fill=INK, font=font)
    for line, text in enumerate(wrapped(row.note)):
        pen.text((left, top + 28 + line * TEXT_PX), text, fill=FAINT, font=small)
    for place, picture in cells(row):
        fitted = fit(picture)
        x = left + LABEL_PX + place * (CELL_PX + GAP_PX) + (GAP_PX * 3 if place >= 2 else 0)
        sheet.paste(fitted, (x + (CELL_PX - fitted.width) // 2, top + (CELL_PX - fitted.height) // 2))


def cells(row: Row) -> Iterator[tuple[int, Image.Image]]:
    """Which picture goes where: two columns before, AFTER_MAX after."""
    yield from enumerate(row.before[:2], start=2 - len(row.before[:2]))
    yield from enumerate(row.after[:AFTER_MAX], start=2)


def fit(picture: Image.Image) -> Image.Image:
    scale = CELL_PX / max(picture.size)
    return picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)


def wrapped(text: str, columns: int = 30) -> list[str]:
    lines = [""]
    for word in (each[:columns] for each in text.split()):
        if len(lines[-1]) + len(word) >= columns:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines[:7]


def save(picture: Image.Image, path: Path) -> None:
    """With 256 colours, which is a fifth of the bytes; dithered, so that skies have no bands."""
    colours = picture.quantize(256, kmeans=1)  # without it rare colours become patterns of dots
    picture.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=OUT)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder, live(Path(folder) / "data") as server:
        sheet = Sheet(live=server)
        work(sheet)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    save(compose(sheet.rows), given.out)
    print(f"{given.out}: {len(sheet.rows)} rows")
    for fault in sheet.faults:
        print(f"wrong: {fault}")
    raise SystemExit(1 if sheet.faults else 0)


if __name__ == "__main__":
    main()
