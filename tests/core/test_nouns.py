"""The nouns keep what they promise: ids sort by time, states have a way out, errors speak in sentences."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core import errors
from darkroom.core.accounts import Balance, Plan
from darkroom.core.ids import RANDOM_BITS, new_id
from darkroom.core.jobs import CLAIMED, HOLDS_SLOT, TERMINAL, TRANSITIONS, JobState

MOMENTS = st.integers(86_400_000, 32_503_680_000_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)


@given(MOMENTS, st.integers(0, 2**RANDOM_BITS - 1))
def test_an_id_is_of_version_7_and_of_the_standard_s_variant(now: datetime, randomness: int) -> None:
    made = new_id(now, randomness=randomness)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(now.timestamp() * 1000)
    assert made == new_id(now, randomness=randomness)


@given(MOMENTS, st.integers(1, 10**9))
def test_later_ids_are_larger(now: datetime, later_ms: int) -> None:
    later = now + timedelta(milliseconds=later_ms + 1)
    assert new_id(now, randomness=2**RANDOM_BITS - 1) < new_id(later, randomness=0)


@given(st.integers(0, 2**RANDOM_BITS - 2))
def test_one_more_of_randomness_is_a_larger_id(randomness: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert new_id(now, randomness=randomness) < new_id(now, randomness=randomness + 1)


def test_ids_of_one_moment_differ() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({new_id(now) for _ in range(1000)}) == 1000


def test_an_id_needs_a_moment_with_a_time_zone() -> None:
    with pytest.raises(AssertionError, match="time zone"):
        new_id(datetime(2026, 1, 1))  # noqa: DTZ001


def test_every_state_leads_to_an_end_and_ends_lead_nowhere() -> None:
    assert set(TRANSITIONS) == set(JobState)
    assert {JobState.COMPLETED, JobState.REJECTED, JobState.FAILED, JobState.CANCELLED} == TERMINAL
    assert CLAIMED < HOLDS_SLOT and not HOLDS_SLOT & TERMINAL
    for start in JobState:
        reached, border = {start}, {start}
        while border := {to for state in border for to in TRANSITIONS[state]} - reached:
            reached |= border
        assert reached & TERMINAL, start


def test_only_published_pictures_complete_a_job() -> None:
    assert {state for state, following in TRANSITIONS.items() if JobState.COMPLETED in following} == {
        JobState.FINISHING
    }


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, errors.DarkroomError) and kind is not errors.PromptError
    ],
)
def test_an_error_without_a_message_speaks_in_one_sentence(kind: type[errors.DarkroomError]) -> None:
    message = kind().message
    assert message.endswith(".") and "\n" not in message and "`" not in message
    assert kind().code


def test_a_plan_s_waiting_room_holds_its_largest_batch() -> None:
    plan = Plan(name="x", title="X", fast_gpu_ms_month=None, waiting=10, batch=40)
    assert (plan.waiting_cap, plan.unlimited) == (40, True)


def test_what_is_held_is_not_available() -> None:
    balance = Balance(granted_gpu_ms=100, expired_gpu_ms=20, settled_gpu_ms=30, held_gpu_ms=10)
    assert balance.available_gpu_ms == 40


def test_ids_are_uuids_of_the_standard_library() -> None:
    assert isinstance(new_id(datetime.now(UTC)), UUID)
