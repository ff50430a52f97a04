"""The narrow seams behind which the stores and the classifiers stand: Protocols, no code.

Each has a real implementation and one in memory, and both pass one contract suite (tests/contracts). Every operation that
writes is one transaction: it happens whole or not at all. `now` comes from the caller, so that a test can own the clock.
Each may raise StoreUnavailable, and then nothing was changed, or the very same call may safely be made again
(but `Accounts.grant`, which would grant twice).
"""

from __future__ import annotations

from darkroom.core.ports.appeals import Appeals
from darkroom.core.ports.gallery import Gallery, ImageFilter, Uploads
from darkroom.core.ports.ledger import Ledger
from darkroom.core.ports.library import JobFilter, Library, Lineage
from darkroom.core.ports.objects import Objects
from darkroom.core.ports.operations import Operations, Publisher, Vitals
from darkroom.core.ports.people import Accounts
from darkroom.core.ports.perception import Describer, ImageScorer, Intake, Shortener, TextEmbedder, WordWeight

__all__ = [
    "Accounts",
    "Appeals",
    "Describer",
    "Gallery",
    "ImageFilter",
    "ImageScorer",
    "Intake",
    "JobFilter",
    "Ledger",
    "Library",
    "Lineage",
    "Objects",
    "Operations",
    "Publisher",
    "Shortener",
    "TextEmbedder",
    "Uploads",
    "Vitals",
    "WordWeight",
]
