"""The one folder that a GPU machine needs beside the repository to go on with the training of mini-1.

    python -m darkroom.train.pack --to pack

It holds the sprite atlas, the weights to start from, and if wished the network in training. That machine needs no network,
no rasteriser and no registry of packages. `darkroom.train.gpu` reads it; docs/model/gpu-runbook.md tells the whole way.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError, OutputError, WeightsError
from darkroom.model.autoencoder import Autoencoder
from darkroom.model.mini import WEIGHTS_NAME, read_tensors
from darkroom.model.text_encoder import WEIGHTS_FOLDER
from darkroom.train import autoencoder
from darkroom.train.export import samples_of, write_weights
from darkroom.train.parts import has_parts, read_parts, write_parts
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas
from darkroom.train.sprites.atlas import ATLAS_NAME

PACK_BYTES = 40 * 2**20
STATE_NAME = "state.pt"
NOTE_NAME = "pack.json"
STARTS = ("weights", "state", "scratch")


@dataclass(frozen=True, kw_only=True)
class Pack:
    """What a folder holds, read: the autoencoder, and the average and the network of the transformer so far."""

    atlas: Atlas
    encoder: Autoencoder
    average: Mapping[str, Tensor]  # empty where training starts from nothing
    network: Mapping[str, Tensor]
    samples: int

    @classmethod
    def open(cls, folder: Path) -> Pack:
        """Raises WeightsError or OutputError for what is missing or damaged."""
        tensors = read_tensors(folder / WEIGHTS_NAME)
        encoder, average = split_weights(tensors, folder / WEIGHTS_NAME)
        state: Mapping[str, Any] = load_state(folder) if has_parts(folder, STATE_NAME) else {}
        note = _note(folder)
        return cls(
            atlas=Atlas.load(folder),
            encoder=encoder,
            average=average,
            network=state.get("network", average),
            samples=int(state.get("samples", note["samples"])),
        )


def split_weights(tensors: Mapping[str, Tensor], path: Path) -> tuple[Autoencoder, dict[str, Tensor]]:
    """The autoencoder and the transformer's tensors, fp32, of a file of weights. Raises WeightsError naming `path`."""
    part = {
        prefix: {
            name.removeprefix(prefix): t.float() for name, t in tensors.items() if name.startswith(prefix)
        }
        for prefix in ("autoencoder.", "transformer.")
    }
    encoder = Autoencoder()
    try:
        encoder.load_state_dict(part["autoencoder."])
    except RuntimeError as fault:
        raise WeightsError(f"{path} does not hold the autoencoder of mini-1: {fault}") from fault
    return encoder.eval().requires_grad_(False), part["transformer."]


def load_state(folder: Path) -> dict[str, Any]:
    """A trainer's state from its parts, on the CPU. Raises OutputError."""
    content = io.BytesIO(read_parts(folder, STATE_NAME))
    state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
    return state


def save_state(state: Mapping[str, Any], folder: Path) -> Path:
    """Write a trainer's state as parts; tensors of any device come out as CPU tensors."""
    content = io.BytesIO()
    torch.save(on_cpu(state), content)
    return write_parts(content.getvalue(), folder, STATE_NAME)


def on_cpu(value: Any) -> Any:
    """The same nest of dicts and lists with every tensor on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, Mapping):
        return {key: on_cpu(part) for key, part in value.items()}
    return [on_cpu(part) for part in value] if isinstance(value, list | tuple) else value


def pack(data: Path, to: Path, *, start: str, weights: Path) -> int:
    """Fill the folder `to` and return its bytes. Raises OutputError or WeightsError.

    `start` is "weights": go on from the file `weights`, which brings its own autoencoder; "state": from the run in `data`,
    with the network beside its average; "scratch": from the autoencoder in `data` alone.
    """
    if not (data / ATLAS_NAME).exists():
        raise OutputError(f"no atlas in {data}; build it with: make data-mini")
    to.mkdir(parents=True, exist_ok=True)
    for old in [*to.glob(f"{STATE_NAME}.*"), to / WEIGHTS_NAME]:
        old.unlink(missing_ok=True)
    samples = _pack_start(data, to, start=start, weights=weights)
    shutil.copyfile(data / ATLAS_NAME, to / ATLAS_NAME)
    files = sorted(path for path in to.iterdir() if path.is_file() and path.name != NOTE_NAME)
    note = {"start": start, "samples": samples, "files": {path.name: path.stat().st_size for path in files}}
    (to / NOTE_NAME).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    if size > PACK_BYTES:
        raise OutputError(
            f"{to} has {size} bytes, more than {PACK_BYTES}; take out what is not listed in {NOTE_NAME}"
        )
    return size


def _pack_start(data: Path, to: Path, *, start: str, weights: Path) -> int:
    """Write what training starts from; the samples it has seen."""
    if start == "weights":
        samples = samples_of(weights)
        shutil.copyfile(weights, to / WEIGHTS_NAME)
        return samples
    if start == "scratch":
        write_weights(to / WEIGHTS_NAME, {}, autoencoder.load(data), samples=0)
        return 0
    state = torch.load(data / "mini-1" / STATE_NAME, map_location="cpu", weights_only=True)
    write_weights(to / WEIGHTS_NAME, state["average"], autoencoder.load(data), samples=state["samples"])
    # Momenta are left behind: they are forgotten within a hundred steps, and would double the folder.
    network = {name: tensor.half() for name, tensor in state["network"].items()}
    save_state({"network": network, "samples": state["samples"]}, to)
    return int(state["samples"])


def _note(folder: Path) -> dict[str, Any]:
    try:
        note: dict[str, Any] = json.loads((folder / NOTE_NAME).read_text(encoding="utf-8"))
        return {"samples": int(note["samples"])}
    except (OSError, ValueError, KeyError) as fault:
        raise OutputError(f"{folder} was not made by darkroom.train.pack: {fault}") from fault


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--start", choices=STARTS, default="weights", help="what training goes on from")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_FOLDER / WEIGHTS_NAME)
    options = parser.parse_args()
    try:
        size = pack(options.data, options.to, start=options.start, weights=options.weights)
    except DarkroomError as fault:
        sys.exit(fault.message)
    report(f"{options.to}: {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
