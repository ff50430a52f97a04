"""The judge: it learns what there is to learn, and its file is its own."""

from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom.core.errors import WeightsError
from darkroom.model.text_encoder import WIDTH
from darkroom.train.evaluation import judge as judge_module
from darkroom.train.evaluation.facts import Facts
from darkroom.train.evaluation.features import CHANNELS
from darkroom.train.evaluation.heads import TextHead
from darkroom.train.evaluation.judge import Judge, load_judge, train_judge
from darkroom.train.evaluation.lessons import WORDS, Lessons

CONCEPTS = ("apple", "car", "fox", "house")


def toy(scenes: int, seed: int) -> Lessons:
    """Each concept at each of two places has its own direction in cells and in words, under noise."""
    patterns = torch.Generator().manual_seed(9)
    marks, terms = (
        torch.randn(8, 16, CHANNELS, generator=patterns),
        torch.randn(8, 2, WIDTH, generator=patterns),
    )
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 8, (scenes,), generator=generator)
    cells = marks[kind] + 0.5 * torch.randn(scenes, 16, CHANNELS, generator=generator)
    words = torch.zeros(scenes, WORDS, WIDTH)
    words[:, :2] = terms[kind] + 0.1 * torch.randn(scenes, 2, WIDTH, generator=generator)
    facts = tuple(
        Facts(
            concepts=(CONCEPTS[k % 4],), count="1", colour="red" if k % 2 else "", backdrop="",
            place="meadow" if k < 4 else "sea", time="", style="noto",
        )
        for k in kind.tolist()
    )  # fmt: skip
    return Lessons(cells=cells.half(), words=words.half(), facts=facts)


@pytest.fixture(scope="module")
def judge() -> Judge:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge_module, "BATCH", 32)  # more steps for less
        return train_judge(toy(192, 0), CONCEPTS, epochs=5)


def test_it_tells_fresh_scenes_apart(judge: Judge) -> None:
    fresh = toy(64, 1)
    fits = judge.fits(fresh.cells, fresh.words)
    assert fits.shape == (64, 64)
    same = torch.tensor(
        [[a.concepts == b.concepts and a.place == b.place for b in fresh.facts] for a in fresh.facts]
    )
    assert fits[same].mean() > fits[~same].mean() + 0.3
    kinds = [CONCEPTS.index(facts.concepts[0]) for facts in fresh.facts]
    seen = judge.sees(fresh.cells)
    assert (seen["things"].argmax(1) == torch.tensor(kinds)).float().mean() > 0.9
    assert seen["place"].argmax(1).unique().numel() == 2


def test_it_comes_back_from_its_file(judge: Judge, tmp_path: Path) -> None:
    judge.save(tmp_path / "scorer.safetensors", "recipe")
    again = load_judge(tmp_path / "scorer.safetensors", "recipe")
    assert again is not None and again.concepts == CONCEPTS
    fresh = toy(5, 2)
    assert torch.equal(again.fits(fresh.cells, fresh.words), judge.fits(fresh.cells, fresh.words))
    assert torch.equal(again.point(fresh.cells), judge.point(fresh.cells))
    assert torch.equal(again.sees(fresh.cells)["place"], judge.sees(fresh.cells)["place"])


def test_a_judge_of_another_recipe_is_not_taken(judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "scorer.safetensors"
    assert load_judge(path, "recipe") is None
    judge.save(path, "recipe")
    assert load_judge(path, "another atlas") is None


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scorer.safetensors").write_bytes(b"\0" * 40)
    with pytest.raises(WeightsError, match="delete it"):
        load_judge(tmp_path / "scorer.safetensors", "recipe")


def test_the_same_lessons_give_the_same_judge() -> None:
    one, two = (train_judge(toy(64, 0), CONCEPTS, epochs=1) for _ in range(2))
    fresh = toy(4, 1)
    assert torch.equal(one.fits(fresh.cells, fresh.words), two.fits(fresh.cells, fresh.words))


def test_distances_keep_the_widest_directions(judge: Judge) -> None:
    points = judge.point(toy(300, 3).cells)
    deviation = points.std(0)
    assert points.shape[1] == 64 and deviation[0] > 3 * deviation[-1]


def test_padding_does_not_change_a_caption() -> None:
    torch.manual_seed(0)
    head = TextHead().eval()
    words = torch.randn(1, 6, WIDTH)
    longer = torch.zeros(2, 20, WIDTH)
    longer[0, :6], longer[1] = words[0], torch.randn(20, WIDTH)
    assert torch.allclose(head(words)[0], head(longer)[0], atol=1e-5)
    assert np.isfinite(head(torch.zeros(1, 5, WIDTH)).detach().numpy()).all()
