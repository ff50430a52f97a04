"""The story of the benchmark: bring up the service, let rounds of faults go over it, settle, audit; say what was found."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.chaos.rounds import run


def main() -> int:
    options = _options()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="darkroom-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # the database's own user goes through it
    return asyncio.run(run(options, folder))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first round; the next have the next numbers"
    )
    parser.add_argument("--seconds", type=float, default=14.0, help="of load in a round")
    parser.add_argument("--jobs", type=int, default=50, help="submissions in a round, about")
    parser.add_argument("--faults", type=int, default=7, help="faults in a round")
    parser.add_argument("--real-times", action="store_true", help="leases and heartbeats as they ship")
    parser.add_argument(
        "--mini",
        type=int,
        default=0,
        help="rounds with the real worker and mini-1, afterwards; each takes a minute or more",
    )
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave everything there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
