"""What families share whose prompts a language model reads: texts keep lengths of their own, in a few steps.

Padding every text to the longest allowed would make short prompts pay for long ones at every step; without any padding
hardly two images would share a pass. Knows no network that draws.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.core.params import GenerationParams
from darkroom.model.denoiser import Encoded, Given, Prepared
from darkroom.model.families.family import Family

TEXT_LENGTHS = (128, 256, 512)
"""Tokens that the rows of a class have; the texts of an image take the least that holds them all. The rest is masked."""
TOO_LONG = (
    "{name} reads {limit} word pieces of a prompt, and this one has as many or more: its end was not read"
)


class ReadByLanguageModel(Family):
    """A family whose texts become {"text": (L, D), "mask": (L,) bool}; L is one of TEXT_LENGTHS."""

    GRID: ClassVar[int] = 2
    MASKED: ClassVar[bool] = True
    TEXTS_PER_PASS: ClassVar[int] = 2  # a prompt and what it should not show: the models are large
    PREFIX: ClassVar[int] = 0
    """Tokens at the start of every text, the template's, of which the network sees nothing."""

    @abstractmethod
    def tokens(self, text: str) -> list[int]:
        """The ids of a text in its template, however many."""

    @abstractmethod
    def read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """What the language model makes of ids (B, L) and their mask (B, L): states (B, L, D)."""

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        """Texts of one length share passes, so that none is longer for another's sake."""
        groups: dict[int, list[str]] = {}
        for text in dict.fromkeys(texts):
            groups.setdefault(self._length(text), []).append(text)
        encoded: dict[str, Encoded] = {}
        for some in groups.values():
            encoded |= zip(some, super().encode(some), strict=True)
        return [encoded[text] for text in texts]

    def encode_pass(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        """Padded at the end, where nothing before can see it; what it became is put to 0."""
        length = self.PREFIX + max(self._length(text) for text in texts)
        rows = [self.tokens(text)[:length] for text in texts]
        pad = int(getattr(self.parts.tokenizers["tokenizer"], "pad_token_id", None) or 0)
        ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows], device=self.device)
        counts = torch.tensor([len(row) for row in rows], device=self.device)
        mask = torch.arange(length, device=self.device) < counts[:, None]  # (B, PREFIX + L)
        states, mask = self.read(ids, mask)[:, self.PREFIX :], mask[:, self.PREFIX :]
        return {"text": states.masked_fill(~mask[:, :, None], 0.0), "mask": mask}

    def prepare(
        self,
        params: GenerationParams,
        *,
        index: int,
        encoded: Mapping[str, Encoded] | None = None,
        given: Given | None = None,
    ) -> Prepared:
        texts = self.texts(params)
        if encoded is None:
            encoded = dict(zip(texts, self.encode(texts), strict=True))
        length = max(len(encoded[text]["mask"]) for text in texts)
        evened = {text: _padded(encoded[text], length) for text in texts}
        return super().prepare(params, index=index, encoded=evened, given=given)

    def unread(self, text: str) -> int:
        return max(0, len(self.tokens(text)) - self.PREFIX - TEXT_LENGTHS[-1])

    def _length(self, text: str) -> int:
        """The least of TEXT_LENGTHS that holds a text, PREFIX aside; the greatest where none does, and it is cut."""
        count = len(self.tokens(text)) - self.PREFIX
        return next((length for length in TEXT_LENGTHS if length >= count), TEXT_LENGTHS[-1])


def _padded(text: Encoded, length: int) -> Encoded:
    missing = length - len(text["mask"])
    return {"text": F.pad(text["text"], (0, 0, 0, missing)), "mask": F.pad(text["mask"], (0, missing))}
