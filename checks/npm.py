"""Runs npm in `web/` with the node that a wheel brings: `python -m checks.npm ci`, `python -m checks.npm run build`.

No node need be installed, and one that is is not used. npm is run by its own script, because the wheel's `bin/npm` is broken.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from darkroom.train.sprites.fetch import node_and_npm

WEB = Path(__file__).parent.parent / "web"


def npm(*arguments: str) -> int:
    """The exit code of npm, which says itself what it does."""
    node, script = node_and_npm()
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    command = [str(node), str(script), *arguments]
    return subprocess.run(command, cwd=WEB, env={**os.environ, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(npm(*sys.argv[1:]))
