"""What an engine counts: passes, rows, milliseconds, texts. Only adds up; exports nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(kw_only=True)
class Meters:
    """Counters since the engine began, named as in `EngineVitals`."""

    passes: int = 0
    rows: int = 0
    padding_rows: int = 0
    device_ms: float = 0.0
    texts_cached: int = 0
    texts_encoded: int = 0
    out_of_memory: int = 0

    def count(self, *, rows: int, sizes: Sequence[int], device_ms: float) -> None:
        """Passes of these sizes that carried `rows` rows of images."""
        self.passes += len(sizes)
        self.rows += rows
        self.padding_rows += sum(sizes) - rows
        self.device_ms += device_ms
