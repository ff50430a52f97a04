"""The models of the registry as this machine has them: which can be drawn with, what each needs, and how it is placed.

Loads no library before a model is asked for.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.core.capabilities import ModelCapabilities, ModelCatalogue
from darkroom.core.errors import ModelError
from darkroom.model.families import FAMILIES
from darkroom.settings import Settings
from darkroom.worker.loader import Library

if TYPE_CHECKING:
    from darkroom.model.denoiser import Denoiser
    from darkroom.model.placement import Placement

BUILTIN_FAMILY = "mini"
BUILTIN_BYTES = 160 * 1024**2  # mini-1 in memory with its text encoder and its bank
OFFLOADS = ("none", "encoders", "model")  # the least first
DIFFUSERS = "diffusers"
INSTALL = 'pip install "darkroom[diffusers]"'

logger = logging.getLogger(__name__)


def check_drawable(models: Iterable[str], catalogue: ModelCatalogue) -> None:
    """ModelError for a model of the registry that this installation cannot draw with."""
    for name in models:
        found = catalogue.resolve(name)
        if found is None:
            raise ModelError(f"there is no model {name} in the registry")
        if reason := _undrawable(found) or _missing(found):
            raise ModelError(reason)


def without_missing(catalogue: ModelCatalogue) -> ModelCatalogue:
    """Without the models whose folder is not on this machine, each with a warning; the default stays, whatever is with it."""
    gone = {name: reason for name, entry in catalogue.models.items() if (reason := _missing(entry))}
    for reason in gone.values():
        logger.warning("%s", reason)
    models = {n: entry for n, entry in catalogue.models.items() if n not in gone or entry.default}
    aliases = {alias: name for alias, name in catalogue.aliases.items() if name in models}
    return ModelCatalogue(models=models, aliases=aliases)


def open_library(
    settings: Settings, catalogue: ModelCatalogue, placement: Placement, *, budget_bytes: int
) -> Library:
    """All models that this machine has the files and the packages for; the log says which are left out, and why."""
    from darkroom.engine.passes import release

    there: dict[str, ModelCapabilities] = {}
    for name, entry in catalogue.models.items():
        if reason := _undrawable(entry) or _missing(entry):
            logger.warning("left out: %s", reason)
        else:
            there[name] = entry
    here = _Here(settings=settings, entries=there, placement=placement, budget_bytes=budget_bytes)
    return Library(
        names=tuple(there),
        needed_bytes=here.needed_bytes,
        load=here.load,
        pinned=frozenset(name for name, entry in there.items() if entry.family == BUILTIN_FAMILY),
        release=partial(release, placement.torch_device),
    )


@dataclass(frozen=True, kw_only=True)
class _Here:
    """The models that are there. `placement` is as the settings say; what it leaves open, each model decides."""

    settings: Settings
    entries: Mapping[str, ModelCapabilities]
    placement: Placement
    budget_bytes: int

    def needed_bytes(self, name: str) -> int:
        return self._placed(self.entries[name])[1]

    def load(self, name: str) -> Denoiser:
        from darkroom.model.loading import load_model
        from darkroom.model.mini import Mini

        entry = self.entries[name]
        if entry.family == BUILTIN_FAMILY:
            return Mini.load(self.settings.weights, device=self.placement.torch_device)
        return load_model(entry, self._placed(entry)[0])

    def _placed(self, entry: ModelCapabilities) -> tuple[Placement, int]:
        """How a model is best placed and the bytes that it then needs: no more of it is offloaded than has to be."""
        from darkroom.model.loading import needed_bytes

        if entry.family == BUILTIN_FAMILY:
            return self.placement, BUILTIN_BYTES
        precision = entry.source.precision if entry.source else "auto"
        placement = self.placement if precision == "auto" else replace(self.placement, precision=precision)
        needed = needed_bytes(entry, placement)
        if self.settings.offload != "auto" or placement.torch_device.type == "cpu":
            return placement, needed
        for offload in OFFLOADS:
            placement = replace(placement, offload=offload)
            needed = needed_bytes(entry, placement)
            if needed <= self.budget_bytes:
                break
        return placement, needed


def _undrawable(entry: ModelCapabilities) -> str:
    """Why this installation cannot draw with a model, "" where it can."""
    if entry.family == BUILTIN_FAMILY:
        return ""
    if entry.family not in FAMILIES:
        known = ", ".join([BUILTIN_FAMILY, *FAMILIES])
        return f"{entry.name} is of the family {entry.family!r}; this version draws with {known}"
    if entry.source is None:
        return f"{entry.name} has no weights: its entry in the registry needs folder = ... or hub = ..."
    if importlib.util.find_spec(DIFFUSERS) is None:
        return f"{entry.name} is drawn with diffusers, which is not installed: {INSTALL}"
    return ""


def _missing(entry: ModelCapabilities) -> str:
    folder = entry.source.folder if entry.source else ""
    if folder and not Path(folder).expanduser().is_dir():
        return f"{entry.name} cannot be drawn with: there is no folder {folder} on this machine"
    return ""
