"""The self-test of a row class: which numbers of rows give a row the same bits in every slot, and what a row costs in each.

Kernels are chosen by shapes and not by values, so rows of one request at other levels and with other noise stand for all.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeVar

import torch
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.params import GenerationParams
from darkroom.engine.fingerprint import EngineFingerprint, fingerprint_of
from darkroom.engine.passes import is_out_of_memory
from darkroom.model.denoiser import Conditioning, Denoiser, Prepared

ROWS_MAX = 16  # rows of a pass: beyond it no shape that we measured gains
KNEE = 0.05  # by how much a row must get cheaper so that more rows pay
URGENT_KNEE = (
    0.4  # the same for passes that somebody urgent waits for: they take the longer the more rows they have
)
EVIDENCE_ROWS = 12  # rows that are compared before a number of rows is called proven,
EVIDENCE_PASSES = 2  # and passes
TIMED_ROUNDS = 3  # in which every number of rows that may become a cap is timed, one after the other
BUDGET_S = 3.0  # seconds after which no further number of rows is tried; as long as the reference took, if that is more
STRIDE = 997  # numbers by which the noise of one row is rolled against that of the next

Timer = Callable[[], float]
"""Seconds from anywhere on."""

T = TypeVar("T")
Passes = Generator[None, None, T]
"""Stops after each pass of a network, so that something else may be done before the next; in the end it returns a T."""


def at_once(passes: Passes[T]) -> T:
    """All of them, one after the other."""
    while True:
        try:
            next(passes)
        except StopIteration as end:
            found: T = end.value
            return found


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """Whether passes of the reference count keep a row's bits: the slots tried, those that differed, and by how much."""

    row_class: str
    fingerprint: EngineFingerprint
    slots_tried: int
    slots_differing: tuple[int, ...]
    max_difference: float

    @property
    def holds(self) -> bool:
        return not self.slots_differing

    def require(self) -> None:
        """Raises ModelError where it does not hold."""
        if not self.holds:
            slots = ", ".join(map(str, self.slots_differing))
            raise ModelError(
                f"{self.fingerprint.device} does not keep exact mode for {self.row_class}: an image's bits change in "
                f"slots {slots} of a pass, by up to {self.max_difference:g}. Use another device, driver or version of "
                "torch"
            )


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """`equal`: the counts that give the bits of the reference count. `knee`: the one that passes are capped at.

    `urgent_knee` is the cap of passes that somebody urgent waits for.
    `row_s` tells what a row took by the rows of the pass. Rows that are not `finite` show nothing.
    """

    exactness: Exactness
    equal: frozenset[int]
    knee: int
    urgent_knee: int
    row_s: Mapping[int, float]
    finite: bool


def self_test(
    denoiser: Denoiser,
    prepared: Prepared,
    *,
    rows: int,
    budget_s: float = BUDGET_S,
    timer: Timer = time.perf_counter,
) -> Passes[SelfTest]:
    """Compares passes of 1 to 2 x `rows` rows, `ROWS_MAX` at most, with passes of `rows`.

    First the powers of two, then what lies below the knee. Raises what torch raises where not even `rows` rows fit.
    """
    trial = _Trial(denoiser, prepared, size=2 * rows, timer=timer)
    one = yield from trial.run(range(rows))
    other = yield from trial.run(range(rows, 2 * rows))
    home = torch.cat([one, other])
    exactness = yield from _held(trial, home, rows)
    finite = bool(home.isfinite().all())
    equal = {rows}
    if exactness.holds and finite:
        trial.limit(budget_s)
        equal |= yield from trial.proven(_powers(trial, rows), home)
        yield from trial.time_by_turns(equal)
        equal |= yield from trial.proven(_below_the_knee(trial, equal), home)
    return SelfTest(
        exactness=exactness,
        equal=frozenset(equal),
        knee=_knee(trial.row_s, equal),
        urgent_knee=_knee(trial.row_s, equal, URGENT_KNEE),
        row_s=trial.row_s,
        finite=finite,
    )


