"""Reads the values of parameters: text in, checked numbers and links out. Knows no model and no other parameter."""

from __future__ import annotations

import re

from darkroom.core.errors import PromptError
from darkroom.core.params import SEED_MAX, Aspect, Reference
from darkroom.prompt.faults import fault, shown
from darkroom.prompt.lexer import Given, check_prose, missing
from darkroom.prompt.links import is_link, read_link
from darkroom.prompt.source import Text
from darkroom.prompt.table import Takes

ENTRIES_MAX = 100  # of `--no`; each is moderated on its own
REFERENCES_MAX = 16  # images or codes of one parameter
DIGITS_MAX = 20  # of a number worth reading; anything longer is out of every range
STYLE_WEIGHT_RANGE = (0.001, 1_000.0)
RANDOM_STYLE = "random"

_INTEGER = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]{0,6})?|\.[0-9]{1,6})")
_ASPECT = re.compile(r"([0-9]+):([0-9]+)")
_ASPECT_MEANT = re.compile(r"([0-9]+)[x×/,;.-]([0-9]+)", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STYLE_CODE = re.compile(r"[0-9]+")
_WEIGHTED = re.compile(r"(.+?)(?:::([-+.0-9]*))?", re.DOTALL)


def read_flag(given: Given | None) -> bool:
    """Whether a flag is given. PromptError where anything follows it."""
    if given and given.words:
        what = f'"{shown(given.words[0].chars)}" follows {given.name.chars}, which takes no value'
        raise fault(
            "invalid_parameter",
            what,
            at=given.words[0].at,
            hint="Parameters come last: move it in front of the first.",
        )
    return given is not None


def read_integer(given: Given | None, default: int) -> int:
    """A whole number within the range of the parameter."""
    if given is None:
        return default
    word = only_word(given)
    if not _INTEGER.fullmatch(word.chars):
        raise _invalid(given, "is not a whole number", _range_hint(given))
    digits = word.chars.lstrip("+-").lstrip("0")
    value = float("inf") if len(digits) > DIGITS_MAX else int(digits or "0")
    return int(_within(given, -value if word.chars.startswith("-") else value))


def read_decimal(given: Given | None, default: float) -> float:
    """A number of at most six decimals, within the range of the parameter."""
    if given is None:
        return default
    word = only_word(given)
    if not _DECIMAL.fullmatch(word.chars):
        raise _invalid(given, "is not a number of at most six decimals", _range_hint(given))
    return _within(given, float(word.chars))


def read_choice(given: Given | None, default: str) -> str:
    """One of the parameter's choices, as the table spells it; numbers are compared as numbers (`.5` is `0.5`)."""
    if given is None:
        return default
    word = only_word(given).chars.lower()
    for choice in given.parameter.choices:
        if word == choice or (_DECIMAL.fullmatch(word) and float(word) == _number_or_nan(choice)):
            return choice
    choices = given.parameter.choices
    either = f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]
    raise _invalid(
        given,
        "is not something that can be chosen",
        f"Use {given.parameter.name} {either}.".replace("  ", " "),
    )


def read_aspect(given: Given | None) -> Aspect:
    """W:H in lowest terms; how wide it may be is the model's to say."""
    if given is None:
        return Aspect(width=1, height=1)
    word = only_word(given).chars
    parsed, meant = _ASPECT.fullmatch(word), _ASPECT_MEANT.fullmatch(word)
    if not parsed:
        hint = f"Try --ar {meant[1]}:{meant[2]}." if meant else "Try --ar 16:9."
        raise _invalid(given, "is not a ratio of two whole numbers", shown(hint))
    sides = [side.lstrip("0") for side in parsed.groups()]
    if not all(sides):
        raise _invalid(given, "has a side of length 0", "Try --ar 1:1.")
    if max(map(len, sides)) > DIGITS_MAX:
        raise _invalid(given, "has too many digits", "Try --ar 16:9.")
    return Aspect.of(int(sides[0]), int(sides[1]))


def read_list(given: Given | None) -> tuple[str, ...]:
    """The entries between the commas; commas inside quotes do not separate."""
    if given is None:
        return ()
    entries: list[str] = []
    for entry in _split_at_commas(given.words):
        if len(entries) == ENTRIES_MAX:
            what = f"{shown(entry[0].chars)} is one more than the {ENTRIES_MAX} entries that {given.parameter.name} may have"
            raise fault("invalid_parameter", what, at=entry[0].at, hint="Leave some away.")
        check_prose(entry[0])
        for word in entry:
            if "::" in word.mask:
                what = f"{shown(word.chars)} has a weight, but what {given.parameter.name} lists has none"
                raise fault("invalid_parameter", what, at=word.at, hint="Leave the :: away.")
        entries.append(" ".join(word.collapsed for word in entry))
    if not entries:
        raise missing(given)
    return tuple(entries)


