"""What moderation says of a prompt or a picture, with the scores that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Decision(StrEnum):
    ALLOW = "allow"
    BLOCK = "block"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`policy` names the version that decided, `category` the reason of a block, `matched` the words or the score behind it."""

    decision: Decision
    policy: str
    category: str = ""
    matched: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def blocked(self) -> bool:
        return self.decision is Decision.BLOCK


class Subject(StrEnum):
    PROMPT = "prompt"
    IMAGE = "image"
    PREVIEW = "preview"


@dataclass(frozen=True, kw_only=True)
class ModerationRecord:
    """A verdict as it is kept for operators. `id` is 0 before it is stored."""

    id: int = 0
    account_id: UUID
    job_id: UUID | None
    subject: Subject
    text: str
    verdict: Verdict
    at: datetime
