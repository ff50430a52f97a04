"""How long a failed job waits before it may run again."""

from __future__ import annotations

from random import Random

from darkroom.dispatch.policy import DispatchPolicy


def retry_delay_s(attempt: int, rng: Random, policy: DispatchPolicy) -> float:
    """Seconds to wait after run number `attempt` (from 1) has failed. The jitter keeps retries of one fault from coming as a wave."""
    delays = policy.retry_delays_s
    delay_s = delays[min(max(attempt, 1), len(delays)) - 1]
    return delay_s * (1 + policy.retry_jitter * rng.uniform(-1, 1))
