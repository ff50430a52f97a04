"""What this machine can draw on, one worker for each. Asks the system's files only; loads no driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

NVIDIA_DEVICES = Path("/proc/driver/nvidia/gpus")
VISIBLE = "CUDA_VISIBLE_DEVICES"
CHOICE = "DARKROOM_DEVICE"


@dataclass(frozen=True, kw_only=True)
class Device:
    """What a worker is started for: `name` is the worker's, too; `environment` makes the process see this device alone."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)


def cpu_devices(count: int = 1) -> tuple[Device, ...]:
    """So many workers beside each other on the processor; they see no other device."""
    names = ["cpu"] if count == 1 else [f"cpu-{number}" for number in range(1, count + 1)]
    return tuple(Device(name=name, environment={VISIBLE: ""}) for name in names)


def cuda_devices(environ: Mapping[str, str], *, listed: Path = NVIDIA_DEVICES) -> tuple[Device, ...]:
    """The CUDA devices that this process may use, in the driver's order; none where there is no driver."""
    if VISIBLE in environ:
        numbers = [number.strip() for number in environ[VISIBLE].split(",") if number.strip()]
    else:
        numbers = [str(number) for number in range(len(list(listed.iterdir())) if listed.is_dir() else 0)]
    return tuple(Device(name=f"cuda-{number}", environment={VISIBLE: number}) for number in numbers)


def local_devices(
    environ: Mapping[str, str],
    *,
    workers: int | None = None,
    device: str = "auto",
    listed: Path = NVIDIA_DEVICES,
) -> tuple[Device, ...]:
    """What this machine's workers are started for: each CUDA device, else the processor. `workers` is how many at most.

    `device` is what was asked for: auto, cpu, cuda or cuda:N. Where a CUDA device was asked for and the system lists none,
    the worker finds out by itself.
    """
    if device == "cpu":
        return cpu_devices(1 if workers is None else workers)
    found = cuda_devices(environ, listed=listed)
    if device == "auto":
        return found[:workers] if found else cpu_devices(1 if workers is None else workers)
    _, _, number = device.partition(":")
    asked = found[int(number) :][:1] if number else found
    # The worker sees one device alone, so that one is its first, whichever it was here.
    seen = [replace(each, environment={**each.environment, CHOICE: "cuda"}) for each in asked]
    return tuple(seen or [Device(name=device.replace(":", "-"))])[:workers]
