"""The store in PostgreSQL keeps every promise of core.ports."""

import pytest
from hypothesis import given
from tests.contracts.accounts_contract import AccountsContract
from tests.contracts.appeals_contract import AppealsContract
from tests.contracts.figures_contract import FiguresContract
from tests.contracts.ledger_contract import LedgerContract
from tests.contracts.library_contract import LibraryContract
from tests.contracts.lineage_contract import (
    PROPERTY,
    QUESTIONS,
    LineageContract,
    Question,
    answers_like_plain_reachability,
)
from tests.contracts.operations_contract import OperationsContract
from tests.contracts.uploads_contract import UploadsContract

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


class TestFigures(FiguresContract):
    pass


class TestAppeals(AppealsContract):
    pass


class TestUploads(UploadsContract):
    pass


class TestLineage(LineageContract):
    pass


@PROPERTY
@given(question=QUESTIONS)
async def test_lineage_is_plain_reachability(store: PostgresStore, question: Question) -> None:
    await answers_like_plain_reachability(store, question)
