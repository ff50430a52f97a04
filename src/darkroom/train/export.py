"""Writes the weights that ship: the averaged transformer with the autoencoder in fp16, and the bank of exemplars.

    python -m darkroom.train.export --data .cache/mini --to src/darkroom/model/weights
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from darkroom.model.mini import BANK_NAME, WEIGHTS_FOLDER, WEIGHTS_NAME
from darkroom.model.retrieval import Bank
from darkroom.model.text_encoder import TextEncoder
from darkroom.train import autoencoder
from darkroom.train.autoencoder import to_tensor
from darkroom.train.exemplars import entries, exemplar
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

LARGEST_BYTES = 16_000_000
SET_LICENCES = {
    "fluent-3d": "MIT, Microsoft Fluent Emoji",
    "noto": "Apache-2.0, Google Noto Emoji",
    "fluent-flat": "MIT, Microsoft Fluent Emoji",
    "twemoji": "CC-BY-4.0, Twemoji by Twitter and contributors",
    "emojione": "CC-BY-4.0, EmojiOne 2 by Ranks.com",
    "fxemoji": "Apache-2.0, Firefox OS Emojis by Mozilla",
}


def export(data: Path, to: Path) -> None:
    """Write both files. Asserts that the model keeps to its size."""
    state = torch.load(data / "mini-1" / "state.pt", weights_only=False)
    tensors: dict[str, Tensor] = {f"transformer.{name}": t.half() for name, t in state["average"].items()}
    encoder = autoencoder.load(data)
    tensors |= {f"autoencoder.{name}": t.half() for name, t in encoder.state_dict().items()}
    metadata = {"model": "mini-1", "samples": str(state["samples"]), "licence": "Apache-2.0"}
    save_file({name: t.contiguous() for name, t in tensors.items()}, to / WEIGHTS_NAME, metadata)
    size = (to / WEIGHTS_NAME).stat().st_size
    assert size <= LARGEST_BYTES, f"{size} bytes are more than {LARGEST_BYTES}"
    bank_of(Atlas.load(data), encoder).save(to / BANK_NAME)
    report(f"{WEIGHTS_NAME}: {size} bytes after {state['samples']} samples; {BANK_NAME}: {(to / BANK_NAME).stat().st_size}")


@torch.inference_mode()
def bank_of(atlas: Atlas, encoder: autoencoder.Autoencoder) -> Bank:
    """The bank of all concepts, held-out ones too: the network has never seen those, only their exemplars are new to it."""
    rows = [(*entry, encoder.encode(to_tensor(exemplar(atlas, *entry)[None]))[0]) for entry in entries(atlas)]
    names = {name: (name, concept.plural, *concept.synonyms) for name, concept in atlas.concepts.items()}
    return Bank.build(names=names, entries=rows, text=TextEncoder.load(), licences=SET_LICENCES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--to", type=Path, default=WEIGHTS_FOLDER)
    options = parser.parse_args()
    export(options.data, options.to)


if __name__ == "__main__":
    main()
