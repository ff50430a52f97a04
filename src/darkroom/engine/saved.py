"""An image's state between two steps as a value that can leave the process, and come back in another one.

A state is (step, latent, estimate, latent before): noise levels and the noise of stochastic samplers follow from the request, so
that no generator is kept. Knows no file and no network; bytes from outside are taken for hostile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from darkroom.core.errors import ModelError

FORMAT = 1
PACKED_MAX = 512 * 1024 * 1024  # bytes
HEADER_MAX = 1024 * 1024  # bytes: 64 states with three tensors each have some 60,000
SAVED_MAX = 64  # states in one package
DEVICE_MS_MAX = 1e8  # of one image: more than a day
TEXT_MAX = 128  # characters of a digest
NUMBER_MAX = 1_000_000
NAMES = ("x", "denoised", "past_x")


@dataclass(frozen=True, kw_only=True)
class SavedSample:
    """Image `index` of a job after `step` of `steps` ticks. `tensors` are (C, h, w) fp32 on the CPU.

    They are the latent x, the newest estimate of x0 `denoised`, and past_x, where the sampler looks back.
    `fingerprint` (short) is that of the engine that made them, `request` a digest of what decides the image's bits: only
    where both are the same again is it continued. `exact` says that none of its passes may have changed its bits.
    `device_ms` is what its steps took of the device, for the bill of who continues it; the engine leaves it to its caller.
    """

    index: int
    step: int
    steps: int
    tensors: Mapping[str, Tensor]
    exact: bool
    fingerprint: str
    request: str
    device_ms: float = 0.0


def pack(saved: Sequence[SavedSample]) -> bytes:
    """One safetensors file with the states of a job's images; `unpack` reads it."""
    assert len(saved) <= SAVED_MAX, f"{len(saved)} states, more than {SAVED_MAX}"
    tensors = {f"{i}.{name}": tensor for i, each in enumerate(saved) for name, tensor in each.tensors.items()}
    entries = [
        {
            "index": each.index,
            "step": each.step,
            "steps": each.steps,
            "exact": each.exact,
            "fingerprint": each.fingerprint,
            "request": each.request,
            "device_ms": each.device_ms,
        }
        for each in saved
    ]
    document = json.dumps({"format": FORMAT, "samples": entries}, separators=(",", ":"))
    return save(tensors, metadata={"darkroom": document})


def unpack(data: bytes) -> list[SavedSample]:
    """What `pack` packed. Raises ModelError for anything else; what it says is checked again before it is continued."""
    if len(data) > PACKED_MAX:
        raise ModelError(f"a package of saved images has {len(data)} bytes; it may have {PACKED_MAX}")
    length = int.from_bytes(data[:8], "little")
    if length > HEADER_MAX:
        raise ModelError(
            f"a package of saved images has a header of {length} bytes; it may have {HEADER_MAX}"
        )
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + length])
        document = json.loads(header["__metadata__"]["darkroom"])
        entries = document["samples"]
        if document["format"] != FORMAT or not isinstance(entries, list) or len(entries) > SAVED_MAX:
            raise ValueError("another format")
        return [_read(entry, i, tensors) for i, entry in enumerate(entries)]
    except (SafetensorError, LookupError, ValueError, TypeError, RecursionError, MemoryError) as fault:
        raise ModelError(f"this is no package of saved images: {fault}") from fault


def _read(entry: Mapping[str, object], i: int, tensors: Mapping[str, Tensor]) -> SavedSample:
    if not isinstance(entry["exact"], bool):
        raise ValueError("exact must be true or false")
    return SavedSample(
        index=_number(entry["index"]),
        step=_number(entry["step"]),
        steps=_number(entry["steps"]),
        tensors={name: tensors[f"{i}.{name}"] for name in NAMES if f"{i}.{name}" in tensors},
        exact=entry["exact"],
        fingerprint=_text(entry["fingerprint"]),
        request=_text(entry["request"]),
        device_ms=_milliseconds(entry["device_ms"]),
    )


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= NUMBER_MAX:
        raise ValueError(f"{value!r} is no count")
    return value


def _milliseconds(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= DEVICE_MS_MAX:
        raise ValueError(f"{value!r} are no milliseconds of a device")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise ValueError("a digest must be a short text")
    return value
