"""A text as words that can be compared: disguises taken off, innocent words left whole.

Each word keeps every reading that a person might see in it, and a term must equal a reading as a whole: so "Scunthorpe", "class" and
"therapist" stay what they are. Knows no term and no policy.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

MAX_READINGS = 32  # of one word
COMPOUND_PIECES = 6  # of a compound that is read as one word
PARTED = "\n"  # no sign and no blank: what stands before the first word
SPELLED_LETTERS = 3  # so many single letters in a row may be a word that was spelled out

# Letters that look Latin, after marks are off: Cyrillic, Greek, and Latin's own rare ones.
_LOOKALIKES = str.maketrans(
    "авеікмнорстухѕјһԁԛԝү" + "αβγεηικμνορςτυχω" + "ıɑɡøłđ",
    "abeikmhopctyxsjhdqwy" + "abyenikuvopstuxw" + "iagold",
)
_SIGNS = {
    "0": "o",
    "1": "il",
    "3": "e",
    "4": "a",
    "5": "s",
    "7": "t",
    "8": "b",
    "9": "g",
    "@": "a",
    "$": "s",
    "!": "i",
    "|": "il",
    "+": "t",
    "€": "e",
    "*": "aeiou",
}
_SIGN = re.compile("[" + re.escape("".join(_SIGNS)) + "]")
# A word, with signs that stand for letters inside it or before it: p0rn, n@ked, $ex, f*ck.
_WORD = re.compile(r"[@$]?[^\W_]+(?:[@$!|+€*]+[^\W_]+)*")
_APOSTROPHE = re.compile(r"['’`](?:s\b)?")
_JOINT = re.compile(r"[-._~·•/\\]{0,3}")
_NUMBERED = re.compile(r"(\d+)([^\W\d_]{2,})")
_RUN = re.compile(r"(.)\1{2,}")


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word and what it may be read as. `plain` is the most likely reading."""

    plain: str
    readings: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class _Piece:
    text: str
    gap: str  # what stands between it and the piece before: a blank, a sign, nothing after a number

    @property
    def joined(self) -> bool:
        """To the piece before, by a hyphen, a dot or the like."""
        return _JOINT.fullmatch(self.gap) is not None


def flatten(text: str) -> str:
    """Compatible forms, lower case, no marks over letters, nothing invisible: the same letters for the same look."""
    text = unicodedata.normalize("NFKC", text).casefold()
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(sign for sign in decomposed if unicodedata.category(sign) not in ("Mn", "Cf", "Me"))


def fold(text: str) -> list[Word]:
    """The words of `text` in order, with their readings."""
    pieces = list(_pieces(flatten(text)))
    words: list[Word] = []
    at = 0
    while at < len(pieces):
        spelled = _spelled(pieces, at)
        if spelled >= SPELLED_LETTERS:
            words.append(_spelled_word([piece.text for piece in pieces[at : at + spelled]]))
            at += spelled
            continue
        words.append(_word(pieces, at))
        at += 1
    return words


def _pieces(flat: str) -> Iterator[_Piece]:
    """Words and the halves of compounds; a number that leads a word is a piece of its own."""
    end = 0
    flat = _APOSTROPHE.sub("", flat)
    for found in _WORD.finditer(flat):
        gap = flat[end : found.start()] if end else PARTED
        word = _latin(found.group())
        numbered = _NUMBERED.fullmatch(word)
        if numbered:
            yield _Piece(text=numbered.group(1), gap=gap)
            yield _Piece(text=numbered.group(2), gap="")
        else:
            yield _Piece(text=word, gap=gap)
        end = found.end()


def _latin(word: str) -> str:
    """Cyrillic and Greek letters that look Latin become Latin, where that leaves no other script in the word."""
    if word.isascii():
        return word
    turned = word.translate(_LOOKALIKES)
    return turned if turned.isascii() else word


def _spelled(pieces: list[_Piece], start: int) -> int:
    """How many single letters follow each other from `start`, always with the same blank or sign between them."""
    end = start
    while end < len(pieces) and len(pieces[end].text) == 1:
        gap = pieces[end].gap
        if end > start and not (gap == pieces[start + 1].gap and (gap == " " or pieces[end].joined)):
            break
        end += 1
    return end - start


def _spelled_word(letters: list[str]) -> Word:
    """n u d e; an article before it ("a n u d e") may belong to it or not."""
    whole = "".join(letters)
    readings = _readings(whole) | (_readings(whole[1:]) if whole[0] in "ai" else frozenset())
    return Word(plain=whole, readings=readings)


def _word(pieces: list[_Piece], at: int) -> Word:
    """A piece, and the compound that it opens: por-n is read as por and as porn."""
    text = pieces[at].text
    readings = _readings(text)
    compound, end = text, at + 1
    while end < min(len(pieces), at + COMPOUND_PIECES) and pieces[end].joined:
        compound += pieces[end].text
        end += 1
        readings |= _readings(compound)
    return Word(plain=text, readings=readings)


def _readings(word: str) -> frozenset[str]:
    """The word, with signs read as letters, and with drawn-out letters once or twice."""
    found = {word}
    if _SIGN.search(word) and not word.isdigit():
        choices = [_SIGNS.get(sign, sign) for sign in word]
        for letters in product(*choices):
            found.add("".join(letters))
            if len(found) >= MAX_READINGS:
                break
    for drawn in [reading for reading in found if _RUN.search(reading)]:
        found |= {_RUN.sub(r"\1", drawn), _RUN.sub(r"\1\1", drawn)}
    return frozenset(found)
