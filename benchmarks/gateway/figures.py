"""Small statistics: percentiles, what processes cost, and how busy the machine was besides. Linux only (/proc)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    top: float

    def __str__(self) -> str:
        return f"p50 {self.p50:7.1f}  p95 {self.p95:7.1f}  p99 {self.p99:7.1f}  max {self.top:7.1f} ms"


def spread(seconds: Iterable[float]) -> Spread:
    """Of durations in seconds."""
    values = [1000 * each for each in seconds]
    p50, p95, p99 = (percentile(values, share) for share in (0.50, 0.95, 0.99))
    return Spread(count=len(values), p50=p50, p95=p95, p99=p99, top=max(values, default=float("nan")))


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: [0] is the state, [1] the parent."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid: int) -> list[int]:
    """A process and its living children."""
    found = [pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int(_stat(int(entry.name))[1]) == pid:
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def cpu_s(pid: int, *, children: bool = False) -> float:
    """CPU seconds of a process so far; with all that its children, living and dead, have used."""
    total = 0
    for each in family(pid) if children else [pid]:
        try:
            fields = _stat(each)
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[11]) + int(fields[12])
        if each == pid and children:
            total += int(fields[13]) + int(fields[14])
    return total / TICKS_PER_S


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def busy_s() -> float:
    """CPU seconds that all cores of the machine have worked so far, whoever for."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _wait, irq, soft, _steal = fields
    return (user + nice + system + irq + soft) / TICKS_PER_S


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU time over a stretch of `seconds`: shares of one core by name; `others` is whatever else ran on the machine."""

    seconds: float
    shares: Mapping[str, float]
    others: float

    def __str__(self) -> str:
        named = "  ".join(f"{name} {share:4.0%}" for name, share in self.shares.items())
        return f"{named}  others on this machine {self.others:4.0%}"


class Meter:
    """Reads the clocks of some processes: (pid, whether its children count)."""

    def __init__(self, processes: Mapping[str, tuple[int, bool]], *, clock: float) -> None:
        self._processes = processes
        self._began, self._busy, self._used = clock, busy_s(), self._read()

    def _read(self) -> dict[str, float]:
        return {name: cpu_s(pid, children=children) for name, (pid, children) in self._processes.items()}

    def stop(self, *, clock: float) -> Cost:
        seconds, used = clock - self._began, self._read()
        shares = {name: (used[name] - before) / seconds for name, before in self._used.items()}
        others = (busy_s() - self._busy) / seconds - sum(shares.values())
        return Cost(seconds=seconds, shares=shares, others=max(0.0, others))


def load_average() -> str:
    return "load average {:.1f} {:.1f} {:.1f}".format(*os.getloadavg())
