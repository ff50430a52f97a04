"""New words for a job that is there: what the new text names replaces the old, all else stays. Knows no image and no action."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.errors import PromptError
from darkroom.core.params import GenerationParams
from darkroom.prompt import permutations
from darkroom.prompt.canonical import escaped, format_prompt
from darkroom.prompt.lexer import Given, lex
from darkroom.prompt.links import is_link
from darkroom.prompt.parser import STORED, BatchLimits, parse
from darkroom.prompt.source import Text, check_readable
from darkroom.prompt.table import EXCLUSIVE, PROMPT_MAX

ONE_JOB = BatchLimits(jobs=1, characters=STORED.characters)

_PLACE = re.compile(r" \(at character [0-9]+\)")


def reworded(
    text: str,
    kept: GenerationParams,
    *,
    catalogue: ModelCatalogue,
    new_seed: Callable[[], int] | None = None,
) -> GenerationParams:
    """The job of `text`, which must be one. What it does not name is as in `kept`: parameters, and the image prompts where it has none.

    The seed is `new_seed`'s where `text` names none. Raises PromptError, with the places of `text`.
    """
    check_readable(text, PROMPT_MAX)
    body, given = lex(_first(text))
    images = "" if body.words and is_link(body.words[0]) else _images(kept)
    whole = " ".join((images + text, *_left(replace(kept, seed=None), named=set(given))))
    try:
        return parse(whole, catalogue=catalogue, limits=ONE_JOB, new_seed=new_seed)[0]
    except PromptError as error:
        raise _placed(error, error.position - len(images), len(text)) from error


def stored(text: str, *, catalogue: ModelCatalogue) -> GenerationParams:
    """A job's canonical text, read back. PromptError without a place, where its model is gone or no longer honours it."""
    try:
        return parse(text, catalogue=catalogue, limits=STORED)[0]
    except PromptError as error:
        raise _placed(error, 0, 0) from error


def checked(params: GenerationParams, *, catalogue: ModelCatalogue) -> GenerationParams:
    """The parameters as they will be read back. PromptError without a place, where their model cannot honour them."""
    return stored(format_prompt(params), catalogue=catalogue)


def _left(kept: GenerationParams, *, named: set[str]) -> list[str]:
    """The parameters of `kept` as text, without those that are named or excluded by one that is."""
    gone = named.union(*(keys for keys in EXCLUSIVE if named.intersection(keys)))
    given = lex(_first(format_prompt(kept)))[1]
    return [_text_of(each) for key, each in given.items() if key not in gone]


def _images(kept: GenerationParams) -> str:
    return "".join(f"{reference.source} " for reference in kept.image_prompts)


def _text_of(given: Given) -> str:
    return escaped(" ".join(word.chars for word in (given.name, *given.words)))


def _first(text: str) -> Text:
    """The first of the prompts that the braces of a text stand for."""
    return next(iter(permutations.expand(permutations.read_braces(text))))


def _placed(error: PromptError, position: int, characters: int) -> PromptError:
    """The error with the place where the user typed what is wrong; without any where the fault is in what was kept."""
    if 1 <= position <= characters:
        message = _PLACE.sub(f" (at character {position})", error.message, count=1)
        return PromptError(error.code, message, position=position, hint=error.hint)
    return PromptError(error.code, _PLACE.sub("", error.message, count=1), hint=error.hint)
