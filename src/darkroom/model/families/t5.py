"""T5 as a reader of prompts (arXiv 1910.10683), which several families share. Knows no family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor


def t5_tokens(tokenizer: object, texts: Sequence[str], length: int) -> Mapping[str, Tensor]:
    """Token ids and mask (B, length); longer texts are cut and keep their end of text."""
    assert callable(tokenizer)
    tokens: Mapping[str, Tensor] = tokenizer(
        list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
    return tokens


def t5_length(tokenizer: object, length: int) -> int:
    """How many tokens a family's texts have: its own number, or fewer where the folder's tokenizer reads fewer."""
    return min(length, int(getattr(tokenizer, "model_max_length", length)))


def t5_unread(tokenizer: object, text: str, length: int) -> int:
    """How many tokens of a text are cut off."""
    assert callable(tokenizer)
    return max(0, len(tokenizer(text, verbose=False)["input_ids"]) - length)
