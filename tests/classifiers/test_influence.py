"""Leave-one-out: the words that a sentence turns on weigh most, wherever they stand."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from darkroom.classifiers.influence import PIECE_WORDS, WORDS_MAX, LeaveOneOut, pieces
from darkroom.classifiers.text import OnnxTextEmbedder
from darkroom.core.errors import ModerationUnavailable
from darkroom.prompt.prose import words_of


class Bag:
    """A text's vector counts its letters f, o, x; what is asked for is kept."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.threads: set[str] = set()

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        self.asked.append(list(texts))
        self.threads.add(threading.current_thread().name)
        return [(1.0, *(10.0 * text.count(letter) for letter in "fox")) for text in texts]


class Broken:
    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        raise ModerationUnavailable


@pytest.fixture(scope="module")
def real() -> LeaveOneOut:
    return LeaveOneOut(OnnxTextEmbedder.load())


async def test_words_keep_their_places_and_the_heaviest_is_one() -> None:
    text = "big fox, red hen --ar 3:2"
    words = await LeaveOneOut(Bag()).weigh(text)
    assert [word.word for word in words] == ["big", "fox", "red", "hen"]
    assert all(text[word.start : word.end] == word.word for word in words)
    assert max(words, key=lambda word: word.weight).word == "fox"
    assert max(word.weight for word in words) == 1
    assert all(0 <= word.weight <= 1 for word in words)


async def test_each_word_is_left_out_once_and_links_are_never_read() -> None:
    bag = Bag()
    await LeaveOneOut(bag).weigh("https://host/x.png big fox::2 --ar 3:2")
    assert bag.asked == [["big fox", "fox", "big"]]


async def test_the_work_is_done_in_a_thread_of_its_own() -> None:
    bag = Bag()
    await LeaveOneOut(bag).weigh("fox")
    assert all(name.startswith("weighing") for name in bag.threads)


@pytest.mark.parametrize("text", ["", "--ar 3:2", ", , ,"])
async def test_no_words(text: str) -> None:
    assert await LeaveOneOut(Bag()).weigh(text) == ()


async def test_one_word_matters_most() -> None:
    (word,) = await LeaveOneOut(Bag()).weigh("fox")
    assert word.weight == 1


async def test_a_long_text_is_weighed_in_pieces_and_only_so_far() -> None:
    bag = Bag()
    words = await LeaveOneOut(bag).weigh("hen " * 400 + "fox")
    assert len(words) == WORDS_MAX
    assert max(len(texts) for texts in bag.asked) <= PIECE_WORDS + 8
    assert sum(len(texts) - 1 for texts in bag.asked) == WORDS_MAX


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [1]), (24, [24]), (25, [25]), (31, [31]), (32, [24, 8]), (48, [24, 24]), (50, [24, 26])],
)
def test_pieces_hold_every_word_once(count: int, sizes: list[int]) -> None:
    words = list(words_of("fox " * count))
    found = pieces(words)
    assert [len(piece) for piece in found] == sizes
    assert [match for piece in found for match in piece] == words


async def test_the_subject_outweighs_the_little_words(real: LeaveOneOut) -> None:
    words = {each.word: each.weight for each in await real.weigh("a very old penguin in the kitchen")}
    assert words["penguin"] > words["kitchen"] > words["very"] > words["in"]
    assert max(words["a"], words["in"], words["the"], words["very"]) < 0.2
    assert words["penguin"] == 1


async def test_an_encoder_that_fails_is_said() -> None:
    with pytest.raises(ModerationUnavailable):
        await LeaveOneOut(Broken()).weigh("fox")
