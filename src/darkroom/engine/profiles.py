"""What was measured of a row class on this device: which numbers of rows keep its bits, and beyond which more don't pay.

A profile only chooses among numbers of rows that give equal bits, so images are the same before and after it is measured.
"""

from __future__ import annotations

import fcntl
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from darkroom.core.errors import ModelError
from darkroom.engine.exactness import (
    BUDGET_S,
    ROWS_MAX,
    Passes,
    at_once,
    measured_knees,
    self_test,
)
from darkroom.engine.fingerprint import EngineFingerprint, fingerprint_of
from darkroom.engine.passes import is_out_of_memory
from darkroom.model.denoiser import Denoiser, Prepared

REFERENCE_ROWS = 8  # a grid of four with guidance
REFERENCE_ROWS_LARGE = 2  # one image with guidance
LARGE_POSITIONS = 64 * 64  # of a latent, above which few rows fill a device
PROFILES_MAX = 2048  # in a file; the oldest are forgotten
FILE_BYTES_MAX = 4 * 1024 * 1024
FORMAT = 1

Key = tuple[EngineFingerprint, str]
"""What a profile holds for: an environment and a row class."""

log = logging.getLogger(__name__)


def reference_rows(shape: Sequence[int]) -> int:
    """The rows of the passes that define the bits of latents of this shape (..., h, w)."""
    height, width = shape[-2:]
    return REFERENCE_ROWS if height * width <= LARGE_POSITIONS else REFERENCE_ROWS_LARGE


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How rows of one class are cut into passes.

    `equal` holds the counts proven to give the bits of the reference count in every slot. It is empty in fast mode,
    where a pass has just the rows that wait. `knee` is the count beyond which a row gets hardly cheaper, `urgent_knee`
    the one beyond which it doesn't get much cheaper.
    """

    row_class: str
    fingerprint: EngineFingerprint
    equal: frozenset[int]
    knee: int
    urgent_knee: int

    def __post_init__(self) -> None:
        knees = {self.knee, self.urgent_knee}
        assert knees <= self.equal if self.equal else min(knees) >= 1, f"{knees} of {self.equal}"
        assert self.urgent_knee <= self.knee, f"{self.urgent_knee} is more than {self.knee}"

    def __str__(self) -> str:
        counts = ", ".join(map(str, sorted(self.equal)))
        proof = f"exact passes of {counts} rows" if self.exact else "passes of any number of rows"
        return f"{self.row_class}: {proof}, knee {self.knee}, for the most urgent {self.urgent_knee}"

    @property
    def rows(self) -> int:
        """The reference count, that of the passes that define the bits; 0 in fast mode."""
        return self.fingerprint.rows

    @property
    def exact(self) -> bool:
        """Whether its passes give the bits of the reference count."""
        return bool(self.equal)

    @property
    def cap(self) -> int:
        """The most rows of a pass."""
        return self.knee

    @property
    def urgent_cap(self) -> int:
        """The most rows of a pass that somebody urgent waits for, unless all are urgent."""
        return self.urgent_knee

    def padded(self, rows: int) -> int:
        """The rows of the pass that carries `rows` (1 to `cap`) real ones."""
        assert 1 <= rows <= self.cap, f"{rows} rows do not go into a pass of {self.cap}"
        return min(count for count in self.equal if count >= rows) if self.equal else rows

    def narrowed(self, rows_max: int) -> Profile:
        """For where memory does not suffice for more than `rows_max` rows, 1 at least.

        It stays exact where a proven count is that small. Otherwise it becomes one of fast mode.
        """
        equal = frozenset(count for count in self.equal if count <= rows_max)
        most = max(equal, default=max(1, rows_max))
        fingerprint = self.fingerprint if equal else replace(self.fingerprint, rows=0)
        knee, urgent_knee = min(self.knee, most), min(self.urgent_knee, most)
        return replace(self, fingerprint=fingerprint, equal=equal, knee=knee, urgent_knee=urgent_knee)


class Profiles:
    """The profiles of a process: remembered, read from the file, or measured now. One thread uses it.

    The file may be shared by processes, and by devices: what others measured stays in it.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        measure: bool = True,
        rows: int | None = None,
        budget_s: float = BUDGET_S,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`path` None: nothing is kept on disk. `measure` False: unknown classes run with the reference count alone.

        `rows` takes the place of `reference_rows`.
        """
        assert rows is None or rows >= 1
        self._file = ProfileFile(path) if path else None
        self._measure, self._rows, self._budget_s, self._timer = measure, rows, budget_s, timer
        self._known: dict[Key, Profile] = {}
        self._refused: dict[Key, ModelError] = {}  # classes whose bits this device does not keep
        self._read = False

    def of(self, denoiser: Denoiser, prepared: Prepared, *, exact: bool = True) -> Profile:
        """The profile of the class of `prepared`; where it is not known, it is measured now, which takes passes.

        Raises ModelError where the device does not keep the bits of the reference count.
        """
        return at_once(self.finding(denoiser, prepared, exact=exact))

    def finding(self, denoiser: Denoiser, prepared: Prepared, *, exact: bool = True) -> Passes[Profile]:
        """The same, one pass at a time."""
        profile = self.settled(denoiser, prepared, exact=exact)
        if profile is None:
            unproven = self.unproven(denoiser, prepared, exact=exact)
            profile = yield from self._measured(denoiser, prepared, unproven)
        return profile

    def settled(self, denoiser: Denoiser, prepared: Prepared, *, exact: bool = True) -> Profile | None:
        """What `of` returns or raises, if that takes no pass."""
        if profile := self.known(denoiser, prepared, exact=exact):
            return profile
        unproven = self.unproven(denoiser, prepared, exact=exact)
        if refused := self._refused.get(_key(unproven)):
            raise ModelError(refused.message)
        return None if self._measure else unproven

    def known(self, denoiser: Denoiser, prepared: Prepared, *, exact: bool = True) -> Profile | None:
        """What was measured before, in this process or according to the file. Cheap."""
        if not self._read:
            self._reread()
        return self._known.get(_key(self.unproven(denoiser, prepared, exact=exact)))

    def unproven(self, denoiser: Denoiser, prepared: Prepared, *, exact: bool = True) -> Profile:
        """What holds of a class before it is measured: the reference count alone. Cheap."""
        rows = self._rows or reference_rows(prepared.latent.shape)
        return Profile(
            row_class=prepared.row_class,
            fingerprint=fingerprint_of(denoiser, rows=rows if exact else 0),
            equal=frozenset([rows]) if exact else frozenset(),
            knee=rows,
            urgent_knee=rows,
        )

    def _measured(self, denoiser: Denoiser, prepared: Prepared, unproven: Profile) -> Passes[Profile]:
        """What is learned of a memory that does not suffice is not kept: another time there may be more."""
        self._reread()  # another process may have measured it by now
        key = _key(unproven)
        if key in self._known:
            return self._known[key]
        measure = self._proven if unproven.exact else self._timed
        log.info("measuring %s", unproven.row_class)
        began = self._timer()
        try:
            found = yield from measure(denoiser, prepared, unproven)
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault):
                raise
            log.warning("%s: no memory for passes of %d rows", unproven.row_class, unproven.knee)
            return unproven.narrowed(unproven.knee // 2)
        if found is unproven:
            log.info("%s: its rows are not finite, which shows nothing", unproven.row_class)
            return found
        log.info("%s, after %.1f s", found, self._timer() - began)
        self._known[key] = found
        if self._file:
            self._file.add(found)
        return found

    def _proven(self, denoiser: Denoiser, prepared: Prepared, unproven: Profile) -> Passes[Profile]:
        """`unproven` itself where the rows of this request show nothing."""
        found = yield from self_test(
            denoiser, prepared, rows=unproven.rows, budget_s=self._budget_s, timer=self._timer
        )
        try:
            found.exactness.require()
        except ModelError as error:
            self._refused[_key(unproven)] = error
            raise
        if not found.finite:
            return unproven
        return replace(unproven, equal=found.equal, knee=found.knee, urgent_knee=found.urgent_knee)

    def _timed(self, denoiser: Denoiser, prepared: Prepared, unproven: Profile) -> Passes[Profile]:
        knee, urgent_knee = yield from measured_knees(
            denoiser, prepared, rows=unproven.knee, budget_s=self._budget_s, timer=self._timer
        )
        return replace(unproven, knee=knee, urgent_knee=urgent_knee)

    def _reread(self) -> None:
        self._read = True
        if self._file:
            self._known = self._file.read() | self._known


class ProfileFile:
    """Profiles as JSON. A file that is damaged or not ours is read as an empty one, and replaced at the next `add`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[Key, Profile]:
        """What can be understood of it; nothing where there is no file."""
        try:
            with self._path.open("rb") as file:
                told = json.loads(file.read(FILE_BYTES_MAX))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as fault:
            log.warning("the profiles in %s cannot be read and are measured again: %s", self._path, fault)
            return {}
        entries = told.get("profiles") if isinstance(told, dict) and told.get("format") == FORMAT else None
        if not isinstance(entries, list):
            log.warning("%s holds no profiles; they are measured again", self._path)
            return {}
        profiles = [_from_json(entry) for entry in entries]
        return {_key(profile): profile for profile in profiles if profile is not None}

    def add(self, profile: Profile) -> None:
        """Puts a profile to those in the file, whoever wrote them. A file that cannot be written is only logged."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self._path.with_name(self._path.name + ".lock")):
                kept = self.read()
                kept.pop(_key(profile), None)
                kept[_key(profile)] = profile
                entries = [_to_json(each) for each in list(kept.values())[-PROFILES_MAX:]]
                partial = self._path.with_name(self._path.name + ".partial")
                partial.write_text(json.dumps({"format": FORMAT, "profiles": entries}, indent=1))
                partial.replace(self._path)
        except OSError as fault:
            log.warning("the profile of %s cannot be kept in %s: %s", profile.row_class, self._path, fault)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among the processes of this machine. The lock ends with the process, so none is left behind."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _key(profile: Profile) -> Key:
    return profile.fingerprint, profile.row_class


def _to_json(profile: Profile) -> dict[str, object]:
    return {
        "row_class": profile.row_class,
        "fingerprint": asdict(profile.fingerprint),
        "equal": sorted(profile.equal),
        "knee": profile.knee,
        "urgent_knee": profile.urgent_knee,
    }


def _from_json(entry: object) -> Profile | None:
    """None for what is not a profile: it is measured again."""
    match entry:
        case {
            "row_class": str(row_class),
            "fingerprint": dict(told),
            "equal": list(equal),
            "knee": int(knee),
            "urgent_knee": int(urgent_knee),
        }:
            fingerprint = _fingerprint(told)
        case _:
            return None
    if fingerprint is None or not all(
        type(count) is int and count >= 1 for count in (*equal, knee, urgent_knee)
    ):
        return None
    sound = {fingerprint.rows, knee, urgent_knee} <= set(equal) if fingerprint.rows else not equal
    if not sound or urgent_knee > knee or max(*equal, knee, 1) > max(ROWS_MAX, fingerprint.rows):
        return None
    return Profile(
        row_class=row_class,
        fingerprint=fingerprint,
        equal=frozenset(equal),
        knee=knee,
        urgent_knee=urgent_knee,
    )


def _fingerprint(told: Mapping[str, object]) -> EngineFingerprint | None:
    kinds = {field.name: int if field.type in ("int", int) else str for field in fields(EngineFingerprint)}
    if told.keys() != kinds.keys() or any(type(told[name]) is not kind for name, kind in kinds.items()):
        return None
    return EngineFingerprint(**told)  # type: ignore[arg-type]
