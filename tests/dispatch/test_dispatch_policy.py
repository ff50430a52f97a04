"""The policy file: what ships, what may be left out, and what is refused in which words."""

from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.core.params import Lane
from darkroom.dispatch.policy import BUILTIN_POLICY, DispatchPolicy, read_dispatch_policy


def test_the_file_that_ships_says_what_the_defaults_are() -> None:
    assert read_dispatch_policy() == DispatchPolicy()


def test_what_a_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("affinity_window = 7\nretry_delays_s = [3]\n[shares]\nturbo=1\nfast=1\nrelax=1\n")
    policy = read_dispatch_policy(path)
    assert policy == DispatchPolicy(affinity_window=7, retry_delays_s=(3,), shares=dict.fromkeys(Lane, 1))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("retires = 3", "unknown key 'retires'"),
        ("shares = 3", "shares must be a table with just turbo, fast and relax, not 3"),
        ("shares = {turbo = 90, fast = 10}", "shares must be a table with just turbo, fast and relax"),
        (
            "shares = {turbo = 90, fast = 10, relax = 0}",
            "shares.relax must be a whole number from 1 to 1,000,000, not 0",
        ),
        ("shares = {turbo = 90, fast = 10, relax = 1.5}", "shares.relax must be a whole number"),
        (
            "affinity_wait_s = {turbo = -1, fast = 1, relax = 1}",
            "affinity_wait_s.turbo must be seconds from 0",
        ),
        ("affinity_window = true", "affinity_window must be a whole number"),
        ("affinity_window = -1", "affinity_window must be a whole number"),
        ("breaker_failures = 0", "breaker_failures must be a whole number from 1"),
        ("quarantine_opens = 0", "quarantine_opens must be a whole number from 1"),
        ("breaker_window_s = 0", "breaker_window_s must be seconds from 0.001"),
        ("breaker_window_s = nan", "breaker_window_s must be seconds"),
        ("quarantine_window_s = true", "quarantine_window_s must be seconds"),
        ("breaker_backoff_s = 700", "breaker_backoff_max_s must be at least breaker_backoff_s"),
        ("retry_delays_s = 4", "retry_delays_s must be a list of seconds, not 4"),
        ("retry_delays_s = []", "retry_delays_s must list at least one delay"),
        ("retry_delays_s = ['1']", "retry_delays_s must be seconds"),
        ("retry_jitter = 1", "retry_jitter must be at least 0 and below 1, not 1"),
        ("retry_jitter = true", "retry_jitter must be"),
        ("shares = ", "is not valid TOML"),
        ("#" * 100_001, "larger than 100,000 bytes"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_name_and_the_key(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(DarkroomError) as raised:
        read_dispatch_policy(path)
    assert str(path) in raised.value.message and fault in raised.value.message


@pytest.mark.parametrize("name", ["nowhere.toml", "nul\0.toml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DarkroomError, match="cannot be read"):
        read_dispatch_policy(tmp_path / name)


def test_the_file_tells_every_field() -> None:
    text = BUILTIN_POLICY.read_text()
    assert [name for name in DispatchPolicy.__dataclass_fields__ if name not in text] == []
