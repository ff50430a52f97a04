"""`darkroom` under cProfile by the CPU time of its main thread, which other processes cannot blur. Writes on a signal to end."""

from __future__ import annotations

import cProfile
import sys
import time
from pathlib import Path

from darkroom.cli.main import main

if __name__ == "__main__":
    target = Path(sys.argv.pop(1))
    profile = cProfile.Profile(time.thread_time)
    try:
        profile.runcall(main)
    finally:
        profile.dump_stats(target)
