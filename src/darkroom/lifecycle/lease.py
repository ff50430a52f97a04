"""The dispatch lease as one process sees it: whether it is the one that dispatches, under which epoch, and who else is.

Knows nothing of what is dispatched. Between renewals it trusts the clock, and only as far as the lease reaches.
"""

from __future__ import annotations

from datetime import datetime

from darkroom.core.errors import NotActive
from darkroom.core.ports import Operations
from darkroom.core.workers import Lease

LEASE_TTL_S = 6.0
RENEW_EVERY_S = 2.0


class DispatchLease:
    """Renewed by `renew`; `epoch` is for the claims that are made under it."""

    def __init__(self, operations: Operations, *, holder: str, url: str) -> None:
        self._operations = operations
        self._holder = holder
        self._url = url
        self._lease: Lease | None = None

    async def renew(self, now: datetime) -> None:
        """Takes or prolongs the lease where that can be. StoreUnavailable: what was known stays known."""
        self._lease = await self._operations.acquire_lease(
            holder=self._holder, url=self._url, ttl_s=LEASE_TTL_S, now=now
        )

    async def release(self) -> None:
        self._lease = None
        await self._operations.release_lease(holder=self._holder)

    def held(self, now: datetime) -> bool:
        return self._lease is not None and self._lease.holder == self._holder and now < self._lease.until

    @property
    def epoch(self) -> int:
        return self._lease.epoch if self._lease is not None else 0

    def elsewhere(self) -> NotActive:
        """The error that says where to go; without an address while nobody is known to dispatch."""
        mine = self._lease is None or self._lease.holder == self._holder
        return NotActive(url="" if mine or self._lease is None else self._lease.url)
