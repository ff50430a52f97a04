"""What the service says to programs, said to people: its names of actions and routes as the commands that do them, and the
place of a fault in the text that was typed. Knows sentences only."""

from __future__ import annotations

import re
from collections.abc import Mapping

from darkroom.core.errors import PromptError

COMMANDS: Mapping[str, str] = {
    "POST /api/v1/uploads/fetch": "`darkroom upload ADDRESS`",
    "POST /api/v1/uploads": "`darkroom upload FILE`",
    "upscale_subtle": "`darkroom upscale`",
    "upscale_creative": "`darkroom upscale --creative`",
    "vary_subtle": "`darkroom vary`",
    "vary_strong": "`darkroom vary --strong`",
    "vary_region": "`darkroom region`",
    "zoom_out": "`darkroom zoom`",
    "make_square": "`darkroom zoom --square`",
}
_NAMED = re.compile(rf"(?<![\w'/-])(?:{'|'.join(map(re.escape, COMMANDS))})(?![\w'/-])")
_PLACE = re.compile(r" \(at character [0-9]+\)")


def spoken(sentence: str) -> str:
    """A sentence of the service with commands in place of the API's names; what it quotes of a prompt stays."""
    return _NAMED.sub(lambda found: COMMANDS[found[0]], sentence)


def typed(refusal: PromptError, *, before: int, length: int) -> PromptError:
    """A refusal of a text whose `length` characters were typed and stood behind `before` others: its place counted in what
    was typed, and without a place where the fault is in none of it."""
    if not refusal.position:
        return refusal
    position = refusal.position - before
    if not 1 <= position <= length + 1:  # one behind the last is the end
        position = 0
    place = f" (at character {position})" if position else ""
    message = _PLACE.sub(place, refusal.message, count=1)
    return PromptError(refusal.code, message, position=position, hint=refusal.hint)
