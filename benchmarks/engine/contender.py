"""A way of serving images, as the replay drives it: orders go in, steps are taken, pictures come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from benchmarks.engine.toy import Inputs
from torch import Tensor

SERIAL, STATIC, STEPWISE = "diffusers, a lock", "static batches", "step batches, FIFO"
EXACT, FAST = "ours, exact", "ours, fast"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """An order that is done with; `picture` (3, H, W) in [0, 1], None where it was called off before."""

    key: int
    picture: Tensor | None


class Contender(Protocol):
    """`step` does the least amount of work after which this way of serving looks at its queue again."""

    @property
    def busy(self) -> bool: ...

    def add(self, inputs: Inputs) -> None: ...

    def cancel(self, key: int) -> None:
        """Obeyed as soon as this way of serving can: see `step`. A key that has ended is no error."""
        ...

    def step(self) -> list[Ended]: ...

    def begun(self, key: int) -> bool:
        """Whether the network has run for it."""
        ...

    def close(self) -> None: ...
