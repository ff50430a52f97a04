"""Sentence vectors by the text encoder that ships with the package, on ONNX Runtime: no torch in the process.

The same vectors as TextEncoder.sentence of darkroom.model. Knows no policy; what vectors are compared with is not its business.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from darkroom.classifiers.onnx_graph import Array, serialise
from darkroom.classifiers.sessions import RUNTIME_ERRORS, Session
from darkroom.classifiers.text_graph import sentence_graph, unpack_rows
from darkroom.core.errors import ModerationUnavailable

SENTENCE_TOKENS = 64  # of a text, with its marks; what lies beyond is not read
MAX_CHARACTERS = 8192
BATCH = 32  # texts in one run
CACHED_TEXTS = 1024  # some 12 KB each

WEIGHTS_FOLDER = Path(__file__).parents[1] / "model" / "weights"
WEIGHTS_FILE = "text-encoder.safetensors"
TOKENIZER_FILE = "tokenizer.json"

RUN_ERRORS: tuple[type[Exception], ...] = (LookupError, *RUNTIME_ERRORS)
LOAD_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    LookupError,
    SafetensorError,
    *RUNTIME_ERRORS,
)

Vector = tuple[float, ...]


class OnnxTextEmbedder:
    """A TextEmbedder on one core. Threads may share it."""

    def __init__(
        self, session: Session, tokenizer: Tokenizer, weights: dict[str, Array], *, cached: int
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._weights = weights
        self._cached = cached
        self._cache: OrderedDict[str, Vector] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def load(cls, folder: Path | None = None, *, cached: int = CACHED_TEXTS) -> Self:
        """Reads `folder` (default: the weights of the package). Raises ModerationUnavailable where it can't be read."""
        folder = WEIGHTS_FOLDER if folder is None else folder
        try:
            weights = _read_weights(folder / WEIGHTS_FILE)
            tokenizer = _read_tokenizer(folder / TOKENIZER_FILE)
            session = Session(serialise(sentence_graph(weights)))
            embedding = {
                name: weights[name] for name in weights if name.startswith(("tokens.", "positions."))
            }
            embedder = cls(session, tokenizer, embedding, cached=cached)
            embedder._run([""])
        except LOAD_ERRORS as fault:
            raise ModerationUnavailable(
                f"No text encoder can be read from {folder}, so no prompt can be checked: {fault}"
            ) from fault
        return embedder

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """A unit vector of 384 for each text, in order. Raises ModerationUnavailable."""
        found = self._remembered(texts)
        missing = sorted({text for text in texts if text not in found}, key=len)
        for start in range(0, len(missing), BATCH):
            chunk = missing[start : start + BATCH]
            try:
                vectors = self._run(chunk)
            except RUN_ERRORS as fault:
                raise ModerationUnavailable(
                    f"The text encoder failed, so no prompt can be checked: {fault}"
                ) from fault
            found.update(zip(chunk, vectors))
        self._remember({text: found[text] for text in missing})
        return [found[text] for text in texts]

    def _run(self, texts: Sequence[str]) -> list[Vector]:
        ids = [self._tokens_of(text) for text in texts]
        length = max(len(row) for row in ids)
        padded = np.zeros((len(ids), length), np.int64)
        mask = np.zeros((len(ids), length), np.int32)
        for row, tokens in enumerate(ids):
            padded[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        x = self._rows("tokens", padded) + self._rows("positions", np.arange(length))  # (B, L, 384)
        vectors = self._session.run({"x": x, "mask": mask})
        if not np.isfinite(vectors).all():  # a likeness that is no number would be under every threshold
            raise ModerationUnavailable(
                "The text encoder makes no numbers of this text, so it cannot be checked: its weights are damaged."
            )
        return [tuple(row) for row in vectors.tolist()]

    def _rows(self, name: str, ids: Array) -> Array:
        levels, scale = self._weights[f"{name}.weight"], self._weights[f"{name}.weight.scale"]
        return unpack_rows(levels[ids], scale[ids])

    def _tokens_of(self, text: str) -> list[int]:
        """Token ids with start and end marks, as the encoder's own: lone surrogates become question marks."""
        safe = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(safe).ids
        return ids if len(ids) <= SENTENCE_TOKENS else [*ids[: SENTENCE_TOKENS - 1], ids[-1]]

    def _remembered(self, texts: Sequence[str]) -> dict[str, Vector]:
        with self._lock:
            found = {text: self._cache[text] for text in texts if text in self._cache}
            for text in found:
                self._cache.move_to_end(text)
        return found

    def _remember(self, vectors: dict[str, Vector]) -> None:
        with self._lock:
            self._cache.update(vectors)
            while len(self._cache) > self._cached:
                self._cache.popitem(last=False)


def _read_weights(path: Path) -> dict[str, Array]:
    with safe_open(path, framework="np") as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a mapping


def _read_tokenizer(path: Path) -> Tokenizer:
    text = path.read_text(encoding="utf-8")
    json.loads(text)  # the tokeniser's own reader raises a bare Exception, which nobody should have to catch
    return Tokenizer.from_str(text)
