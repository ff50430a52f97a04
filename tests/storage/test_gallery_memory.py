"""The gallery in memory keeps every promise of core.ports."""

import pytest
from tests.contracts.gallery_contract import GalleryContract

from darkroom.storage.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


class TestGallery(GalleryContract):
    pass
