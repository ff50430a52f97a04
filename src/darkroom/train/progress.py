"""One progress line on standard error: rewritten in a terminal, a line each elsewhere."""

from __future__ import annotations

import sys


def report(line: str) -> None:
    """Show the line at once."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
    else:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
