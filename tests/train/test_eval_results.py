"""The examination over stand-ins whose answers are known, the table, the history, the plot and the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.train import evaluate
from darkroom.train.evaluation import examination, history, lessons, prompts
from darkroom.train.evaluation.examination import Examiner, Pair
from darkroom.train.evaluation.facts import ATTRIBUTES
from darkroom.train.evaluation.prompts import Question
from darkroom.train.evaluation.results import Results, row, table
from darkroom.train.evaluation.sheet import COLUMNS, RIGHT, WRONG, Entry, contact_sheet
from darkroom.train.evaluation.statistics import Estimate, estimate
from darkroom.train.sprites import Atlas


class PlainEyes:
    """Cells that are the picture's own coarse pixels."""

    def cells(self, pictures: NDArray[np.uint8]) -> Tensor:
        coarse = pictures.reshape(len(pictures), 16, 4, 16, 4, 3).mean((2, 4))
        return torch.from_numpy(coarse).float().reshape(len(pictures), 16, -1)


class KnowingJudge:
    """Knows what picture each caption ought to have, and says how near to it a picture is."""

    def __init__(self, atlas: Atlas) -> None:
        self.concepts = tuple(atlas.concepts)
        self.known: dict[int, Tensor] = {}

    def fits(self, cells: Tensor, words: Tensor) -> Tensor:
        wanted = torch.stack([self.known.get(int(w), torch.full_like(cells[0], 1e4)) for w in words])
        return -torch.cdist(cells.flatten(1), wanted.flatten(1))

    def sees(self, cells: Tensor) -> dict[str, Tensor]:
        blank = {name: torch.zeros(len(cells), len(values)) for name, values in ATTRIBUTES.items()}
        return {"things": torch.zeros(len(cells), len(self.concepts)), **blank}

    def point(self, cells: Tensor) -> Tensor:
        return cells.flatten(1)[:, ::48]


