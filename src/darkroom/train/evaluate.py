"""Measures mini-1: `make eval-mini`, or

    python -m darkroom.train.evaluate --data .cache/mini [--weights FOLDER] [--prompts 32] [--list tuning]

Prints a table, writes a labelled contact sheet, adds a line to the history and redraws its plot. What each figure means is in
docs/model/evaluation.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.core.errors import DarkroomError
from darkroom.model.mini import WEIGHTS_NAME, Mini
from darkroom.model.text_encoder import WEIGHTS_FOLDER, TextEncoder
from darkroom.model.upscaler import Upscaler
from darkroom.train.evaluation import examination, history, prompts
from darkroom.train.evaluation.drawing import Artist, engine_artist
from darkroom.train.evaluation.examination import GRID_IMAGES, Examiner
from darkroom.train.evaluation.features import Eyes
from darkroom.train.evaluation.judge import SCORER_NAME, Judge, load_judge, train_judge
from darkroom.train.evaluation.lessons import SCENES, fingerprint, lessons
from darkroom.train.evaluation.prompts import Question
from darkroom.train.evaluation.results import Results, row, table
from darkroom.train.evaluation.sheet import Entry, contact_sheet
from darkroom.train.export import samples_of
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

PROMPTS = 192
ZERO_SHOT_SHARE = 1 / 3  # as many zero-shot prompts against held-out ones
GRIDS_SHARE = 1 / 12  # of the held-out prompts: those drawn four times
FEWEST = 20  # prompts of a list, so that there are 15 others
SHEET_ENTRIES = 48
SHEET_NAME, PLOT_NAME = "evaluation-{}.png", "history.png"


def evaluate(examiner: Examiner, artist: Artist, *, count: int, name: str) -> tuple[Results, list[Entry]]:
    """All figures for `count` prompts of the list `name`, and the sheet's entries, as drawn."""
    asked = prompts.held_out(examiner.atlas, count, name)
    drawn = artist(asked, 1)[:, 0]
    real = examination.real_scenes(asked, examiner.atlas)
    retrieval = examination.retrieval(examiner, asked, drawn, real)
    gridded = asked[: max(2, round(count * GRIDS_SHARE))]
    zero_shot, new_things = _zero_shot(examiner, artist, count, name)
    results = Results(
        held_out=retrieval,
        zero_shot=zero_shot,
        free=_free(examiner, artist, name),
        object_retrieval=examination.object_retrieval(examiner, asked, drawn, real),
        composition=examination.composition(examiner, asked, drawn, real),
        attributes=examination.attribute_accuracies(examiner, asked, drawn, real) | new_things,
        distances=examination.distances(examiner, asked, drawn),
        diversity=examination.diversity(examiner, gridded, artist(gridded, GRID_IMAGES)),
        copying=examination.copying(asked, drawn, real, examiner.atlas),
    )
    seen = examination.object_found(examiner, asked, drawn)
    return results, _entries(asked, drawn, retrieval.each, seen)


def _zero_shot(
    examiner: Examiner, artist: Artist, count: int, name: str
) -> tuple[examination.Retrieval | None, dict[str, examination.Pair]]:
    """Retrieval, and how often the things are recognised."""
    asked = prompts.zero_shot(examiner.atlas, max(FEWEST, round(count * ZERO_SHOT_SHARE)), name)
    if not asked:
        return None, {}
    drawn, real = artist(asked, 1)[:, 0], examination.real_scenes(asked, examiner.atlas)
    found = examination.attribute_accuracies(examiner, asked, drawn, real)
    things = {f"zero-shot {name}": found[name] for name in ("object", "object top-5")}
    return examination.retrieval(examiner, asked, drawn, real), things


def _free(examiner: Examiner, artist: Artist, name: str) -> examination.Retrieval:
    asked = prompts.free(name)
    return examination.retrieval(examiner, asked, artist(asked, 1)[:, 0], None)


def _entries(
    asked: Sequence[Question], drawn: NDArray[np.uint8], each: NDArray[np.float64], seen: NDArray[np.bool_]
) -> list[Entry]:
    shown = list(zip(asked, drawn, each, seen, strict=True))[:SHEET_ENTRIES]
    return [
        Entry(picture=picture, text=q.text, right=bool(share >= 0.5), seen=bool(found))
        for q, picture, share, found in shown
    ]


