"""What every test shares: one thread for each process, and Hypothesis profiles. No fixtures of a single room live here."""

import os

# Before anything imports torch: the tests run side by side, and their threads must not fight over the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
from hypothesis import settings

# No deadline: a timing is never a test. "fast" looks for new examples at each run; "ci" repeats itself exactly.
settings.register_profile("fast", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, database=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

pytest.register_assert_rewrite("tests.contracts")
pytest_plugins = ["tests.postgres_fixture"]
