"""What the story works with: the ports and policies of the service, and the bell that tells the dispatcher what changed.

Knows no database, no HTTP and no dispatcher.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from darkroom.billing.plans import Plans
from darkroom.billing.pricing import Prices
from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.jobs import Change
from darkroom.core.ports import (
    Accounts,
    Appeals,
    Describer,
    Gallery,
    ImageScorer,
    Intake,
    Ledger,
    Library,
    Lineage,
    Objects,
    Operations,
    Publisher,
    Shortener,
    Uploads,
)
from darkroom.dispatch.policy import DispatchPolicy
from darkroom.dispatch.retry import retry_delay_s
from darkroom.lifecycle.checks import Checks
from darkroom.lifecycle.turns import Turns, prompts_with_links
from darkroom.moderation.policy import Policy
from darkroom.moderation.prompts import PromptModerator


class Bell:
    """Rung with every change that this process made to the ledger. Who listens must neither wait nor fail."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, hear: Callable[[Change], None]) -> None:
        self._listeners.append(hear)

    def ring(self, change: Change) -> None:
        for hear in self._listeners:
            hear(change)


def _retries() -> Callable[[int], float]:
    policy, rng = DispatchPolicy(), random.Random()
    return lambda attempt: retry_delay_s(attempt, rng, policy)


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """Everything that a step of a job's life may need. `clock` gives aware UTC times, `new_seed` a seed.

    `families` are the families of models that this version can draw with, None for all that the catalogue names.
    `retry_delay_s` is how long a job waits after its failed attempt of that number.
    """

    ledger: Ledger
    accounts: Accounts
    library: Library
    operations: Operations
    uploads: Uploads
    lineage: Lineage
    gallery: Gallery
    appeals: Appeals
    objects: Objects
    intake: Intake
    image_scorer: ImageScorer
    describer: Describer
    shortener: Shortener
    moderator: PromptModerator
    image_policy: Policy
    plans: Plans
    prices: Prices
    catalogue: ModelCatalogue
    bus: Publisher
    clock: Callable[[], datetime]
    new_seed: Callable[[], int]
    families: frozenset[str] | None = None
    retry_delay_s: Callable[[int], float] = field(default_factory=_retries)
    bell: Bell = field(default_factory=Bell)
    checks: Checks = field(default_factory=Checks)
    turns: Turns = field(default_factory=Turns)
    links: Turns = field(default_factory=prompts_with_links)

    def tell(self, change: Change) -> None:
        """After a transaction: its transitions to whoever follows them, its jobs to whoever dispatches."""
        for moved in change.moved:
            self.bus.publish(moved)
        self.bell.ring(change)
