"""The sums of a statement: entries added up into the balance that the account shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from darkroom.core.accounts import Balance, Entry, EntryKind


def statement_totals(entries: Iterable[Entry]) -> Balance:
    """The balance after all entries of one account, in any order. Held is what was held and not yet released."""
    sums: Counter[EntryKind] = Counter()
    for entry in entries:
        sums[entry.kind] += entry.amount_gpu_ms
    return Balance(
        granted_gpu_ms=sums[EntryKind.GRANT],
        expired_gpu_ms=sums[EntryKind.EXPIRE],
        settled_gpu_ms=sums[EntryKind.SETTLE],
        held_gpu_ms=sums[EntryKind.HOLD] - sums[EntryKind.RELEASE],
    )
