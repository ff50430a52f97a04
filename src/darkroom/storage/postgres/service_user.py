"""Whom root becomes to run PostgreSQL, which refuses to run as root, and how that user gets at what it needs."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

NAMES = ("pgserver", "postgres", "nobody")  # the first that exists

_READ = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_ENTER = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def find() -> pwd.struct_passwd | None:
    """The user to run the server as; None where we are not root and run it ourselves."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name: each for each in pwd.getpwall()}
    return next(known[name] for name in NAMES if name in known)


def let_in(user: pwd.struct_passwd, *, programs: Path, folders: Iterable[Path]) -> None:
    """Gives the folders to the user, and lets everybody pass through (not list) the folders above them and the programs."""
    for folder in folders:
        _own(folder, user)
        _let_pass(folder.parent)
    _let_pass(programs)
    if programs.joinpath("postgres").stat().st_mode & stat.S_IXOTH == 0:  # installed under a strict umask
        for path in (programs.parent, *programs.parent.rglob("*")):
            if not path.is_symlink():
                path.chmod(
                    path.stat().st_mode | _READ | (_ENTER if path.is_dir() or path.parent == programs else 0)
                )


def _own(folder: Path, user: pwd.struct_passwd) -> None:
    if folder.stat().st_uid == user.pw_uid:
        return
    for path in (*folder.rglob("*"), folder):  # the folder last: its owner says that all is done
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _let_pass(folder: Path) -> None:
    for each in (folder, *folder.parents):
        mode = each.stat().st_mode
        if not mode & stat.S_IXOTH:
            each.chmod(mode | stat.S_IXOTH)
