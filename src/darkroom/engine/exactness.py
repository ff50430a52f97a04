"""The start-up self-test of exact mode: does a row keep its bits whoever shares its pass, and wherever it stands?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from darkroom.core.params import GenerationParams
from darkroom.engine.fingerprint import EngineFingerprint, fingerprint_of
from darkroom.engine.passes import denoise_rows
from darkroom.engine.rows import Row, Sample
from darkroom.model.denoiser import Denoiser


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """What the self-test found for one row class: the places tried, those where bits differed, and by how much."""

    row_class: str
    fingerprint: EngineFingerprint
    slots_tried: int
    slots_differing: tuple[int, ...]
    max_difference: float

    @property
    def holds(self) -> bool:
        return not self.slots_differing


@torch.no_grad()
def verify_exactness(denoiser: Denoiser, params: GenerationParams, *, rows_per_pass: int) -> Exactness:
    """Runs one row alone, then in every slot of a pass among strangers at other noise levels, and compares bits.

    Takes `rows_per_pass` + 1 passes for the class of `params`. Raises ModelError where `params` cannot be prepared.
    """
    prepared = [denoiser.prepare(params, index=index) for index in range(2)]
    subject, stranger = (
        Sample.of(each, job_id="self-test", index=0, key=0, priority=0, device=denoiser.device)
        for each in prepared
    )
    row = subject.rows[0]
    crowd = [_at_level(stranger, slot) for slot in range(rows_per_pass)]
    alone = denoise_rows(denoiser, [row], rows_per_pass=rows_per_pass, exact=True)[0]
    differences = [_difference(denoiser, row, slot, crowd, alone) for slot in range(rows_per_pass)]
    return Exactness(
        row_class=subject.ticket.row_class,
        fingerprint=fingerprint_of(denoiser, rows=rows_per_pass),
        slots_tried=rows_per_pass,
        slots_differing=tuple(slot for slot, difference in enumerate(differences) if difference > 0),
        max_difference=max(differences),
    )


def _at_level(stranger: Sample, slot: int) -> Row:
    """A row of the stranger's at a level that depends on the slot, guided or not by turns."""
    rows = replace(stranger, step=slot % stranger.steps).rows
    return rows[slot % len(rows)]


def _difference(denoiser: Denoiser, row: Row, slot: int, crowd: Sequence[Row], alone: Tensor) -> float:
    rows = [*crowd[:slot], row, *crowd[slot + 1 :]]
    found = denoise_rows(denoiser, rows, rows_per_pass=len(rows), exact=True)[slot]
    if torch.equal(found, alone):
        return 0.0
    return float((found - alone).abs().nan_to_num(nan=torch.inf).max()) or torch.finfo(torch.float32).tiny
