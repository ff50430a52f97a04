"""Installs Debian's Chromium for the studio's tests: `python -m checks.browser`. Says what to do where it cannot.

The tests drive a browser of the system, because a package of PyPI cannot carry one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", "chromium")


def found() -> str | None:
    """The path of a Chromium: that of `CHROMIUM`, else the first of those that systems install."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> int:
    """The exit code: 0 where a browser is there now."""
    path = found()
    if path:
        print(f"There is a browser: {path}")
        return 0
    root = os.geteuid() == 0
    if not shutil.which("apt-get") or not (root or shutil.which("sudo")):
        print("Install Chromium in this system's own way, or set CHROMIUM to where it is.", file=sys.stderr)
        return 1
    before = () if root else ("sudo",)
    subprocess.run([*before, "apt-get", "update"], check=False)
    return subprocess.run([*before, *INSTALL], check=False).returncode


if __name__ == "__main__":
    sys.exit(install())
