"""The row classes that images are in: how their passes are cut, as measured and as far as memory goes.

What is not measured yet is measured one pass at a time, so that cancels and everybody else's steps come between.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

from darkroom.engine.exactness import Passes, Timer
from darkroom.engine.profiles import Profile, Profiles
from darkroom.engine.requests import Ready

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """The self-test that an image waits for; `passes` ends with the profile."""

    ready: Ready
    passes: Passes[Profile]


class RowClasses:
    """Knows a class for as long as images are in it: what memory did not suffice for once, it may suffice for later."""

    def __init__(self, profiles: Profiles, *, exact: bool, timer: Timer) -> None:
        self._profiles, self._exact, self._timer = profiles, exact, timer
        self._known: dict[str, Profile] = {}
        self._narrowed: set[str] = set()
        self._images: Counter[str] = Counter()
        self._trial: _Trial | None = None
        self._due_ms = 0.0  # when the next pass of a trial may come, in milliseconds of steps
        self._verdicts: dict[int, Profile] = {}  # what came of trials, by the key of who waits for it

    def __getitem__(self, row_class: str) -> Profile:
        """Of a class that images are in."""
        return self._known[row_class]

    @property
    def measured_for(self) -> Ready | None:
        """The image that the self-test is made for; None where there is none to make."""
        return self._trial.ready if self._trial else None

    def profile(self, ready: Ready) -> Profile | None:
        """How passes of this image's class are cut; None where that is to be measured first, by `advance`.

        Raises ModelError where the device is known not to keep the bits of the class.
        """
        if verdict := self._verdicts.get(ready.waiting.key):
            return verdict
        denoiser, prepared = ready.waiting.denoiser, ready.prepared
        known = self._known.get(prepared.row_class)
        if known and known.fingerprint.weights_hash == denoiser.weights_hash and self._is_tried(known):
            return known
        found = self._profiles.settled(denoiser, prepared, exact=self._exact)
        if found is None and self._trial is None:
            passes = self._profiles.finding(denoiser, prepared, exact=self._exact)
            self._trial = _Trial(ready=ready, passes=passes)
        return found

    def is_due(self, device_ms: float) -> bool:
        """Whether images have taken steps for as long as the last pass of a self-test took. `device_ms`: of all steps yet."""
        return device_ms >= self._due_ms

    def advance(self, device_ms: float) -> None:
        """One pass of the self-test. Once it has ended, `profile` knows what came of it. Raises what the pass raised."""
        trial, self._trial = self._trial, None
        assert trial is not None
        began = self._timer()
        try:
            next(trial.passes)
        except StopIteration as end:
            self._verdicts[trial.ready.waiting.key] = end.value
        else:
            self._trial = trial
        self._due_ms = device_ms + 1000 * (self._timer() - began)

    def give_up(self, key: int) -> None:
        """Who waited for a self-test is gone. It ends: the next of the class begins it again."""
        self._verdicts.pop(key, None)
        if self._trial and self._trial.ready.waiting.key == key:
            self._trial = None

    def enter(self, row_class: str, key: int, profile: Profile) -> None:
        """The image `key` is in flight from now on."""
        self._verdicts.pop(key, None)
        self._known[row_class] = profile
        self._images[row_class] += 1

    def leave(self, row_class: str) -> None:
        """An image of the class is in flight no more."""
        self._images[row_class] -= 1
        if not self._images[row_class]:
            del self._images[row_class], self._known[row_class]
            self._narrowed.discard(row_class)

    def narrow(self, row_class: str) -> None:
        """Memory did not suffice for a pass: half as many rows from now on."""
        profile = self._known[row_class]
        self._known[row_class] = profile.narrowed(profile.cap // 2)
        self._narrowed.add(row_class)
        log.warning(
            "memory does not suffice for passes of %d rows of %s: %d at most from now on",
            profile.cap,
            row_class,
            self._known[row_class].cap,
        )

    def _is_tried(self, profile: Profile) -> bool:
        """Where all that is known is the reference count, the self-test of an earlier image may have shown nothing."""
        return profile.equal != {profile.rows} or profile.row_class in self._narrowed
