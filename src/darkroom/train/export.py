"""Writes the weights that ship: the averaged transformer with the autoencoder in fp16, and the bank of exemplars.

python -m darkroom.train.export --data .cache/mini --to src/darkroom/model/weights
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from darkroom.core.errors import WeightsError
from darkroom.model.autoencoder import Autoencoder
from darkroom.model.mini import BANK_NAME, WEIGHTS_NAME
from darkroom.model.retrieval import Bank
from darkroom.model.text_encoder import WEIGHTS_FOLDER, TextEncoder
from darkroom.train import autoencoder
from darkroom.train.autoencoder import to_tensor
from darkroom.train.composer.places import PLACES
from darkroom.train.composer.words import ART_SETS
from darkroom.train.exemplars import entries, exemplar
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

LARGEST_BYTES = 16_000_000
SET_LICENCES = {
    "fluent-3d": "MIT, Microsoft Fluent Emoji",
    "noto": "Apache-2.0, Google Noto Emoji",
    "fluent-flat": "MIT, Microsoft Fluent Emoji",
    "twemoji": "CC-BY-4.0, Twemoji by Twitter, Inc and other contributors",
    "emojione": "CC-BY-4.0, Emoji One 2.3 by Emoji One and the EmojiTwo contributors",
    "fxemoji": "Apache-2.0, Firefox OS Emojis by Mozilla",
}


def export(data: Path, to: Path) -> None:
    """Write both files. Asserts that the model keeps to its size."""
    state = torch.load(data / "mini-1" / "state.pt", map_location="cpu", weights_only=True)
    encoder = autoencoder.load(data)
    size = write_weights(to / WEIGHTS_NAME, state["average"], encoder, samples=state["samples"])
    bank_of(Atlas.load(data), encoder).save(to / BANK_NAME)
    report(
        f"{WEIGHTS_NAME}: {size} bytes after {state['samples']} samples; {BANK_NAME}: {(to / BANK_NAME).stat().st_size}"
    )


def write_weights(path: Path, average: Mapping[str, Tensor], encoder: Autoencoder, *, samples: int) -> int:
    """Write the file of the model, whole or not at all: the averaged transformer (which may be empty) and the autoencoder
    in fp16. Returns its bytes."""
    tensors = {f"transformer.{name}": tensor for name, tensor in average.items()}
    tensors |= {f"autoencoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    document = {"model": "mini-1", "samples": samples, "licence": "Apache-2.0"}
    metadata = {"weights": json.dumps(document)}  # one entry: the order of several changes from run to run
    content = save({name: tensor.half().cpu().contiguous() for name, tensor in tensors.items()}, metadata)
    assert len(content) <= LARGEST_BYTES, f"{len(content)} bytes are more than {LARGEST_BYTES}"
    partial = path.with_suffix(".part")
    partial.write_bytes(content)
    partial.replace(path)
    return len(content)


def samples_of(weights: Path) -> int:
    """How many samples a file of weights was trained on. Raises WeightsError."""
    try:
        with safe_open(weights, framework="pt") as stored:
            document = json.loads((stored.metadata() or {}).get("weights", "{}"))
    except (OSError, SafetensorError, ValueError) as fault:
        raise WeightsError(f"cannot read the weights {weights}: {fault}") from fault
    return int(document.get("samples", 0))


@torch.inference_mode()
def bank_of(atlas: Atlas, encoder: Autoencoder) -> Bank:
    """The bank of all concepts, held-out ones too: the network has never seen those, only their exemplars are new to it."""
    rows = [(*entry, encoder.encode(to_tensor(exemplar(atlas, *entry)[None]))[0]) for entry in entries(atlas)]
    names = {name: (name, concept.plural, *concept.synonyms) for name, concept in atlas.concepts.items()}
    return Bank.build(
        names=names,
        entries=rows,
        text=TextEncoder.load(),
        licences=SET_LICENCES,
        styles={
            phrase: art_set
            for art_set, medium in ART_SETS.items()
            for phrase in (*medium.tags, *medium.nouns)
        },
        scenery=[phrase for place in PLACES.values() for phrase in place.phrases],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--to", type=Path, default=WEIGHTS_FOLDER)
    options = parser.parse_args()
    export(options.data, options.to)


if __name__ == "__main__":
    main()
