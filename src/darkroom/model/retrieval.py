"""The exemplar bank: which things a prompt names, and a picture of each as a latent.

After Re-Imagen (arXiv 2209.14491, section 3) with a bank of concepts in place of a web index. Knows neither the network
that is shown the exemplars nor where they were drawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from darkroom.core.errors import ModelError, WeightsError
from darkroom.model import phrases
from darkroom.model.rowwise import dequantise_rows, quantise_rows
from darkroom.model.text_encoder import TextEncoder

LEAST_COSINE = 0.61  # between a phrase and a name; below it nothing is retrieved
MATCHES = 3  # exemplars that a prompt gets unless more are asked for
MAX_CANDIDATES = 16  # phrases of one prompt that are looked up by meaning
SCENERY_CONCEPT = -1  # the concept of names that stand for nothing in the bank
FORMAT = "darkroom-bank-1"

NEAREST_ART_SETS: Mapping[str, tuple[str, ...]] = {
    "fluent-3d": ("noto", "emojione", "fluent-flat"),
    "noto": ("emojione", "fluent-flat", "twemoji"),
    "fluent-flat": ("twemoji", "noto", "fxemoji"),
    "twemoji": ("fluent-flat", "noto", "fxemoji"),
    "emojione": ("noto", "fluent-flat", "twemoji"),
    "fxemoji": ("fluent-flat", "twemoji", "noto"),
}
STYLES: Mapping[str, str] = {
    "3d render": "fluent-3d",
    "3d": "fluent-3d",
    "cartoon": "noto",
    "flat vector": "fluent-flat",
    "flat design": "fluent-flat",
    "flat illustration": "fluent-flat",
    "sticker": "twemoji",
    "glossy clip art": "emojione",
    "clip art": "fxemoji",
}


@dataclass(frozen=True, kw_only=True)
class Match:
    """A thing that a prompt names: `prompt[start:end]` is `phrase`. A name of the bank itself scores 1."""

    concept: str
    phrase: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What the bank knows in words; numbers in the tensors point into these lists."""

    concepts: tuple[str, ...]
    art_sets: tuple[str, ...]  # in order of preference
    names: tuple[str, ...]
    licences: Mapping[str, str]  # by art set
    styles: Mapping[str, str]  # phrase -> art set
    scenery: tuple[str, ...]  # phrases in which the name of a thing does not ask for the thing


