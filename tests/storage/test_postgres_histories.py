"""Random histories on PostgreSQL: money, slots, counters and events hold after each step."""

import pytest
from tests.contracts.histories import run_history

from darkroom.storage.postgres.store import PostgresStore


@pytest.mark.parametrize("seed", range(4))
async def test_histories_keep_the_invariants(postgres_store: PostgresStore, seed: int) -> None:
    await run_history(postgres_store, seed, 60)


async def test_the_same_history_ends_the_same_in_memory(postgres_store: PostgresStore) -> None:
    from darkroom.storage.memory import MemoryStore

    real, remembered = await run_history(postgres_store, 11, 60), await run_history(MemoryStore(), 11, 60)
    assert [(job.state, job.attempt, job.charged_gpu_ms) for job in real.jobs] == [
        (job.state, job.attempt, job.charged_gpu_ms) for job in remembered.jobs
    ]