def open_examiner(data: Path, scenes: int) -> Examiner:
    """The judge with its eyes; trained first if there is none for this atlas. Raises DarkroomError."""
    atlas, eyes, text = Atlas.load(data), Eyes.load(), TextEncoder.load()
    digest = fingerprint(atlas)
    path, recipe = data / "eval" / SCORER_NAME, f"{digest} {scenes}"
    judge: Judge | None = load_judge(path, recipe)
    if judge is None:
        taught = lessons(data / "eval" / digest, scenes, atlas=atlas, eyes=eyes, text=text)
        judge = train_judge(taught, tuple(atlas.concepts))
        judge.save(path, recipe)
    return Examiner(judge=judge, eyes=eyes, text=text, atlas=atlas)


def enlarged(entries: Sequence[Entry]) -> list[Entry]:
    """The entries as users get them, four times as large."""
    upscaler = Upscaler.load()
    large = []
    for entry in entries:
        picture = torch.from_numpy(entry.picture).permute(2, 0, 1).float()[None] / 255
        levels = (upscaler.upscale(picture)[0] * 255).round().byte().permute(1, 2, 0)
        large.append(Entry(picture=levels.numpy(), text=entry.text, right=entry.right, seen=entry.seen))
    return large


def _run(options: argparse.Namespace) -> None:
    examiner = open_examiner(options.data, options.scenes)
    folder = options.weights or WEIGHTS_FOLDER
    model, samples = Mini.load(folder), samples_of(folder / WEIGHTS_NAME)
    artist = engine_artist(model, options.parameters)
    results, entries = evaluate(examiner, artist, count=options.prompts, name=options.list)
    print(
        f"mini-1 after {samples:,} samples, {options.prompts} prompts of the list {options.list!r}, per cent [95 % interval]"
    )
    print(table(results))
    options.out.mkdir(parents=True, exist_ok=True)
    title = (
        f"mini-1 after {samples:,} samples, {options.list} list"
        "; left bar: found among 16 captions, right bar: object recognised"
    )
    sheet = options.out / SHEET_NAME.format(options.list)
    contact_sheet(enlarged(entries), title).save(sheet, optimize=True)
    print(f"contact sheet: {sheet}")
    if options.parameters == "":
        _keep(options, results, model.weights_hash, samples)


def _keep(options: argparse.Namespace, results: Results, weights: str, samples: int) -> None:
    kept = {
        "date": datetime.now(UTC).date().isoformat(), "samples": samples, "weights": weights[:12], "list": options.list,
        "prompts": options.prompts, "scorer scenes": options.scenes, **row(results),
    }  # fmt: skip
    history.append(options.history / history.HISTORY_NAME, kept)
    plot = options.out / PLOT_NAME
    history.plot(history.read(options.history / history.HISTORY_NAME)).save(plot, optimize=True)
    print(f"history: {options.history / history.HISTORY_NAME}, plot: {plot}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0: done; 1: something is missing or damaged, said in one sentence."""
    parser = argparse.ArgumentParser(prog="evaluate", description="Measure mini-1.")
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"), help="folder of the atlas")
    parser.add_argument("--weights", type=Path, help="folder of the weights (default: those of the package)")
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="how many held-out prompts")
    parser.add_argument(
        "--list", choices=prompts.LISTS, default="held-out", help="which list; tune on 'tuning' alone"
    )
    parser.add_argument(
        "--parameters", default="", help="more parameters for every prompt, such as '--quality 2'"
    )
    parser.add_argument("--scenes", type=int, default=SCENES, help="how many scenes the scorer learns from")
    parser.add_argument(
        "--out", type=Path, default=Path("docs/pictures"), help="folder for the sheet and the plot"
    )
    parser.add_argument("--history", type=Path, default=Path("docs/model"), help="folder of history.jsonl")
    options = parser.parse_args(arguments)
    if options.prompts < FEWEST:
        parser.error(f"--prompts must be {FEWEST} or more, so that there are 15 captions to mistake each for")
    cv2.setNumThreads(1)
    try:
        _run(options)
    except DarkroomError as fault:
        report(f"evaluate: {fault.message}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
