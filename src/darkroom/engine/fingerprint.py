"""Everything but the request that an image's bits depend on, as a value to be stored with the image."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import torch

from darkroom.model.denoiser import Denoiser

SHORT_HASH = 12  # hexadecimal digits


@dataclass(frozen=True, kw_only=True)
class EngineFingerprint:
    """Same fingerprint, same request: same bits. `rows` is the fixed number of rows of a pass, 0 where it is not fixed."""

    model: str
    weights_hash: str
    rows: int
    torch: str
    device: str
    dtype: str
    threads: int
    cpu_capability: str

    @property
    def short(self) -> str:
        """The first hexadecimal digits of the sha256 over all fields."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:SHORT_HASH]


def fingerprint_of(denoiser: Denoiser, *, rows: int) -> EngineFingerprint:
    """The fingerprint of this process, this device and this model, for passes of `rows` rows."""
    return EngineFingerprint(
        model=denoiser.name,
        weights_hash=denoiser.weights_hash,
        rows=rows,
        torch=str(torch.__version__),
        device=_device_name(denoiser.device),
        dtype=str(denoiser.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
    )


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
