"""A picture becomes prompts, and a prompt shorter ones. Costs nothing, stores nothing; what policy forbids is not handed out.

Knows neither files nor models: who calls brings the pixels, and has checked that the one who asks may see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from darkroom.core.accounts import Account
from darkroom.core.errors import PromptError
from darkroom.core.ports import WordWeight
from darkroom.core.verdicts import Decision
from darkroom.lifecycle.rooms import Rooms
from darkroom.prompt.prose import words_of
from darkroom.prompt.shorter import shorter_prompts

PROMPTS = 4


@dataclass(frozen=True, kw_only=True)
class Shortened:
    """The weighed words in order, shorter prompts from long to short, and what the one who asked should know."""

    words: tuple[WordWeight, ...]
    prompts: tuple[str, ...]
    notes: tuple[str, ...] = ()


async def describe(rooms: Rooms, account: Account, *, width: int, height: int, rgb: bytes) -> tuple[str, ...]:
    """Up to four different prompts for pixels (rows of 3 bytes each). Raises Unavailable, Exhausted (`rate_limited`)."""
    found = await rooms.describer.describe(width, height, rgb, count=PROMPTS)
    return await _allowed(rooms, account, found)


async def shorten(rooms: Rooms, account: Account, text: str) -> Shortened:
    """Which words of a prompt carry weight, and shorter prompts.

    Raises PromptError (`empty_prompt`) where there are no words, Unavailable, Exhausted (`rate_limited`).
    """
    total = sum(1 for _ in words_of(text))
    if not total:
        raise PromptError(
            "empty_prompt",
            "The prompt has no words that could be weighed.",
            hint="Write a few words, such as: a red fox in the snow.",
        )
    words = await rooms.shortener.weigh(text)
    left_out = total - len(words)
    return Shortened(
        words=words,
        prompts=await _allowed(rooms, account, shorter_prompts(text, words)),
        notes=(f"Only the first {len(words)} of {total} words were weighed.",) if left_out > 0 else (),
    )


async def _allowed(rooms: Rooms, account: Account, prompts: Sequence[str]) -> tuple[str, ...]:
    """Those that could be drawn by the content policy."""
    verdicts = await rooms.checks.run(
        account.id, partial(lambda texts: [rooms.moderator.check([text]) for text in texts], prompts)
    )
    return tuple(
        prompt
        for prompt, verdict in zip(prompts, verdicts, strict=True)
        if verdict.decision is not Decision.BLOCK
    )
