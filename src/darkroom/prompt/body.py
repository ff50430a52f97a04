"""What stands before the parameters: image prompts, then words with weights. Knows no parameter's meaning and no model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from darkroom.core.params import PromptPart, Reference
from darkroom.prompt.faults import fault, shown
from darkroom.prompt.lexer import check_prose
from darkroom.prompt.links import is_link, read_link
from darkroom.prompt.source import Text

PARTS_MAX = 64  # each is encoded on its own
WEIGHT_DIGITS_MAX = 40  # characters of one weight
WEIGHT_DECIMALS = 12  # of a normalised weight
NORMALISED_MAX = 1_000_000  # beyond it the weights all but cancel out
ONE = Fraction(2, 10**9)  # so near to 1 a sum is 1, and the weights are left as they are

# The number belongs to the `::` only where a word ends after it: `hot::2 dog` has a weight, `cat::3D render` has none.
_WEIGHT = re.compile(r"::(?:([-+−–]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?=[\s,;!?)]|::|$))?")


@dataclass(frozen=True, kw_only=True)
class Body:
    """`images_at` and `weights_at` are the places of the first image prompt and the first `::`; 0 where there is none."""

    images: tuple[Reference, ...]
    parts: tuple[PromptPart, ...]
    images_at: int
    weights_at: int


def read_body(body: Text) -> Body:
    """The images and the weighted words of a prompt. PromptError for bad links and weights that make no sense."""
    words = body.words
    images = 0
    while images < len(words) and is_link(words[images]):
        images += 1
    prose = body.cut(body.spans[images - 1][1]) if images else body
    _check_links(prose)
    weight_marks = _WEIGHT.search(prose.mask)
    return Body(
        images=tuple(Reference(source=read_link(word)) for word in words[:images]),
        parts=_parts(prose),
        images_at=words[0].at if images else 0,
        weights_at=prose.origin[weight_marks.start()] if weight_marks else 0,
    )


def _parts(prose: Text) -> tuple[PromptPart, ...]:
    texts: list[Text] = []
    weights: list[Fraction] = []
    start = 0
    for mark in _WEIGHT.finditer(prose.mask):
        texts.append(prose.cut(start, mark.start()).trimmed())
        weights.append(_weight(prose.cut(*mark.span()), mark[1]))
        if not texts[-1].chars:
            what = f'"{shown(mark[0])}" is a weight without words in front of it'
            raise fault(
                "invalid_parameter", what, at=prose.origin[mark.start()], hint="Write words::2 more words."
            )
        start = mark.end()
    rest = prose.cut(start).trimmed()
    if rest.chars:
        texts.append(rest)
        weights.append(Fraction(1))
    if len(texts) > PARTS_MAX:
        what = f'"{shown(texts[PARTS_MAX].chars)}" is one more than the {PARTS_MAX} weighted parts that a prompt may have'
        raise fault("invalid_parameter", what, at=texts[PARTS_MAX].at, hint="Join some of them.")
    for text in texts:
        _check_links(text)
        check_prose(text)
    return tuple(
        PromptPart(text=text.collapsed, weight=weight)
        for text, weight in zip(texts, _normalised(texts, weights), strict=True)
    )


def _weight(mark: Text, digits: str | None) -> Fraction:
    if digits is None:
        return Fraction(1)
    if len(digits) > WEIGHT_DIGITS_MAX:
        what = f"{shown(mark.chars)} has too many digits"
        raise fault("invalid_parameter", what, at=mark.at, hint=f"Use at most {WEIGHT_DIGITS_MAX}.")
    return Fraction(digits.replace("−", "-").replace("–", "-"))


def _normalised(texts: list[Text], weights: list[Fraction]) -> list[float]:
    total = sum(weights, Fraction(0))
    if texts and total <= 0:
        what = f'The weights sum to {float(total):g}, beginning with "{shown(texts[0].chars)}", but their sum must be positive'
        raise fault("invalid_parameter", what, at=texts[0].at, hint="Raise a weight.")
    rounded = [round(weight, WEIGHT_DECIMALS) for weight in weights]
    if abs(sum(rounded, Fraction(0)) - 1) > ONE:
        rounded = [round(weight / total, WEIGHT_DECIMALS) for weight in weights]
    if any(abs(weight) > NORMALISED_MAX for weight in rounded):
        what = f'The weights, beginning with "{shown(texts[0].chars)}", all but cancel out'
        raise fault("invalid_parameter", what, at=texts[0].at, hint="Raise a positive weight.")
    return [float(weight) for weight in rounded]


def _check_links(text: Text) -> None:
    for word in text.words:
        if is_link(word):
            what = f"{shown(word.chars)} comes after words, but image prompts come first"
            raise fault(
                "invalid_link",
                what,
                at=word.at,
                hint="Move it to the front, or put it in quotes to have it lettered.",
            )