class Bank:
    """Concepts with their names and exemplars. Immutable after it was built or loaded."""

    def __init__(self, contents: Contents, tensors: Mapping[str, Tensor]) -> None:
        self.contents = contents
        self._tensors = dict(tensors)
        self._name_vectors = dequantise_rows(tensors["name_vectors"], tensors["name_scales"])  # (N, 384)
        self._name_concepts: list[int] = tensors["name_concept"].tolist()
        pairs = zip(tensors["entry_concept"].tolist(), tensors["entry_set"].tolist(), strict=True)
        self._entries = {
            (contents.concepts[concept], contents.art_sets[art_set]): row
            for row, (concept, art_set) in enumerate(pairs)
        }
        self._exact = self._exact_names()
        self._styles = {phrases.key_of(phrase): art_set for phrase, art_set in contents.styles.items()}
        masked = (*phrases.vocabulary().idioms, *contents.scenery)
        self._masked = {phrases.key_of(phrase): phrase for phrase in masked} | self._styles

    @classmethod
    def build(
        cls,
        *,
        names: Mapping[str, Sequence[str]],
        entries: Sequence[tuple[str, str, Tensor]],
        text: TextEncoder,
        licences: Mapping[str, str],
        styles: Mapping[str, str] = STYLES,
        scenery: Iterable[str] = (),
    ) -> Bank:
        """A bank of `entries` (concept, art set, latent (C, h, w)).

        `names` gives each concept's synonyms and plurals (its own name is added), `licences` each art set's licence in
        order of preference, `scenery` phrases of places that mention things without asking for them.
        """
        known = phrases.vocabulary()
        concepts, art_sets = tuple(names), tuple(licences)
        spoken = [
            (name, i)
            for i, concept in enumerate(concepts)
            for name in dict.fromkeys([concept, *names[concept]])
        ]
        spoken += [(phrase, SCENERY_CONCEPT) for phrase in (*known.scenery, *known.kinds)]
        contents = Contents(
            concepts=concepts,
            art_sets=art_sets,
            names=tuple(name for name, _ in spoken),
            licences=dict(licences),
            styles=dict(styles),
            scenery=tuple(scenery),
        )
        latents = torch.stack([latent.float() for _, _, latent in entries])  # (E, C, h, w)
        levels, scales = quantise_rows(latents.flatten(0, 1).flatten(1))
        vectors, vector_scales = quantise_rows(text.sentence(contents.names))
        tensors = {
            "latents": levels.view(latents.shape),
            "latent_scales": scales.view(latents.shape[:2]),
            "entry_concept": torch.tensor([concepts.index(concept) for concept, _, _ in entries]),
            "entry_set": torch.tensor([art_sets.index(art_set) for _, art_set, _ in entries]),
            "name_vectors": vectors,
            "name_scales": vector_scales,
            "name_concept": torch.tensor([concept for _, concept in spoken]),
        }
        return cls(contents, tensors)

    @classmethod
    def load(cls, path: Path) -> Bank:
        """Raises WeightsError for a file that is missing, damaged or no bank."""
        try:
            with safe_open(path, framework="pt") as stored:
                document = json.loads((stored.metadata() or {}).get("bank", "{}"))
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  (no mapping)
        except (OSError, SafetensorError, ValueError, RecursionError) as fault:
            raise WeightsError(f"no exemplar bank can be read from {path}: {fault}") from fault
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise WeightsError(f"{path} is no exemplar bank of the format {FORMAT}")
        try:
            return cls(_contents_of(document), tensors)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as fault:
            raise WeightsError(f"the exemplar bank {path} is damaged: {fault!r}") from fault

    def save(self, path: Path) -> None:
        """Writes one file, whole or not at all; the same bank gives the same bytes."""
        document = {"format": FORMAT, **self.contents.__dict__}
        part = path.with_suffix(".part")
        part.write_bytes(save(self._tensors, metadata={"bank": json.dumps(document, ensure_ascii=False)}))
        part.replace(path)

    def find(self, prompt: str, text: TextEncoder, *, limit: int = MATCHES) -> tuple[Match, ...]:
        """The things that the prompt names, in order of appearance, each concept once.

        Names of the bank come first, the longest first; then phrases by meaning, down to LEAST_COSINE.
        """
        words = phrases.split_words(prompt)
        free = [True] * len(words)
        for first, end, _ in phrases.longest_matches(words, free, self._masked):
            free[first:end] = [False] * (end - first)
        exact = list(phrases.longest_matches(words, free, self._exact))
        named = [False] * len(words)
        for first, end, _ in exact:
            free[first:end] = [False] * (end - first)
            named[first] = True
        found: dict[str, Match] = {}
        for first, end, concept in sorted(exact):
            found.setdefault(concept, _match(prompt, words, first, end, concept, 1.0))
        if len(found) < limit:
            for match in self._by_meaning(prompt, words, phrases.candidates(words, free, named), text):
                found.setdefault(match.concept, match)
        return tuple(sorted(list(found.values())[:limit], key=lambda match: match.start))

    def exemplar(self, concept: str, art_set: str | None) -> Tensor:
        """(C, h, w) fp32 of the concept in the art set, or in the nearest that has it. Raises ModelError."""
        order = dict.fromkeys([*self._nearest(art_set), *self.contents.art_sets])
        for name in order:
            row = self._entries.get((concept, name))
            if row is not None:
                levels = self._tensors["latents"][row]  # (C, h, w)
                scales = self._tensors["latent_scales"][row]  # (C,)
                return dequantise_rows(levels.flatten(1), scales[:, None]).view(levels.shape)
        raise ModelError(f"the bank has no exemplar of {concept!r}")

    def art_set_for(self, prompt: str) -> str | None:
        """The art set whose style words the prompt uses: those of the longest phrase, and of the first among equals."""
        words = phrases.split_words(prompt)
        matches = phrases.longest_matches(words, [True] * len(words), self._styles)
        return next((art_set for _, _, art_set in matches), None)

    def _exact_names(self) -> dict[tuple[str, ...], str]:
        """Names by their words, those of two words also written as one. A concept's own name beats another's synonym."""
        concepts, ambiguous = self.contents.concepts, phrases.vocabulary().ambiguous
        table = {phrases.key_of(concept): concept for concept in concepts}
        for name, index in zip(self.contents.names, self._name_concepts, strict=True):
            key = phrases.key_of(name)
            if index == SCENERY_CONCEPT or (len(key) == 1 and key[0] in ambiguous):
                continue
            table.setdefault(key, concepts[index])
            if len(key) == 2:
                table.setdefault(("".join(key),), concepts[index])
        return table

    def _by_meaning(
        self, prompt: str, words: Sequence[phrases.Word], spans: Sequence[tuple[int, int]], text: TextEncoder
    ) -> list[Match]:
        """Matches without overlaps, the best first."""
        spans = spans[:MAX_CANDIDATES]
        if not spans:
            return []
        spoken = [" ".join(word.text for word in words[first:end]) for first, end in spans]
        scores, nearest = (text.sentence(spoken).cpu() @ self._name_vectors.T).max(dim=1)
        matches: list[Match] = []
        for row in scores.argsort(descending=True, stable=True).tolist():
            score, name = float(scores[row]), int(nearest[row])
            first, end = spans[row]
            if score < LEAST_COSINE:
                break
            if self._name_concepts[name] == SCENERY_CONCEPT or _only_describes(
                spoken[row], self.contents.names[name]
            ):
                continue
            match = _match(
                prompt, words, first, end, self.contents.concepts[self._name_concepts[name]], score
            )
            if all(match.end <= other.start or other.end <= match.start for other in matches):
                matches.append(match)
        return matches

    def _nearest(self, art_set: str | None) -> tuple[str, ...]:
        return () if art_set is None else (art_set, *NEAREST_ART_SETS.get(art_set, ()))


def _match(
    prompt: str, words: Sequence[phrases.Word], first: int, end: int, concept: str, score: float
) -> Match:
    start, stop = words[first].start, words[end - 1].end
    return Match(concept=concept, phrase=prompt[start:stop], start=start, end=stop, score=score)


def _only_describes(phrase: str, name: str) -> bool:
    """Whether the phrase ends in a word that the name has, too, but not as its last: "autumn" and "autumn leaf"."""
    *describing, _ = phrases.key_of(name)
    return any(form in describing for form in phrases.singular_forms(phrases.key_of(phrase)[-1]))


def _contents_of(document: Mapping[str, Any]) -> Contents:
    lists = {key: tuple(document[key]) for key in ("concepts", "art_sets", "names", "scenery")}
    return Contents(**lists, licences=dict(document["licences"]), styles=dict(document["styles"]))
