"""The numbers of dispatch as frozen data, and the TOML file they are read from. Knows no queue and no clock."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from darkroom.core.errors import DarkroomError
from darkroom.core.params import Lane

BUILTIN_POLICY = Path(__file__).with_name("policy.toml")
POLICY_MAX_BYTES = 100_000
WHOLE_MAX = 1_000_000
SECONDS_MAX = 30 * 86_400.0


def _shares() -> Mapping[Lane, int]:
    return {Lane.TURBO: 70, Lane.FAST: 20, Lane.RELAX: 10}


def _waits() -> Mapping[Lane, float]:
    return {Lane.TURBO: 2.0, Lane.FAST: 5.0, Lane.RELAX: 30.0}


@dataclass(frozen=True, kw_only=True)
class DispatchPolicy:
    """Lanes, affinity, breaker and retries. DarkroomError names the field that makes no sense.

    `shares` are parts of GPU time, guaranteed to a lane while it has work. A worker skips at most `affinity_window` jobs for a
    warm model, while the job it skips first has waited less than `affinity_wait_s` of its lane. `breaker_failures` on different
    jobs within `breaker_window_s` open a worker's breaker for `breaker_backoff_s`, doubled each time up to `breaker_backoff_max_s`;
    `quarantine_opens` within `quarantine_window_s` take the worker out. A retry waits `retry_delays_s` by attempt, the last
    one again where there are more attempts, plus or minus `retry_jitter` of it.
    """

    shares: Mapping[Lane, int] = field(default_factory=_shares)
    affinity_window: int = 32
    affinity_wait_s: Mapping[Lane, float] = field(default_factory=_waits)
    breaker_failures: int = 3
    breaker_window_s: float = 600.0
    breaker_backoff_s: float = 30.0
    breaker_backoff_max_s: float = 600.0
    quarantine_opens: int = 3
    quarantine_window_s: float = 3600.0
    retry_delays_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    retry_jitter: float = 0.25

    def __post_init__(self) -> None:
        for lane in Lane:
            _whole(f"shares.{lane}", self.shares.get(lane), least=1)
            _seconds(f"affinity_wait_s.{lane}", self.affinity_wait_s.get(lane), least=0.0)
        _whole("affinity_window", self.affinity_window, least=0)
        for name in ("breaker_failures", "quarantine_opens"):
            _whole(name, getattr(self, name), least=1)
        for name in ("breaker_window_s", "breaker_backoff_s", "breaker_backoff_max_s", "quarantine_window_s"):
            _seconds(name, getattr(self, name), least=0.001)
        if self.breaker_backoff_max_s < self.breaker_backoff_s:
            raise DarkroomError("breaker_backoff_max_s must be at least breaker_backoff_s")
        if not self.retry_delays_s:
            raise DarkroomError("retry_delays_s must list at least one delay in seconds")
        for delay_s in self.retry_delays_s:
            _seconds("retry_delays_s", delay_s, least=0.0)
        if not _is_number(self.retry_jitter) or not 0 <= self.retry_jitter < 1:
            raise DarkroomError(f"retry_jitter must be at least 0 and below 1, not {self.retry_jitter!r}")


def read_dispatch_policy(path: Path | None = None) -> DispatchPolicy:
    """The policy in a TOML file, or the one that ships. What a file leaves out keeps its default.

    Raises DarkroomError that names the file, the key and what would be right.
    """
    path = path or BUILTIN_POLICY
    try:
        return _policy(_document(path))
    except DarkroomError as error:
        raise DarkroomError(f"the dispatch policy {path}: {error.message}") from error.__cause__


def _document(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            raw = file.read(POLICY_MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DarkroomError(f"cannot be read: {error}") from error
    if len(raw) > POLICY_MAX_BYTES:
        raise DarkroomError(f"is larger than {POLICY_MAX_BYTES:,} bytes, so it is hardly a policy")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DarkroomError(f"is not valid TOML: {error}") from error


def _policy(document: Mapping[str, object]) -> DispatchPolicy:
    known = {each.name for each in fields(DispatchPolicy)}
    unknown = sorted(set(document) - known)
    if unknown:
        raise DarkroomError(f"has an unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    given: dict[str, object] = dict(document)
    for name in ("shares", "affinity_wait_s"):
        if name in given:
            given[name] = _by_lane(name, given[name])
    if "retry_delays_s" in given:
        delays = given["retry_delays_s"]
        if not isinstance(delays, list):
            raise DarkroomError(f"retry_delays_s must be a list of seconds, not {delays!r}")
        given["retry_delays_s"] = tuple(delays)
    return DispatchPolicy(**given)  # type: ignore[arg-type]  # __post_init__ checks each value


def _by_lane(name: str, value: object) -> Mapping[Lane, object]:
    lanes = {lane.value: lane for lane in Lane}
    if not isinstance(value, dict) or set(value) != set(lanes):
        raise DarkroomError(f"{name} must be a table with just turbo, fast and relax, not {value!r}")
    return {lanes[key]: each for key, each in value.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(name: str, value: object, *, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= WHOLE_MAX:
        raise DarkroomError(f"{name} must be a whole number from {least} to {WHOLE_MAX:,}, not {value!r}")


def _seconds(name: str, value: object, *, least: float) -> None:
    if not isinstance(value, int | float) or not _is_number(value) or not least <= value <= SECONDS_MAX:
        raise DarkroomError(f"{name} must be seconds from {least:g} to {SECONDS_MAX:,.0f}, not {value!r}")
