"""The gallery in PostgreSQL keeps every promise of core.ports."""

import pytest
from tests.contracts.gallery_contract import GalleryContract

from darkroom.storage.postgres.store import PostgresStore


@pytest.fixture
def store(postgres_store: PostgresStore) -> PostgresStore:
    return postgres_store


class TestGallery(GalleryContract):
    pass
