"""A server may hold as many connections as the system lets it, not the few that a shell starts it with."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import resource
from darkroom.bootstrap.server import _allow_many_connections
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
_allow_many_connections()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "hard", "then"), [(256, 512, "512 512"), (512, 512, "512 512")])
def test_the_limit_is_raised_as_far_as_the_system_allows(soft: int, hard: int, then: str) -> None:
    command = [sys.executable, "-c", PROBE.format(soft=soft, hard=hard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == then
