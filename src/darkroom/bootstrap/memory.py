"""How much memory a device has free for models. Asks the driver, the kernel and the container; loads no model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SHARE_OF_FREE = 0.8  # of what is free, for models; the rest is for passes and pictures
MEMINFO = Path("/proc/meminfo")
LIMIT, USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
KIB = 1024
UNKNOWN_BYTES = 4 * 1024**3  # where a system does not say


def bytes_for_models(device: torch.device) -> int:
    """Four fifths of what the device has free now."""
    if device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
    else:
        free = free_main_memory()
    return int(free * SHARE_OF_FREE)


def free_main_memory(*, meminfo: Path = MEMINFO, limit: Path = LIMIT, used: Path = USED) -> int:
    """Bytes that processes may still take: what the kernel calls available, and no more than the container's limit leaves."""
    available = _available(meminfo)
    try:
        left = int(limit.read_text()) - int(used.read_text())
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return available
    return max(0, min(available, left))


def _available(meminfo: Path) -> int:
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * KIB
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError, AttributeError):
        return UNKNOWN_BYTES
