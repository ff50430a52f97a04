"""Whether a prompt may be drawn: the words of the policy first, then the likeness in meaning to what it forbids.

The model that knows meanings is a port. Knows no job, no user and no picture.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from math import dist
from threading import Lock

from darkroom.core.errors import ModerationUnavailable
from darkroom.core.params import GenerationParams
from darkroom.core.ports import TextEmbedder
from darkroom.core.verdicts import Decision, Verdict
from darkroom.moderation.folding import fold
from darkroom.moderation.policy import Meaning, Policy
from darkroom.moderation.terms import TermFinder

CACHED_VERDICTS = 4096
MAX_CHARACTERS = (
    24_000  # of one text; prompts are far shorter, and what is longer is not judged by its beginning
)
MAX_WHOLE_WORDS = (
    24  # of a text whose meaning is looked up at once; a longer one is also looked up piece by piece
)
WINDOW_WORDS = 16
WINDOW_STEP_WORDS = 12
MAX_WINDOWS = 40
SCORE_DIGITS = 4
CERTAIN = 1.0  # the score of a term that stands there

_SPACE = re.compile(r"\s+")
# What a picture is of decides, not that it is one: the frame would make all framed texts alike.
_FRAME = re.compile(
    r"^(?:(?:an?|the|one)\s+)?(?:\w+\s+)?(?:picture|photo|photograph|image|drawing|painting|illustration|sketch|render|portrait)\s+"
    r"(?:of|showing|with|that shows)\s+(?=\S)",
    re.IGNORECASE,
)

Vector = tuple[float, ...]


def texts_of(params: GenerationParams) -> list[str]:
    """What is checked of a job: the whole, each part, and each entry of `--no`, each on its own."""
    texts = [params.text, *(part.text for part in params.parts), *params.negative]
    return [text for text in dict.fromkeys(texts) if text.strip()]


class PromptModerator:
    """Checks texts against one policy. Threads may share it."""

    def __init__(self, policy: Policy, embedder: TextEmbedder) -> None:
        self.policy = policy
        self._embedder = embedder
        self._finders = [(category.name, TermFinder(category)) for category in policy.categories]
        self._meanings = {
            category.name: category.meaning for category in policy.categories if category.meaning
        }
        self._exemplars: Mapping[str, Sequence[Vector]] = {}
        self._benign: Sequence[Vector] = ()
        self._verdicts: OrderedDict[str, Verdict] = OrderedDict()
        self._lock = Lock()

    def warm(self) -> None:
        """Looks up what texts are compared with (some 0.3 s, once). Raises ModerationUnavailable."""
        if self._exemplars or not self._meanings:
            return
        exemplars = {
            name: self._embedder.embed(meaning.exemplars) for name, meaning in self._meanings.items()
        }
        self._benign = self._embedder.embed(self.policy.benign)
        self._exemplars = exemplars

    def check(self, texts: Sequence[str]) -> Verdict:
        """The gravest verdict on any of `texts`, or leave. Raises ModerationUnavailable, and then nothing may be drawn."""
        wanted = dict.fromkeys(_SPACE.sub(" ", text).strip() for text in texts)
        if any(len(text) > MAX_CHARACTERS for text in wanted):
            raise ModerationUnavailable(
                f"A text of more than {MAX_CHARACTERS:,} characters can't be checked."
            )
        found = self._remembered(wanted)
        fresh = {text: self._by_terms(text) for text in wanted if text not in found}
        found.update(self._by_meaning([text for text, verdict in fresh.items() if verdict is None]))
        found.update({text: verdict for text, verdict in fresh.items() if verdict is not None})
        self._remember({text: found[text] for text in fresh})
        return self._gravest([found[text] for text in wanted])

    def remembered(self, texts: Sequence[str]) -> Verdict | None:
        """What `check` would say where it judged each of `texts` not long ago; None where it would have to look.

        It costs no more than a few look-ups, so an event loop may call it.
        """
        wanted = dict.fromkeys(_SPACE.sub(" ", text).strip() for text in texts)
        found = self._remembered(wanted)
        return self._gravest([found[text] for text in wanted]) if len(found) == len(wanted) else None

    def _by_terms(self, text: str) -> Verdict | None:
        words = fold(text)
        for name, finder in self._finders:
            term = finder.find(words)
            if term:
                return self._block(name, matched=f"the words: {term}", scores={name: CERTAIN})
        return None

    def _by_meaning(self, texts: Sequence[str]) -> dict[str, Verdict]:
        """Verdicts on texts that hold no term, with one run of the model for all of them."""
        if not texts or not self._meanings:
            return {text: self._allow({}) for text in texts}
        self.warm()
        windows = {text: list(_windows(_FRAME.sub("", text))) for text in texts}
        pieces = list(dict.fromkeys(piece for parts in windows.values() for piece in parts))
        judged = dict(zip(pieces, map(self._judge, self._embedder.embed(pieces))))
        return {text: self._gravest([judged[piece] for piece in windows[text]]) for text in texts}

    def _judge(self, vector: Vector) -> Verdict:
        benign = _likeness(vector, self._benign)
        scores = {name: _likeness(vector, self._exemplars[name]) for name in self._meanings}
        for name, meaning in self._meanings.items():
            if _is_like(meaning, scores[name], benign):
                return self._block(name, matched=f"the meaning: {scores[name]:.2f}", scores=scores)
        return self._allow(scores)

    def _gravest(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The block of the gravest category, else an allowance with the highest score of each category."""
        order = {category.name: rank for rank, category in enumerate(self.policy.categories)}
        blocked = [verdict for verdict in verdicts if verdict.blocked]
        if blocked:
            return min(blocked, key=lambda verdict: order[verdict.category])
        scores: dict[str, float] = {}
        for verdict in verdicts:
            for name, score in verdict.scores.items():
                scores[name] = max(score, scores.get(name, score))
        return self._allow(scores)

    def _block(self, category: str, *, matched: str, scores: Mapping[str, float]) -> Verdict:
        return Verdict(
            decision=Decision.BLOCK,
            policy=self.policy.version,
            category=category,
            matched=matched,
            scores=scores,
        )

    def _allow(self, scores: Mapping[str, float]) -> Verdict:
        return Verdict(decision=Decision.ALLOW, policy=self.policy.version, scores=scores)

    def _remembered(self, texts: Mapping[str, None]) -> dict[str, Verdict]:
        with self._lock:
            found = {text: self._verdicts[text] for text in texts if text in self._verdicts}
            for text in found:
                self._verdicts.move_to_end(text)
        return found

    def _remember(self, verdicts: Mapping[str, Verdict]) -> None:
        with self._lock:
            self._verdicts.update(verdicts)
            while len(self._verdicts) > CACHED_VERDICTS:
                self._verdicts.popitem(last=False)


def _is_like(meaning: Meaning, score: float, benign: float) -> bool:
    return score >= meaning.threshold and score - benign >= meaning.margin


def _likeness(vector: Vector, others: Sequence[Vector]) -> float:
    """The highest cosine, from the smallest distance of unit vectors: one call in C, a quarter of the time of a product."""
    if not others:
        return 0.0
    nearest = min(map(dist, others, [vector] * len(others)))
    return round(1 - nearest * nearest / 2, SCORE_DIGITS)


def _windows(text: str) -> Iterator[str]:
    """The text, and stretches of a long one: what stands in one corner of it must not be thinned out by the rest."""
    yield text
    words = text.split(" ")
    if len(words) <= MAX_WHOLE_WORDS:
        return
    for start in range(0, min(len(words), MAX_WINDOWS * WINDOW_STEP_WORDS), WINDOW_STEP_WORDS):
        yield " ".join(words[start : start + WINDOW_WORDS])
