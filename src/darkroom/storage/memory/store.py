"""MemoryStore: all stores over one state. Knows nothing but how they are put together."""

from __future__ import annotations

from darkroom.core.ports import Accounts, Appeals, Gallery, Ledger, Library, Lineage, Operations, Uploads
from darkroom.storage.memory.accounts import MemoryAccounts
from darkroom.storage.memory.appeals import MemoryAppeals
from darkroom.storage.memory.gallery import MemoryGallery
from darkroom.storage.memory.ledger import MemoryLedger
from darkroom.storage.memory.library import MemoryLibrary
from darkroom.storage.memory.lineage import MemoryLineage
from darkroom.storage.memory.operations import MemoryOperations
from darkroom.storage.memory.state import State
from darkroom.storage.memory.uploads import MemoryUploads


class MemoryStore:
    """An empty store. It belongs to one event loop and needs no closing."""

    ledger: Ledger
    accounts: Accounts
    library: Library
    operations: Operations
    uploads: Uploads
    lineage: Lineage
    gallery: Gallery
    appeals: Appeals

    def __init__(self) -> None:
        state = State()
        self.ledger = MemoryLedger(state)
        self.accounts = MemoryAccounts(state)
        self.library = MemoryLibrary(state)
        self.operations = MemoryOperations(state)
        self.uploads = MemoryUploads(state)
        self.lineage = MemoryLineage(state)
        self.gallery = MemoryGallery(state)
        self.appeals = MemoryAppeals(state)
