"""Whether a picture may be shown, from the scores that a classifier gave it beside the device.

Knows no pixel. A score that is missing or is no probability is no reason to show a picture: it fails closed.
"""

from __future__ import annotations

from collections.abc import Mapping

from darkroom.core.errors import ModerationUnavailable
from darkroom.core.verdicts import Decision, Verdict
from darkroom.moderation.policy import Policy


def judge(policy: Policy, scores: Mapping[str, float]) -> Verdict:
    """The verdict on one picture. Raises ModerationUnavailable where a score that the policy limits is missing or out of 0..1."""
    for limit in policy.images:
        score = scores.get(limit.score)
        if score is None or not 0 <= score <= 1:  # a NaN is not between any two numbers
            raise ModerationUnavailable(
                f"A picture came with {limit.score} = {score}: it needs a number from 0 to 1, or nobody may see it."
            )
    for limit in policy.images:
        if scores[limit.score] >= limit.block_from:
            return Verdict(
                decision=Decision.BLOCK,
                policy=policy.version,
                category=limit.category,
                matched=f"{limit.score} {scores[limit.score]:.2f}, allowed below {limit.block_from:.2f}",
                scores=dict(scores),
            )
    return Verdict(decision=Decision.ALLOW, policy=policy.version, scores=dict(scores))
