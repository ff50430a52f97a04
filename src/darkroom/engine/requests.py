"""What an engine is asked for: one image of a job, in a lane, for a flow. Knows no step and no tensor of its own."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.core.params import GenerationParams
from darkroom.engine.saved import SavedSample
from darkroom.model.denoiser import Denoiser, Given, Prepared


@dataclass(frozen=True, kw_only=True)
class Request:
    """Image `index` of a job. The lower the priority, the more urgent; passes are shared fairly between flows.

    `saved` is where an earlier engine stopped with it: it is continued from there if it can be, else begun again.
    `given` are the pictures that it starts from or is guided by. `grid_index` is the image of the grid whose noise it
    has, None: `index`.
    """

    job_id: str
    index: int
    params: GenerationParams
    priority: int = 0
    flow: str = ""
    saved: SavedSample | None = None
    given: Given | None = None
    grid_index: int | None = None

    @property
    def drawn_index(self) -> int:
        """The image of the grid whose noise it has."""
        return self.index if self.grid_index is None else self.grid_index


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A request that is not admitted yet. `key` counts arrivals, `since_s` is the engine's clock when it came."""

    key: int
    request: Request
    denoiser: Denoiser
    since_s: float

    @property
    def urgency(self) -> tuple[int, int]:
        """What is less goes first: lanes are strict, first come first served inside one."""
        return self.request.priority, self.key


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A request that is prepared and waits for memory. `given` is a digest of the pictures that it came with."""

    waiting: Waiting
    prepared: Prepared
    given: str = ""
