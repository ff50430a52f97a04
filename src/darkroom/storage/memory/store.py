"""MemoryStore: the four stores over one state. Knows nothing but how they are put together."""

from __future__ import annotations

from darkroom.core.ports import Accounts, Ledger, Library, Operations
from darkroom.storage.memory.accounts import MemoryAccounts
from darkroom.storage.memory.ledger import MemoryLedger
from darkroom.storage.memory.library import MemoryLibrary
from darkroom.storage.memory.operations import MemoryOperations
from darkroom.storage.memory.state import State


class MemoryStore:
    """An empty store. It belongs to one event loop and needs no closing."""

    ledger: Ledger
    accounts: Accounts
    library: Library
    operations: Operations

    def __init__(self) -> None:
        state = State()
        self.ledger = MemoryLedger(state)
        self.accounts = MemoryAccounts(state)
        self.library = MemoryLibrary(state)
        self.operations = MemoryOperations(state)
