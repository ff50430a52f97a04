"""The store in PostgreSQL keeps every promise of core.ports."""

import pytest
from tests.contracts.accounts_contract import AccountsContract
from tests.contracts.ledger_contract import LedgerContract
from tests.contracts.library_contract import LibraryContract
from tests.contracts.operations_contract import OperationsContract

from darkroom.storage.postgres.store import PostgresStore


@pytest.fixture
def store(postgres_store: PostgresStore) -> PostgresStore:
    return postgres_store


class TestLedger(LedgerContract):
    pass


class TestAccounts(AccountsContract):
    pass


class TestLibrary(LibraryContract):
    pass


class TestOperations(OperationsContract):
    pass
