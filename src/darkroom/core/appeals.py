"""An account's objection to a verdict, and what an operator decided. Knows nothing of what a decision changes elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from darkroom.core.verdicts import ModerationRecord

APPEALS_OPEN_MAX = 20  # of one account: operators read each of them


class AppealState(StrEnum):
    OPEN = "open"
    GRANTED = "granted"
    DENIED = "denied"


@dataclass(frozen=True, kw_only=True)
class Appeal:
    """`note` is what whoever decided says to whoever appealed; it and the fields after it are empty until then."""

    id: UUID
    verdict_id: int
    account_id: UUID
    reason: str
    at: datetime
    state: AppealState = AppealState.OPEN
    note: str = ""
    decided_by: UUID | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """An appeal with the verdict that it is about, as operators read them."""

    appeal: Appeal
    record: ModerationRecord
