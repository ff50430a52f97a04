"""MiniLM-L6: a text becomes token vectors for cross-attention, or one sentence vector for retrieval.

The network of `all-MiniLM-L6-v2` (arXiv 2002.10957) from converted weights. It knows no prompt language and no cache;
it imports no model library, because that would cost more time than the network itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from torch import Tensor, nn

from darkroom.core.errors import WeightsError
from darkroom.model.rowwise import dequantise_rows

TEXT_TOKENS = 48  # the text length that mini-1 is trained and run with
MAX_TOKENS = 256  # positions kept by the conversion
MAX_CHARACTERS = 8192  # of one text; what lies beyond could never reach MAX_TOKENS in any prose
SENTENCE_TOKENS = 64
SENTENCE_BATCH = 64  # texts in one pass

VOCABULARY = 30522
WIDTH = 384
HEADS = 12
LAYERS = 6
HIDDEN = 1536
NORM_EPS = 1e-12

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
WEIGHTS_FILE = "text-encoder.safetensors"
TOKENIZER_FILE = "tokenizer.json"
SCALE_SUFFIX = ".scale"


class Linear(nn.Linear):
    """A linear layer whose weights always come from a file: none are drawn, which is most of a load's time."""

    def reset_parameters(self) -> None:
        """Left as allocated."""


class Embedding(nn.Embedding):
    """An embedding table whose rows always come from a file."""

    def reset_parameters(self) -> None:
        """Left as allocated."""


class Layer(nn.Module):
    """A BERT layer: norms after the sums."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = Linear(WIDTH, 3 * WIDTH)
        self.out = Linear(WIDTH, WIDTH)
        self.attention_norm = nn.LayerNorm(WIDTH, eps=NORM_EPS)
        self.up = Linear(WIDTH, HIDDEN)
        self.down = Linear(HIDDEN, WIDTH)
        self.mlp_norm = nn.LayerNorm(WIDTH, eps=NORM_EPS)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = (
            self.qkv(x).view(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        )  # (B, H, L, D)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = self.attention_norm(x + self.out(mixed.transpose(1, 2).reshape(batch, length, WIDTH)))
        y: Tensor = self.mlp_norm(x + self.down(F.gelu(self.up(x))))
        return y  # (B, L, 384)


class TextEncoder(nn.Module):
    """Frozen text encoder. A text's vectors depend on its batch company by no more than float noise."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.tokens = Embedding(VOCABULARY, WIDTH)
        self.positions = Embedding(MAX_TOKENS, WIDTH)  # holds the embedding of token type 0, too
        self.norm = nn.LayerNorm(WIDTH, eps=NORM_EPS)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Reads the weights from `folder` (default: those of the package), as fp32 on the CPU. Raises WeightsError."""
        folder = WEIGHTS_FOLDER if folder is None else folder
        tokenizer = _read_tokenizer(folder / TOKENIZER_FILE)
        encoder = cls(tokenizer)
        weights = read_weights(folder / WEIGHTS_FILE)
        try:
            encoder.load_state_dict(weights, assign=True)
        except RuntimeError as fault:
            raise WeightsError(f"{folder / WEIGHTS_FILE} does not hold the text encoder: {fault}") from fault
        return encoder.eval().requires_grad_(False)

    def tokenize(self, texts: Sequence[str], *, length: int) -> tuple[Tensor, Tensor]:
        """Ids (B, L) int64 and mask (B, L) bool, cut (keeping the end mark) or padded to `length` tokens."""
        if not 2 <= length <= MAX_TOKENS:
            raise ValueError(f"a text length of {length} tokens: it must be from 2 to {MAX_TOKENS}")
        ids = torch.zeros(len(texts), length, dtype=torch.int64)
        mask = torch.zeros(len(texts), length, dtype=torch.bool)
        for row, text in enumerate(texts):
            tokens = self._tokens_of(text)
            if len(tokens) > length:
                tokens = [*tokens[: length - 1], tokens[-1]]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = True
        return ids, mask

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Ids (B, L) int64, mask (B, L) bool -> token vectors (B, L, 384); those of padding are zero."""
        positions = self.positions.weight[: ids.shape[1]]  # (L, 384)
        x: Tensor = self.norm(self.tokens(ids) + positions)  # (B, L, 384)
        for layer in self.layers:
            x = layer(x, mask)
        return x * mask[:, :, None]

    @torch.no_grad()
    def encode(self, texts: Sequence[str], *, length: int) -> tuple[Tensor, Tensor]:
        """Token vectors (B, L, 384) fp32 and mask (B, L) bool, on the encoder's device."""
        ids, mask = (part.to(self.norm.weight.device) for part in self.tokenize(texts, length=length))
        return self(ids, mask).float(), mask

    @torch.no_grad()
    def sentence(self, texts: Sequence[str]) -> Tensor:
        """(B, 384) fp32: mean of the token vectors, L2-normalised, for retrieval."""
        rows = [torch.zeros(0, WIDTH, device=self.norm.weight.device)]
        for start in range(0, len(texts), SENTENCE_BATCH):
            chunk = texts[start : start + SENTENCE_BATCH]
            longest = max(len(self._tokens_of(text)) for text in chunk)
            vectors, mask = self.encode(chunk, length=min(longest, SENTENCE_TOKENS))
            rows.append(F.normalize(vectors.sum(dim=1) / mask.sum(dim=1, keepdim=True), dim=1))
        return torch.cat(rows)

    def _tokens_of(self, text: str) -> list[int]:
        """Token ids with start and end marks. Lone surrogates, which no tokeniser takes, become question marks."""
        safe = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self.tokenizer.encode(safe).ids
        return ids


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state dict in fp32 from a file of row-wise int8 matrices and plain vectors. Raises WeightsError."""
    weights: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as stored:
            names = set(stored.keys())
            for name in sorted(names):
                if name.endswith(SCALE_SUFFIX):
                    continue
                tensor = stored.get_tensor(name)
                scaled = name + SCALE_SUFFIX in names
                weights[name] = (
                    dequantise_rows(tensor, stored.get_tensor(name + SCALE_SUFFIX))
                    if scaled
                    else tensor.float()
                )
    except (OSError, SafetensorError, RuntimeError, LookupError) as fault:
        raise WeightsError(f"no text encoder can be read from {path}: {fault}") from fault
    return weights


def _read_tokenizer(path: Path) -> Tokenizer:
    try:
        text = path.read_text(encoding="utf-8")
        json.loads(
            text
        )  # the tokeniser's own reader raises a bare Exception, which nobody should have to catch
    except (OSError, ValueError) as fault:
        raise WeightsError(f"no tokeniser can be read from {path}: {fault}") from fault
    return Tokenizer.from_str(text)
