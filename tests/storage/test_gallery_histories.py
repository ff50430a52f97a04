"""Random histories of a gallery: counts are what the lists hold, in memory and in PostgreSQL, and both tell the same."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.gallery_histories import run_gallery

from darkroom.storage.memory import MemoryStore
from darkroom.storage.postgres.store import PostgresStore


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
async def test_counts_and_lists_agree_in_memory(rng: Random) -> None:
    await run_gallery(MemoryStore(), rng, 25)


@pytest.mark.parametrize("seed", range(3))
async def test_both_stores_tell_the_same(postgres_store: PostgresStore, seed: int) -> None:
    real = await run_gallery(postgres_store, seed, 50)
    remembered = await run_gallery(MemoryStore(), seed, 50)
    for step, (one, other) in enumerate(zip(real, remembered, strict=True)):
        assert one == other, f"line {step}, after {real[max(step - 3, 0) : step]}"