def measured_knees(
    denoiser: Denoiser,
    prepared: Prepared,
    *,
    rows: int,
    budget_s: float = BUDGET_S,
    timer: Timer = time.perf_counter,
) -> Passes[tuple[int, int]]:
    """Both knees of a class without any proof, for fast mode, among the powers of two that `self_test` tries.

    Raises what torch raises where not even `rows` rows fit.
    """
    trial = _Trial(denoiser, prepared, size=2 * rows, timer=timer)
    for _ in range(EVIDENCE_PASSES):
        yield from trial.run(range(rows))
    trial.limit(budget_s)
    fitting = [rows]
    for count in trial.in_time(_powers(trial, rows)):
        if (yield from trial.fits(count)):
            fitting.append(count)
    yield from trial.time_by_turns(fitting)
    return _knee(trial.row_s, trial.row_s), _knee(trial.row_s, trial.row_s, URGENT_KNEE)


@torch.no_grad()
def verify_exactness(denoiser: Denoiser, params: GenerationParams, *, rows_per_pass: int) -> Exactness:
    """Runs one row of `params` among its likes, then in every slot of a pass among strangers, and compares bits.

    Takes `rows_per_pass` + 1 passes: slower than `self_test`, and more thorough for that one number of rows. Raises
    ModelError where `params` cannot be prepared.
    """
    prepared = denoiser.prepare(params, index=0)
    trial = _Trial(denoiser, prepared, size=rows_per_pass + 1)
    alone = at_once(trial.run([0] * rows_per_pass))[:1]
    slots, differences = range(rows_per_pass), []
    for slot in slots:
        found = at_once(trial.run([slot + 1 if at != slot else 0 for at in slots]))
        differences += _differences(found[slot][None], alone)
    return _exactness(trial, rows_per_pass, differences)