@pytest.fixture
def examiner(drawn_atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> Examiner:
    """Words are a number for each text; the judge has been told the real scene of every question."""
    numbers: dict[str, int] = {}

    def numbered(texts: Sequence[str], text: object) -> Tensor:
        return torch.tensor([numbers.setdefault(each, len(numbers)) for each in texts])

    monkeypatch.setattr(examination, "word_vectors", numbered)
    judge, eyes = KnowingJudge(drawn_atlas), PlainEyes()
    for asked in (
        prompts.held_out(drawn_atlas, 24, "held-out"),
        prompts.zero_shot(drawn_atlas, 20, "held-out"),
    ):
        cells = eyes.cells(examination.real_scenes(asked, drawn_atlas))
        for number, each in zip(numbered([q.text for q in asked], None).tolist(), cells, strict=True):
            judge.known[number] = each
    return Examiner(judge=judge, eyes=eyes, text=None, atlas=drawn_atlas)  # type: ignore[arg-type]


def perfect(atlas: Atlas, questions: Sequence[Question], images: int) -> NDArray[np.uint8]:
    """An artist that draws what the composer would, and grey for free prompts."""
    if questions[0].spec is None:
        return np.full((len(questions), images, 64, 64, 3), 128, np.uint8)
    return np.stack([examination.real_scenes(questions, atlas, turn=turn) for turn in range(images)], 1)


def test_a_perfect_artist_reaches_the_ceiling(examiner: Examiner) -> None:
    results, entries = evaluate.evaluate(
        examiner, lambda q, n: perfect(examiner.atlas, q, n), count=24, name="held-out"
    )
    assert results.held_out.drawn.mean == 1.0 and results.held_out.of_ceiling is not None
    assert results.held_out.of_ceiling.mean == results.held_out.of_ceiling.low == 1.0
    assert results.held_out.wrong.mean < 0.2
    assert results.zero_shot is not None and results.zero_shot.drawn.mean == 1.0
    assert results.composition.drawn.mean == results.composition.real.mean == 1.0
    assert results.object_retrieval.drawn.mean == 1.0 and "zero-shot object" in results.attributes
    assert results.distances.drawn == pytest.approx(0, abs=1e-6) and results.distances.real > 0
    assert results.diversity.drawn == results.diversity.real
    assert results.copying.drawn == results.copying.real
    assert results.copying.real.mean > results.copying.other.mean
    assert len(entries) == 24 and all(entry.right for entry in entries)


def test_a_grey_artist_fails_and_is_no_copyist(examiner: Examiner) -> None:
    def grey(questions: Sequence[Question], images: int) -> NDArray[np.uint8]:
        return np.full((len(questions), images, 64, 64, 3), 128, np.uint8)

    results, entries = evaluate.evaluate(examiner, grey, count=24, name="held-out")
    assert results.held_out.drawn.mean < 0.3 and not all(entry.right for entry in entries)
    assert results.copying.drawn.mean == -1.0
    assert results.diversity.drawn.mean == 0 < results.diversity.real.mean
    assert results.distances.drawn > results.distances.real


def test_another_turn_lays_the_same_things_out_anew(drawn_atlas: Atlas) -> None:
    asked = prompts.held_out(drawn_atlas, 3, "held-out")
    first, again, other = (examination.real_scenes(asked, drawn_atlas, turn=turn) for turn in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_lessons_differ_by_chunk_and_show_everything(
    drawn_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "CHUNK", 60)
    specs, captions = lessons.chunk_specs(0, drawn_atlas)
    assert (specs, captions) == lessons.chunk_specs(0, drawn_atlas)
    assert len(specs) == len(captions) == 60
    assert specs != lessons.chunk_specs(1, drawn_atlas)[0]


def test_the_fingerprint_changes_with_the_art(drawn_atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "CHUNK", 20)
    own = lessons.fingerprint(drawn_atlas)
    assert own == lessons.fingerprint(drawn_atlas) and len(own) == 12
    monkeypatch.setattr(lessons, "pictures_of", lambda specs, atlas: np.zeros(4))
    assert lessons.fingerprint(drawn_atlas) != own


@pytest.fixture
def results() -> Results:
    half, full, nothing = (estimate(np.array(values, float)) for values in ([1, 0, 1, 0], [1, 1, 1, 1], []))
    found = examination.Retrieval(
        drawn=half, real=full, wrong=half, of_ceiling=half, of_ceiling_above_chance=half, each=np.ones(4)
    )
    return Results(
        held_out=found, zero_shot=None, free=replace(found, real=None, of_ceiling=None, of_ceiling_above_chance=None),
        composition=Pair(drawn=half, real=full), object_retrieval=Pair(drawn=half, real=full),
        attributes={"object": Pair(drawn=half, real=full)},
        distances=examination.Distances(drawn=30.5, real=2.25), diversity=Pair(drawn=half, real=full),
        copying=examination.Copying(drawn=nothing, real=full, other=half),
    )  # fmt: skip


def test_the_table_names_every_figure(results: Results) -> None:
    text = table(results)
    for name in (
        "1 of 16, held-out (4)",
        "1 of 16, free (4)",
        "another object",
        "1 of 8",
        "object (4)",
        "Frechet",
        "within a grid",
        "likeness",
    ):
        assert name in text
    assert "50.0 [0 to 100]" in text and "30.50" in text and "zero-shot" not in text


def test_the_row_is_flat_and_can_be_stored(results: Results) -> None:
    found = row(results)
    assert found["held-out retrieval"] == 0.5 and found["free retrieval"] == 0.5 and found["object"] == 0.5
    assert found["exemplar likeness drawn"] is None  # no case: nan has no place in JSON
    assert all(value is None or isinstance(value, float) for value in found.values())


def test_the_history_keeps_one_line_for_the_same_weights(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "history.jsonl"
    first = {"weights": "aa", "list": "held-out", "prompts": 32, "samples": 10, "object": 0.1}
    history.append(path, first)
    history.append(path, {**first, "object": 0.2})
    history.append(path, {**first, "weights": "bb", "samples": 20})
    kept = history.read(path)
    assert [(r["weights"], r["object"]) for r in kept] == [("aa", 0.2), ("bb", 0.1)]
    assert history.read(tmp_path / "none.jsonl") == []


def test_the_plot_draws_what_is_there() -> None:
    rows = [{"list": "held-out", "samples": n * 1000, "object": n / 10, "place": None} for n in range(1, 6)]
    empty, full = np.asarray(history.plot([])), np.asarray(history.plot(rows))
    red = np.array(history.CURVES["object"])
    legend_only = int((empty == red).all(-1).sum())
    assert int((full == red).all(-1).sum()) > legend_only + 100
    tuning = [{**each, "list": "tuning"} for each in rows]
    assert np.array_equal(np.asarray(history.plot(tuning)), empty)


def test_the_sheet_shows_verdicts_and_captions() -> None:
    picture = np.full((64, 64, 3), 200, np.uint8)
    entries = [
        Entry(picture=picture, text="a fox " * 40, right=i % 2 == 0, seen=i % 2 == 0)
        for i in range(COLUMNS + 1)
    ]
    page = np.asarray(contact_sheet(entries, "a title"))
    greens, reds = ((page == np.array(colour)).all(-1).sum() for colour in (RIGHT, WRONG))
    assert greens > reds > 0
    assert (page < 100).any()


def test_too_few_prompts_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["--prompts", "5"])
    assert stop.value.code == 2
    assert "--prompts must be 20 or more" in capsys.readouterr().err


def test_a_missing_atlas_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--data", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "no usable sprite atlas" in said and "Traceback" not in said


def test_an_estimate_is_compared_by_value() -> None:
    assert Estimate(mean=1, low=0, high=1, cases=2) == Estimate(mean=1, low=0, high=1, cases=2)
