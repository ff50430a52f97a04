"""`darkroom` with a clock that looks every millisecond of CPU time at what runs: little distortion, and no blur by others.

Writes on the way out where the time went: by function alone, and with all that it called.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from darkroom.cli.main import main

EVERY_S = 0.001
SHOWN = 120


class Sampler:
    """`own` counts the innermost function, `whole` every function on the stack, once."""

    def __init__(self) -> None:
        self.own: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()

    def look(self, number: int, frame: FrameType | None) -> None:
        seen: dict[str, None] = {}
        while frame is not None:
            code = frame.f_code
            seen[f"{'/'.join(code.co_filename.split('/')[-3:])}:{code.co_qualname}"] = None
            frame = frame.f_back
        if seen:
            self.own[next(iter(seen))] += 1
            self.whole.update(seen.keys())

    def told(self) -> str:
        total = max(1, self.own.total())
        lines = [f"{total} samples"]
        for title, counts in (("own", self.own), ("whole", self.whole)):
            lines += ["", title]
            lines += [f"{n / total:6.1%} {name}" for name, n in counts.most_common(SHOWN)]
        return "\n".join(lines) + "\n"


if __name__ == "__main__":
    target, sampler = Path(sys.argv.pop(1)), Sampler()
    signal.signal(signal.SIGPROF, sampler.look)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    try:
        main()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        target.write_text(sampler.told())
