"""Ctrl-C while something is drawn: remembered, and acted on where nothing is left half done. Knows no engine."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self

from darkroom.core.errors import Cancelled

WATCHED = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Within `with Interrupts() as interrupts`, a first Ctrl-C (or SIGTERM) only sets a flag that `check` turns into
    Cancelled; a second one raises KeyboardInterrupt at once, for the impatient."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[signal.Signals, object] = {}

    def check(self) -> None:
        """Raise Cancelled where the person has asked to stop."""
        if self._asked:
            raise Cancelled

    def __enter__(self) -> Self:
        heeded = [
            which for which in WATCHED if signal.getsignal(which) is not signal.SIG_IGN
        ]  # not under nohup
        self._before = {which: signal.signal(which, self._remember) for which in heeded}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)  # type: ignore[arg-type]

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