def read_identifier(given: Given | None) -> str | None:
    """An id, "" for a parameter without a value, None where it is not given."""
    if given is None or not given.words:
        return None if given is None else ""
    word = only_word(given)
    if not _IDENTIFIER.fullmatch(word.chars):
        raise _invalid(given, "is not an id", f"Ids are letters, digits, _ and -: {given.parameter.example}.")
    return word.chars


def read_link_value(given: Given | None) -> str | None:
    """One link; None where it is not given."""
    return None if given is None else read_link(only_word(given))


def read_references(given: Given | None) -> tuple[Reference, ...]:
    """Links; for styles also numeric codes and `random`, each with a weight after `::`."""
    if given is None:
        return ()
    if not given.words:
        raise missing(given)
    if len(given.words) > REFERENCES_MAX:
        word = given.words[REFERENCES_MAX]
        what = (
            f"{shown(word.chars)} is one more than the {REFERENCES_MAX} that {given.parameter.name} may have"
        )
        raise fault("invalid_parameter", what, at=word.at, hint="Leave some away.")
    read = _style if given.parameter.takes is Takes.STYLES else _image
    return tuple(read(given, i) for i in range(len(given.words)))


def only_word(given: Given) -> Text:
    """The word after a parameter's name. PromptError where there is none, or text after it."""
    if not given.words:
        raise missing(given)
    if len(given.words) > 1:
        raise _text_after(given, 1)
    return given.words[0]


def _style(given: Given, i: int) -> Reference:
    word = given.words[i]
    weighted = _WEIGHTED.fullmatch(word.chars)
    assert weighted, "a word is never empty"
    source = word.cut(0, weighted.end(1))
    weight = 1.0 if weighted[2] is None else _style_weight(word, weighted[2])
    if is_link(source):
        return Reference(source=read_link(source), weight=weight)
    if source.chars.lower() == RANDOM_STYLE:
        return Reference(source=RANDOM_STYLE, weight=weight)
    if not _STYLE_CODE.fullmatch(source.chars):
        raise (
            _text_after(given, i)
            if i
            else _invalid(given, "is no link, code or random", f"Try {given.parameter.example}.")
        )
    code = source.chars.lstrip("0") or "0"
    if len(code) > DIGITS_MAX or int(code) > SEED_MAX:
        what = f"{shown(source.chars)} is above {SEED_MAX}, the largest style code"
        raise fault("invalid_parameter", what, at=word.at, hint=f"Use a code from 0 to {SEED_MAX}.")
    return Reference(source=code, weight=weight)


def _style_weight(word: Text, digits: str) -> float:
    low, high = STYLE_WEIGHT_RANGE
    if not _DECIMAL.fullmatch(digits) or len(digits) > DIGITS_MAX or not low <= float(digits) <= high:
        what = f"{shown(word.chars)} has no weight from {low:g} to {high:g} after its ::"
        raise fault("invalid_parameter", what, at=word.at, hint="Try ::2.")
    return float(digits)


def _image(given: Given, i: int) -> Reference:
    word = given.words[i]
    if not is_link(word):
        raise (
            _text_after(given, i)
            if i
            else fault(
                "invalid_link",
                f"{given.shown} is no link to an image",
                at=given.at,
                hint=f"Try {given.parameter.example}.",
            )
        )
    return Reference(source=read_link(word))


def _split_at_commas(words: tuple[Text, ...]) -> list[list[Text]]:
    entries: list[list[Text]] = [[]]
    for word in words:
        start = 0
        for i, char in enumerate(word.mask + ","):
            if char != ",":
                continue
            if i > start:
                entries[-1].append(word.cut(start, i))
            if i < len(word.mask):
                entries.append([])
            start = i + 1
    return [entry for entry in entries if entry]


def _within(given: Given, value: float) -> float:
    low, high = given.parameter.low, given.parameter.high
    if value < low:
        raise _invalid(given, f"is below {low:g}", _range_hint(given))
    if value > high:
        raise _invalid(given, f"is above {int(high)}", _range_hint(given))
    return value


def _range_hint(given: Given) -> str:
    kind = "whole number" if given.parameter.takes is Takes.INTEGER else "number"
    low, high = int(given.parameter.low), int(given.parameter.high)
    rest = f", or leave {given.parameter.name} away for a random one" if given.parameter.key == "seed" else ""
    return f"Use a {kind} from {low} to {high}{rest}."


def _number_or_nan(choice: str) -> float:
    return float(choice) if _DECIMAL.fullmatch(choice) else float("nan")


def _text_after(given: Given, i: int) -> PromptError:
    word = given.words[i]
    before = shown(" ".join(w.chars for w in (given.name, *given.words[:i])))
    what = f'"{shown(word.chars)}" comes after {before}, but parameters come last'
    return fault("invalid_parameter", what, at=word.at, hint="Move it in front of the first parameter.")


def _invalid(given: Given, what: str, hint: str) -> PromptError:
    return fault("invalid_parameter", f"{given.shown} {what}", at=given.at, hint=hint)
