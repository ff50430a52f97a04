"""Scores of a picture become a verdict, and no score becomes a permission."""

import math

import pytest

from darkroom.core.errors import ModerationUnavailable
from darkroom.moderation.images import judge
from darkroom.moderation.policy import read_policy

POLICY = read_policy()
[LIMIT] = POLICY.images


def test_a_low_score_passes_and_is_kept():
    verdict = judge(POLICY, {"nsfw": 0.05, "other": 0.9})
    assert not verdict.blocked
    assert verdict.scores == {"nsfw": 0.05, "other": 0.9}
    assert verdict.policy == POLICY.version


def test_the_limit_itself_is_blocked():
    verdict = judge(POLICY, {"nsfw": LIMIT.block_from})
    assert verdict.blocked
    assert verdict.category == LIMIT.category
    assert "nsfw" in verdict.matched
    assert not judge(POLICY, {"nsfw": math.nextafter(LIMIT.block_from, 0)}).blocked


@pytest.mark.parametrize("scores", [{}, {"other": 0.1}, {"nsfw": math.nan}, {"nsfw": -0.1}, {"nsfw": 1.5}])
def test_missing_or_impossible_scores_fail_closed(scores):
    with pytest.raises(ModerationUnavailable, match="nsfw"):
        judge(POLICY, scores)
