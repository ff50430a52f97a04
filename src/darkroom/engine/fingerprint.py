"""Everything but the request that an image's bits depend on, as a value to be stored with the image."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch

from darkroom.core.fingerprints import short_of
from darkroom.model.denoiser import Denoiser

CPU_INFO = Path("/proc/cpuinfo")  # where Linux tells the model of a processor


@dataclass(frozen=True, kw_only=True)
class EngineFingerprint:
    """Same fingerprint, same request: same bits. `rows` is the reference count of a pass, 0 where none is kept.

    `processor` is what runs the host's part; `kernels` names what a placement chose among implementations, and torch's
    precision of fp32 products. `recipe` is how the registry's entry has the model driven.
    """

    model: str
    weights_hash: str
    rows: int
    torch: str
    device: str
    dtype: str
    threads: int
    processor: str
    cpu_capability: str
    kernels: str
    recipe: str = ""

    @property
    def short(self) -> str:
        """The first hexadecimal digits of the sha256 over all fields."""
        return short_of(asdict(self))


def fingerprint_of(denoiser: Denoiser, *, rows: int) -> EngineFingerprint:
    """The fingerprint of this process, this device and this model, for passes that keep the bits of `rows` rows."""
    chosen = str(getattr(denoiser, "kernels", "torch"))  # a family of models has it; a denoiser need not
    return EngineFingerprint(
        model=denoiser.name,
        weights_hash=denoiser.weights_hash,
        rows=rows,
        torch=str(torch.__version__),
        device=_device_name(denoiser.device),
        dtype=str(denoiser.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        processor=_processor(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        kernels=f"{chosen}, fp32 {torch.get_float32_matmul_precision()}",
        recipe=str(getattr(denoiser, "recipe", "")),
    )


def device_facts(device: torch.device) -> dict[str, str | int]:
    """What of a fingerprint is not the model's: for pictures that no denoiser made."""
    return {
        "torch": str(torch.__version__),
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "processor": _processor(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


@cache
def _processor() -> str:
    """The model of the processor: libraries choose kernels by it, and by its caches, too."""
    try:
        lines = CPU_INFO.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
