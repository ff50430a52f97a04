"""What the service draws by lot for a prompt, told to people: style codes of `--sref random`, and seeds. Asks nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from darkroom.core.recipes import Action

if TYPE_CHECKING:
    from darkroom.cli.client import Object

KEPT_SEED = (
    "replay",
    *(each.value for each in (Action.HD, Action.ENHANCE, Action.UPSCALE_SUBTLE, Action.UPSCALE_CREATIVE)),
)
"""Actions that draw with the seed of their image."""
_RANDOM = re.compile(r"--sref\b(?:\s+(?!--)\S+)*?\s+random(?:::\S+)?(?=\s|$)", re.IGNORECASE)
_STYLES = re.compile(r"--sref((?: (?!--)\S+)+)")
_SEED = re.compile(r" --seed [0-9]+")


def drawn_styles(jobs: Sequence[Object]) -> Iterator[str]:
    """A sentence for each job whose style was drawn by lot: how to have it again."""
    for job in jobs:
        found = _STYLES.search(job["prompt"])
        if found and _RANDOM.search(job["source"]):
            which = "" if len(jobs) == 1 else f" of {job['id']}"
            yield f"the style{which} was drawn by lot: `--sref{found[1]}` gives it again"


def undrawn(answer: Object, said: str) -> str:
    """The prompt that a dry run answers with, without what will be drawn anew when it is meant."""
    prompt = str(answer["prompt"])
    if _RANDOM.search(said):
        prompt = _STYLES.sub("--sref random", prompt)
    if answer["action"] in KEPT_SEED or "--seed" in said:
        return prompt
    return _SEED.sub("", prompt)