class _Trial:
    """Passes of one class over `size` different rows of it, each pass timed."""

    def __init__(
        self,
        denoiser: Denoiser,
        prepared: Prepared,
        *,
        size: int,
        timer: Timer = time.perf_counter,
    ) -> None:
        self.denoiser, self.row_class, self.size, self._timer = denoiser, prepared.row_class, size, timer
        self.row_s: dict[int, float] = {}  # rows of a pass -> the least seconds of a row
        self._spent_s, self._limit_s = 0.0, math.inf
        guides = [prepared.conditional, prepared.unconditional]
        self._guides: list[Conditioning] = [each for each in guides if each is not None]
        self._levels = prepared.sigmas[:-1]
        self._noise = prepared.latent.to(denoiser.device)  # (C, h, w)

    def run(self, picked: Sequence[int]) -> Passes[Tensor]:
        """The estimates (R, C, h, w) of a pass of these rows."""
        estimates = self._pass(picked)
        yield
        return estimates

    @torch.no_grad()
    def _pass(self, picked: Sequence[int]) -> Tensor:
        levels = [self._levels[row % len(self._levels)] for row in picked]
        latents = torch.stack([self._latent(row) for row in picked])
        sigmas = torch.tensor(levels, dtype=torch.float32, device=latents.device)
        guides = [self._guides[row % len(self._guides)] for row in picked]
        began = self._now()
        estimates = self.denoiser.denoise(latents, sigmas, guides).float()
        took_s = self._now() - began
        self._spent_s += took_s
        self.row_s[len(picked)] = min(took_s / len(picked), self.row_s.get(len(picked), math.inf))
        return estimates

    def limit(self, budget_s: float) -> None:
        """From now on there are so many seconds, or as many as were spent so far, if these are more."""
        self._limit_s = self._spent_s + max(budget_s, self._spent_s)

    def in_time(self, counts: Iterable[int]) -> Iterator[int]:
        return takewhile(lambda count: self._spent_s < self._limit_s, counts)

    def proven(self, counts: Iterable[int], home: Tensor) -> Passes[set[int]]:
        """Those of `counts` that give the bits of `home`, while there is time."""
        found = set()
        for count in self.in_time(counts):
            if (yield from self.agrees(count, home)):
                found.add(count)
        return found

    def agrees(self, count: int, home: Tensor) -> Passes[bool]:
        """Whether passes of `count` rows, in other slots and company, give the bits of `home` (size, C, h, w)."""
        for turn in range(max(EVIDENCE_PASSES, -(-EVIDENCE_ROWS // count))):
            picked = self._company(count, turn)
            found = yield from self._run_or_none(picked)
            if found is None or any(_differences(found, home[picked])):
                return False
        return True

    def fits(self, count: int) -> Passes[bool]:
        """Whether memory suffices for `count` rows; takes their time."""
        for turn in range(EVIDENCE_PASSES):
            if (yield from self._run_or_none(self._company(count, turn))) is None:
                return False
        return True

    def time_by_turns(self, counts: Iterable[int]) -> Passes[None]:
        """Times these numbers of rows anew, by turns, so that whatever else the machine does meets all of them alike."""
        counts, rounds = sorted(counts), []
        for _ in self.in_time(range(TIMED_ROUNDS)):
            taken = {}
            for count in counts:
                taken[count] = yield from self._timed(count)
            rounds.append(taken)
        if rounds:
            self.row_s.update({count: min(each[count] for each in rounds) for count in counts})

    def _timed(self, count: int) -> Passes[float]:
        """Seconds of a row in a pass of so many."""
        before = self._spent_s
        yield from self.run(range(count))
        return (self._spent_s - before) / count

    def _run_or_none(self, picked: Sequence[int]) -> Passes[Tensor | None]:
        try:
            return (yield from self.run(picked))
        except (RuntimeError, MemoryError) as fault:
            if is_out_of_memory(fault):
                return None
            raise

    def _company(self, count: int, turn: int) -> list[int]:
        """Rows in a row, forwards and backwards by turns, from another one in each turn."""
        start, step = 5 * turn + 1, -1 if turn % 2 else 1
        return [(start + step * at) % self.size for at in range(count)]

    def _latent(self, row: int) -> Tensor:
        """Noise alone at the level of the row (C, h, w): what x is of a black picture, in either convention."""
        level = self._levels[row % len(self._levels)] / self._levels[0]
        return self._noise.flatten().roll(STRIDE * row).view_as(self._noise) * level

    def _now(self) -> float:
        if self.denoiser.device.type != "cpu":
            torch.accelerator.synchronize(self.denoiser.device)
        return self._timer()


def _held(trial: _Trial, home: Tensor, rows: int) -> Passes[Exactness]:
    """Every row again, in other slots: those with even numbers among themselves, the odd ones backwards."""
    differences = [0.0] * rows
    for picked in (list(range(0, 2 * rows, 2)), list(range(2 * rows - 1, 0, -2))):
        again = yield from trial.run(picked)
        found = _differences(again, home[picked])
        differences = [max(pair) for pair in zip(differences, found, strict=True)]
    return _exactness(trial, rows, differences)


def _exactness(trial: _Trial, rows: int, differences: Sequence[float]) -> Exactness:
    return Exactness(
        row_class=trial.row_class,
        fingerprint=fingerprint_of(trial.denoiser, rows=rows),
        slots_tried=rows,
        slots_differing=tuple(slot for slot, difference in enumerate(differences) if difference > 0),
        max_difference=max(differences),
    )


def _differences(found: Tensor, expected: Tensor) -> list[float]:
    """By how much each row (R, C, h, w) differs at most: 0 for the same bits, and for nothing else."""
    same = (found.view(torch.int32) == expected.view(torch.int32)).flatten(1).all(dim=1).tolist()
    by = (found - expected).abs().nan_to_num(nan=torch.inf).flatten(1).amax(dim=1).tolist()
    least = torch.finfo(torch.float32).tiny
    return [0.0 if equal else max(difference, least) for equal, difference in zip(same, by, strict=True)]


def _powers(trial: _Trial, rows: int) -> Iterator[int]:
    """For 8 `rows`: 4, 2, 1; then 16, if 8 have made a row cheaper than fewer did."""
    powers = [2**exponent for exponent in range(ROWS_MAX.bit_length())]
    yield from (count for count in reversed(powers) if count < rows)
    for count in powers:
        fewer = [row_s for each, row_s in trial.row_s.items() if each < rows]
        if rows < count <= 2 * rows and trial.row_s[rows] <= (1 - KNEE) * min(fewer, default=math.inf):
            yield count


def _below_the_knee(trial: _Trial, equal: set[int]) -> Iterator[int]:
    """What lies between, greatest first: a pass may be padded to it. Beyond 8, where that wastes little, by pairs."""
    for count in reversed(range(1, _knee(trial.row_s, equal))):
        if count not in trial.row_s and (count < 8 or count % 2 == 0):
            yield count


def _knee(row_s: Mapping[int, float], counts: Iterable[int], knee: float = KNEE) -> int:
    """The smallest of `counts` whose rows are hardly dearer than the cheapest; 1 or even, for guided rows come in pairs."""
    counts = [count for count in counts if count == 1 or count % 2 == 0] or list(counts)
    cheapest = min(row_s[count] for count in counts)
    return min(count for count in counts if row_s[count] * (1 - knee) <= cheapest)
