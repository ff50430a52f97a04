"""The stores in memory keep every promise of core.ports."""

import pytest
from tests.contracts.accounts_contract import AccountsContract
from tests.contracts.ledger_contract import LedgerContract
from tests.contracts.library_contract import LibraryContract
from tests.contracts.operations_contract import OperationsContract

from darkroom.storage.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


class TestLedger(LedgerContract):
    pass


class TestAccounts(AccountsContract):
    pass


class TestLibrary(LibraryContract):
    pass


class TestOperations(OperationsContract):
    pass
