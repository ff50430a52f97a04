"""Writes the picture embedder that ships: folded convolutions in int8 by row, the words' vectors, and the vocabulary of prompts.

python -m darkroom.train.describe.export --data .cache/mini --to src/darkroom/model/weights
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from darkroom.model.text_encoder import WEIGHTS_FOLDER
from darkroom.train.composer import PALETTE, PLACES
from darkroom.train.composer import words as spoken
from darkroom.train.composer.palette import colour, oklab
from darkroom.train.describe.learn import STATE_NAME, concept_vectors
from darkroom.train.describe.network import BLOCKS, Block, Conv, PictureEmbedder
from darkroom.train.evaluation.facts import ATTRIBUTES
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

WEIGHTS_NAME = "picture-embedder.safetensors"
FORMAT = "darkroom-picture-embedder-1"
LARGEST_BYTES = 4_000_000
LEVELS = 127


def export(data: Path, to: Path) -> None:
    """Write the file. Asserts that it keeps to its size."""
    state = torch.load(data / STATE_NAME, map_location="cpu", weights_only=True)
    network = PictureEmbedder()
    network.load_state_dict(state["network"])
    size = write_weights(to / WEIGHTS_NAME, network.eval(), Atlas.load(data), samples=int(state["samples"]))
    report(f"{WEIGHTS_NAME}: {size} bytes after {state['samples']} samples")


def write_weights(path: Path, network: PictureEmbedder, atlas: Atlas, *, samples: int) -> int:
    """Write the file whole or not at all; its bytes."""
    tensors: dict[str, Tensor] = {}
    for name, (weight, bias) in layers(network).items():
        tensors |= packed(f"{name}.weight", weight) | {f"{name}.bias": bias.detach()}
    tensors |= packed("things", concept_vectors(atlas))
    document = {
        "format": FORMAT,
        "samples": samples,
        "licence": "Apache-2.0",
        "blocks": list(BLOCKS),
        "thing_scale": round(float(network.scales[0].detach().exp()), 3),
        "vocabulary": vocabulary(atlas),
    }
    content = save(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, {"document": json.dumps(document)}
    )
    assert len(content) <= LARGEST_BYTES, f"{len(content)} bytes are more than {LARGEST_BYTES}"
    partial = path.with_suffix(".part")
    partial.write_bytes(content)
    partial.replace(path)
    return len(content)


@torch.inference_mode()
def layers(network: PictureEmbedder) -> dict[str, tuple[Tensor, Tensor]]:
    """Weight and bias of every layer in the names of the file; `out` stacks caption, thing and the attributes in their order."""
    found: dict[str, tuple[Tensor, Tensor]] = {"stem": network.stem.folded()}
    for number, stage in enumerate(network.stages):
        if number:
            down = network.downs[number - 1]
            assert isinstance(down, Conv)
            found[f"downs.{number}"] = down.folded()
        assert isinstance(stage, torch.nn.Sequential)
        for index, block in enumerate(stage):
            assert isinstance(block, Block)
            found[f"stages.{number}.{index}.first"] = block.first.folded()
            found[f"stages.{number}.{index}.second"] = block.second.folded()
    linears = [network.caption, network.thing, *(network.heads[name] for name in ATTRIBUTES)]
    found["out"] = (
        torch.cat([torch.as_tensor(linear.weight) for linear in linears]),
        torch.cat([torch.as_tensor(linear.bias) for linear in linears]),
    )
    return found


def packed(name: str, weight: Tensor) -> dict[str, Tensor]:
    """Int8 levels in the weight's shape and one fp32 scale for each of its rows."""
    rows = weight.detach().flatten(1)
    scale = rows.abs().amax(1).clamp(min=1e-8) / LEVELS
    levels = (rows / scale[:, None]).round().clamp(-LEVELS, LEVELS).to(torch.int8)
    return {name: levels.view(weight.shape), f"{name}.scale": scale}


def vocabulary(atlas: Atlas) -> dict[str, object]:
    """The captions' words, as the describer puts them together again; `attributes` gives the order of each head's values."""
    return {
        "attributes": {name: list(values) for name, values in ATTRIBUTES.items()},
        "things": [
            {
                "one": spoken.indefinite(name),
                "many": concept.plural,
                "name": name,
                "paintable": concept.recolour,
            }
            for name, concept in atlas.concepts.items()
        ],
        "places": {
            name: {
                "phrases": list(place.phrases),
                "views": list(place.views),
                "plain_phrases": list(spoken.UNCOLOURED_PHRASES.get(name, place.phrases)),
                "plain_views": list(spoken.UNCOLOURED_VIEWS.get(name, place.views)),
                "timed": "" not in place.times and name != "night sky",
            }
            for name, place in PLACES.items()
        },
        "times": {name: list(phrases) for name, phrases in spoken.TIMES.items()},
        "looks": {
            name: {"tags": list(medium.tags), "nouns": list(medium.nouns)}
            for name, medium in (spoken.ART_SETS | spoken.STYLES).items()
        },
        "media": list(spoken.PLAIN_MEDIA),
        "colourless": list(spoken.COLOURLESS),
        "numbers": {str(number): word for number, word in spoken.NUMBERS.items()},
        "palette": {name: [round(float(v), 4) for v in oklab(colour(name)[None])[0]] for name in PALETTE},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--to", type=Path, default=WEIGHTS_FOLDER)
    options = parser.parse_args()
    export(options.data, options.to)


if __name__ == "__main__":
    main()
