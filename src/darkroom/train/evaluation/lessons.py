"""The scenes that the evaluation's own eyes learn from: real composer scenes, all things and all combinations among them.

They share no seed with the model's training nor with any list of prompts. Features, words and facts are kept in chunks, each of
which depends on its number alone, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.model.text_encoder import WIDTH, TextEncoder
from darkroom.train.composer import SceneSpec, Split, caption, full_caption, render, sample_spec
from darkroom.train.evaluation.facts import Facts, facts_of
from darkroom.train.evaluation.features import Eyes
from darkroom.train.evaluation.prompts import with_thing
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

SCENES = 20_000
CHUNK = 500
SEED = 40_417
PICTURE_PX = 64
SPLITS = ((Split.TRAIN, 0.78), (Split.HELD_OUT, 0.15), (Split.ZERO_SHOT, 0.07))
"""What the scenes are drawn from. The judge must know what it judges, so nothing is held out from it."""
FULL_SHARE = 0.6  # of captions: the canonical wording, as in the lists of prompts
PROBED, PROBES = 999, 60
"""The chunk whose scenes the fingerprint looks at, and how many of them it renders."""
WORDS = 44  # tokens of a caption
TEXTS = 50  # in one pass of the encoder


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Scenes as the eyes see them, with their captions' words and their facts."""

    cells: Tensor  # (N, 16, CHANNELS) fp16
    words: Tensor  # (N, WORDS, 384) fp16, zero where there is no word
    facts: tuple[Facts, ...]

    def __len__(self) -> int:
        return len(self.facts)


def lessons(folder: Path, scenes: int, *, atlas: Atlas, eyes: Eyes, text: TextEncoder) -> Lessons:
    """The first `scenes` scenes, rounded up to whole chunks; those that are missing are made and kept."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for number in range(-(-scenes // CHUNK)):
        if not (folder / f"lessons-{number:03d}.npz").exists():
            make_chunk(folder, number, atlas, eyes, text)
            report(f"evaluation: scene {(number + 1) * CHUNK} of {scenes} seen")
        parts.append(read_chunk(folder, number))
    return Lessons(
        cells=torch.cat([part.cells for part in parts]),
        words=torch.cat([part.words for part in parts]),
        facts=tuple(each for part in parts for each in part.facts),
    )


def fingerprint(atlas: Atlas) -> str:
    """Twelve characters that change with the atlas, the painters or the wording: a digest of some scenes and their captions."""
    specs, captions = chunk_specs(PROBED, atlas)
    digest = hashlib.sha256("\n".join(captions).encode())
    digest.update(pictures_of(specs[:PROBES], atlas).tobytes())
    return digest.hexdigest()[:12]


def chunk_specs(number: int, atlas: Atlas) -> tuple[list[SceneSpec], list[str]]:
    """The scenes of a chunk and their captions."""
    rng = np.random.default_rng([SEED, number])
    odds = [share for _, share in SPLITS]
    specs, captions = [], []
    for choice in rng.choice(len(SPLITS), CHUNK, p=odds):
        split = SPLITS[choice][0]
        spec = sample_spec(rng, atlas, split=split) if rng.random() < 0.5 else with_thing(rng, atlas, split)
        specs.append(spec)
        captions.append(full_caption(spec, atlas) if rng.random() < FULL_SHARE else caption(spec, atlas, rng))
    return specs, captions


def make_chunk(folder: Path, number: int, atlas: Atlas, eyes: Eyes, text: TextEncoder) -> None:
    """Render, look, read, and write one file, whole or not at all."""
    specs, captions = chunk_specs(number, atlas)
    words = word_vectors(captions, text)
    facts = json.dumps([asdict(facts_of(spec)) for spec in specs])
    path = folder / f"lessons-{number:03d}.npz"
    partial = path.with_suffix(".part.npz")
    np.savez(
        partial,
        cells=eyes.cells(pictures_of(specs, atlas)).numpy(),
        words=words.numpy()[words.numpy().any(-1)],
        lengths=words.numpy().any(-1).sum(1),
        facts=np.array(facts),
    )
    partial.replace(path)


def read_chunk(folder: Path, number: int) -> Lessons:
    with np.load(folder / f"lessons-{number:03d}.npz") as arrays:
        lengths = arrays["lengths"]
        words = np.zeros((len(lengths), WORDS, WIDTH), np.float16)
        words[np.arange(WORDS)[None] < lengths[:, None]] = arrays["words"]
        rows = json.loads(str(arrays["facts"]))
        cells = torch.from_numpy(arrays["cells"])
    facts = tuple(Facts(**{**row, "concepts": tuple(row["concepts"])}) for row in rows)
    return Lessons(cells=cells, words=torch.from_numpy(words), facts=facts)


def pictures_of(specs: Sequence[SceneSpec], atlas: Atlas) -> NDArray[np.uint8]:
    """(N, 64, 64, 3): what the composer makes of scenes."""
    return np.stack([render(spec, atlas, width=PICTURE_PX, height=PICTURE_PX) for spec in specs])


@torch.inference_mode()
def word_vectors(texts: Sequence[str], text: TextEncoder) -> Tensor:
    """Token vectors (N, WORDS, 384) fp16 of captions, zero where there is no word; encoded in batches of like length."""
    vectors = torch.zeros(len(texts), WORDS, WIDTH, dtype=torch.float16)
    _, present = text.tokenize(texts, length=WORDS)
    order = present.sum(1).argsort(stable=True).tolist()
    for start in range(0, len(order), TEXTS):
        rows = order[start : start + TEXTS]
        length = int(present[rows].sum(1).max())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            tokens, _ = text.encode([texts[row] for row in rows], length=length)
        vectors[rows, :length] = tokens.half()
    return vectors
