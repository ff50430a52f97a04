"""`darkroom`, with the waits of leases and heartbeats shortened, so that a round takes seconds. All else is as it ships.

python -m benchmarks.chaos.hurried serve --json ...
"""

from __future__ import annotations

LEASE_S, HEARTBEAT_EVERY_S, ABORT_AFTER_S = 5.0, 1.0, 3.5
DISPATCH_LEASE_S, RENEW_EVERY_S = 3.0, 0.7
UNNAMED_GRACE_S = 3.0
PULL_WAIT_MAX_S = 5.0
HEARTBEAT_TIMEOUT_S = 1.5
BACKOFF_MAX_S = 1.5


def hurry() -> None:
    """Sets the constants; to be called before anything else of the service is imported, because names are copied then."""
    from darkroom.core import work

    work.LEASE_S, work.HEARTBEAT_EVERY_S, work.ABORT_AFTER_S = LEASE_S, HEARTBEAT_EVERY_S, ABORT_AFTER_S
    work.PULL_WAIT_MAX_S = PULL_WAIT_MAX_S
    from darkroom.lifecycle import lease, runs

    lease.LEASE_TTL_S, lease.RENEW_EVERY_S = DISPATCH_LEASE_S, RENEW_EVERY_S
    runs.UNNAMED_GRACE_S = UNNAMED_GRACE_S
    from darkroom.worker import protocol

    protocol.HEARTBEAT_TIMEOUT_S, protocol.BACKOFF_MAX_S = HEARTBEAT_TIMEOUT_S, BACKOFF_MAX_S


if __name__ == "__main__":
    hurry()
    from darkroom.cli.main import main

    main()
