"""Where our own time goes: a burst under the profiler, what is outside the network by function."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable, Sequence

from benchmarks.engine.contender import Contender
from benchmarks.engine.figures import figures_of
from benchmarks.engine.meter import Meter
from benchmarks.engine.orders import Order
from benchmarks.engine.replay import Player
from benchmarks.engine.report import say
from benchmarks.engine.toy import Toy

OWN = r"darkroom/(engine|model)"
LINES = 40


def profile(make: Callable[[bool], Contender], toy: Toy, meter: Meter, orders: Sequence[Order]) -> None:
    """Prints it for exact and for fast mode. The profiler dearly slows small functions: read it as shares."""
    for exact in (True, False):
        Player(make(exact), toy, orders, meter).play()  # warms up, and measures the row classes
        for watched in (False, True):
            contender, profiler = make(exact), cProfile.Profile()
            if watched:
                profiler.enable()
            replay = Player(contender, toy, orders, meter).play()
            profiler.disable()
            contender.close()
            figures = figures_of(replay)
            say(
                f"{'exact' if exact else 'fast'}, {'profiled' if watched else 'alone'}: {replay.used.passes} passes, "
                f"{figures.rows_a_pass:.1f} rows each, outside {figures.outside:.1%} = {figures.outside_ms:.2f} ms a step of an image, "
                f"rows of a pass {dict(sorted(replay.used.sizes.items()))}"
            )
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(OWN, LINES)
