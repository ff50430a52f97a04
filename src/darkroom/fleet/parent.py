"""A process that ends with the one that started it, however that ends. Knows nothing of what either of them does."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

CHECK_EVERY_S = 1.0
ORPHANED = 1  # exit code
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int) -> None:
    """From now on this process is killed when `parent`, the id of the one that started it, ends; at once where it has ended.

    By the kernel on Linux, else by looking once a second. On Linux the thread that started this process counts: it must not
    end before its process does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(ORPHANED)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_EVERY_S)
    os._exit(ORPHANED)
