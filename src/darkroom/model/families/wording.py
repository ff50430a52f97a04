"""Which texts a prompt puts before a model, with which weights, and how several become one. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.core.params import GenerationParams, PromptPart
from darkroom.model.denoiser import Encoded

WORDLESS = PromptPart(text="", weight=1.0)


def positive_texts(params: GenerationParams) -> tuple[tuple[str, float], ...]:
    """The texts that a picture should show, with weights that sum to 1; the empty text where there are no words."""
    parts = [part for part in params.parts if part.weight > 0] or list(params.parts[:1]) or [WORDLESS]
    total = sum(part.weight for part in parts)
    return tuple((part.text, part.weight / total if total > 0 else 1 / len(parts)) for part in parts)


def negative_text(params: GenerationParams) -> str:
    """What it should not show: the entries of `--no` and the parts of negative weight, as one text."""
    return ", ".join([*params.negative, *(part.text for part in params.parts if part.weight < 0)])


def blended(texts: Sequence[tuple[Encoded, float]]) -> Encoded:
    """The weighted mean of texts, tensor by tensor in fp32; of masks (whole numbers, booleans) the union."""
    if len(texts) == 1:
        return texts[0][0]

    def mixed(name: str) -> Tensor:
        tensors = [(encoded[name], weight) for encoded, weight in texts]
        first = tensors[0][0]
        if not first.is_floating_point():
            return torch.stack([tensor for tensor, _ in tensors]).amax(0)
        total = torch.zeros_like(first, dtype=torch.float32)
        for tensor, weight in tensors:
            total += tensor.float() * weight
        return total.to(first.dtype)

    return {name: mixed(name) for name in texts[0][0]}
