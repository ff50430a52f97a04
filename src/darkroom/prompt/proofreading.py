"""Everything that is surely wrong with a prompt, for whoever types it: the fault that `parse` stops at, and others beside it.

What could be an echo of another fault (a weight whose reference is misspelt) is left out until that is mended.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.errors import PromptError
from darkroom.prompt.body import Body, read_body
from darkroom.prompt.lexer import Given, body_of, read_given, runs
from darkroom.prompt.parser import BatchLimits, expanded, read_params, read_repeat
from darkroom.prompt.source import Text
from darkroom.prompt.support import choose_model, unsupported

FAULTS_MAX = 20  # that are told at once
READ_MAX = 8  # permutations: what is wrong with more of them is rarely something else

_NO_BODY = Body(images=(), parts=(), images_at=0, weights_at=0)


def proofread(
    first: PromptError, text: str, *, catalogue: ModelCatalogue, limits: BatchLimits
) -> tuple[PromptError, ...]:
    """`first`, which `parse` raised for this text, with what else is wrong, in the order of their places; one for each place."""
    found = {first.position: first}
    try:
        texts = expanded(text, limits)[:READ_MAX]
    except PromptError:
        return (first,)
    for error in chain.from_iterable(_faults(each, catalogue) for each in texts):
        found.setdefault(error.position, error)
        if len(found) == FAULTS_MAX:
            break
    return tuple(found[at] for at in sorted(found))


def _faults(text: Text, catalogue: ModelCatalogue) -> Iterator[PromptError]:
    """Of one prompt without braces: what its parameters say each for itself, its body, and what its model does not take."""
    given: dict[str, Given] = {}
    named = True
    for name, after in runs(text.words):
        try:
            each = read_given(name, after)
            given.setdefault(each.parameter.key, each)
            _read_alone(each)
        except PromptError as error:
            yield error
    body = _NO_BODY
    try:
        body = read_body(body_of(text))
        model = choose_model(given, catalogue)
    except PromptError as error:
        named = False
        yield error
    if named:
        yield from unsupported(given, body, model, catalogue)


def _read_alone(given: Given) -> None:
    alone = {given.parameter.key: given}
    read_params(alone, _NO_BODY)
    read_repeat(alone)
