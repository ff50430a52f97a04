"""The models of this machine: the registry with a person's own entries, and how those come and go. Loads no torch."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from darkroom.core.capabilities import AdapterSource, ModelCapabilities, ModelCatalogue, ModelSource
from darkroom.core.errors import ModelError, RegistryError, WeightsError
from darkroom.model.entries import driving_fault, entry_of
from darkroom.model.folders import CONVERT_ADAPTER, PICKLES, FolderReport, inspect, read_header
from darkroom.model.hub import fetch
from darkroom.model.own_models import add_model, remove_model
from darkroom.model.registry import BUILTIN_REGISTRY, check_name, read_registries
from darkroom.settings import Settings

LORA_DOWN = re.compile(
    r"lora_A|lora[._]down|lora_linear_layer\.down"
)  # reads what the layer it is laid over reads
OWN_REGISTRY = "models.toml"
PULLED = "models"
"""The folder, in the data folder, of what `pull` fetched."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found out about a model: its folder, what is in it, and everything that is wrong."""

    name: str
    folder: Path | None
    report: FolderReport | None
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What became of the files of a model that was taken off the list: deleted, or `kept` for a reason if one was asked for."""

    deleted: Path | None = None
    kept: str = ""


def own_registry(settings: Settings) -> Path:
    """The file that lists a person's own models."""
    return settings.data / OWN_REGISTRY


def open_catalogue(settings: Settings) -> ModelCatalogue:
    """The models that are installed. RegistryError where a registry cannot be read."""
    return read_registries(_base(settings), own_registry(settings))


def add(
    settings: Settings, name: str, folder: Path, *, source: ModelSource | None = None, **facts: object
) -> ModelCapabilities:
    """Lists the model in a folder under a name. ModelError where it is none, RegistryError where the name is no good."""
    name = check_name(name)
    if name in open_catalogue(settings).models:
        raise RegistryError(f"there is a model {name} already; remove it first or choose another name")
    folder = folder.expanduser().absolute()
    report = inspect(folder)
    model = entry_of(name, folder, report, source)
    model = ModelCapabilities(**{**vars(model), **{key: value for key, value in facts.items() if value}})
    if wrong := [
        problem for adapter in (source or ModelSource()).adapters for problem in _adapter(adapter, report)
    ]:
        raise ModelError("; ".join(wrong))
    add_model(own_registry(settings), model, base=_base(settings))
    return model


def check(settings: Settings, target: str) -> Checked:
    """Looks at a model of the registry, or at a folder. RegistryError where `target` is neither."""
    model = open_catalogue(settings).resolve(target)
    if model is None:
        folder = Path(target).expanduser()
        if not folder.exists() and "/" not in target:
            raise RegistryError(
                f"there is no model {target!r} and no folder of that name; see darkroom models"
            )
        report = inspect(folder)
        return Checked(name=target, folder=folder, report=report, problems=report.problems)
    if model.source is None or model.source.hub:
        return Checked(name=model.name, folder=None, report=None, problems=())
    folder = Path(model.source.folder)
    report = inspect(folder)
    problems = [
        *report.problems,
        *(wrong for each in model.source.adapters for wrong in _adapter(each, report)),
    ]
    if report.family and (fault := driving_fault(report.family, model.source)):
        problems.append(fault)
    if report.family and report.family != model.family:
        problems.append(
            f"the registry says family = {model.family!r}, and the folder is of the family {report.family!r}"
        )
    return Checked(name=model.name, folder=folder, report=report, problems=tuple(problems))


def entry_to_try(settings: Settings, found: Checked) -> ModelCapabilities:
    """The entry of what was checked; a folder that no entry names gets the one that `add` would write."""
    model = open_catalogue(settings).resolve(found.name)
    if model is not None:
        return model
    assert found.folder is not None and found.report is not None, "what is not in the registry is a folder"
    folder = found.folder.absolute()
    return entry_of(folder.name or "model", folder, found.report)


def remove(settings: Settings, name: str, *, files: bool) -> Removed:
    """Takes a model out of the list; with `files`, and where `pull` fetched it, its folder too.

    A folder that another model of the list is drawn from stays.
    """
    catalogue = open_catalogue(settings)
    model = catalogue.resolve(name)
    wanted = model.name if model else name
    remove_model(own_registry(settings), wanted, base=_base(settings))
    if not files or model is None:
        return Removed()
    if (folder := _pulled(settings, model)) is None:
        return Removed(kept="`darkroom models pull` did not fetch them, so they are yours to delete")
    others = [other for other in catalogue.models.values() if other.name != model.name]
    if sharing := sorted(other.name for other in others if _pulled(settings, other) == folder):
        return Removed(kept=f"{', '.join(sharing)} is drawn from them too")
    shutil.rmtree(folder)
    return Removed(deleted=folder)


def pull(settings: Settings, hub: str, *, name: str, revision: str = "") -> ModelCapabilities:
    """Fetches a model from the hub into the data folder and lists it. ModelError where it can't be had or is none."""
    name = check_name(name)
    if name in open_catalogue(settings).models:
        raise RegistryError(f"there is a model {name} already; choose another with --name")
    folder = (settings.data / PULLED / name).absolute()
    try:
        fetch(hub, revision=revision, into=folder)
    except ModelError as error:
        kept = ". What was fetched so far is kept, so that the same command goes on from there"
        raise ModelError(f"{error.message}{kept if folder.exists() else ''}") from error
    return add(settings, name, folder)


def _pulled(settings: Settings, model: ModelCapabilities) -> Path | None:
    """The folder of a model that `pull` fetched: one directly below that of all of them, and itself no link."""
    if model.source is None or not model.source.folder:
        return None
    folder, home = Path(model.source.folder), (settings.data / PULLED).resolve()
    inside = folder.is_dir() and not folder.is_symlink() and folder.resolve().parent == home
    return folder.resolve() if inside else None


def _base(settings: Settings) -> Path:
    return settings.registry or BUILTIN_REGISTRY


def _adapter(adapter: AdapterSource, report: FolderReport) -> list[str]:
    """What is wrong with a file of LoRA weights for a folder's model, without loading either."""
    path = Path(adapter.file).expanduser()
    if path.suffix in PICKLES:
        return [
            f"the adapter {path.name} is a pickle, which can run code, and is not opened; {CONVERT_ADAPTER}"
        ]
    try:
        tensors = read_header(path)
    except WeightsError as error:
        return [f"the adapter {error.message}"]
    if not any("lora" in name.lower() for name in tensors):
        return [f"the adapter {path.name} holds no LoRA weights; name the file that the training tool wrote"]
    downs = [shape for name, (_, shape) in tensors.items() if LORA_DOWN.search(name) and len(shape) > 1]
    reads = frozenset().union(*(component.reads for component in report.components))
    if reads and (strange := sorted({shape[1] for shape in downs} - reads)):
        width = f"it has layers that read {strange[0]} numbers, and this model has none"
        return [f"the adapter {path.name} is made for another model: {width}"]
    return []
