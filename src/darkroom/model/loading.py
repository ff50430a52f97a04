"""From an entry of the registry to a model in memory: a local folder or a name on the hub, safetensors only.

Knows no family's inside: it loads the components that a family's layout names and hands them over as Parts.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from darkroom.core.capabilities import AdapterSource, ModelCapabilities, ModelSource
from darkroom.core.errors import ModelError, WeightsError
from darkroom.model.denoiser import Denoiser
from darkroom.model.families import FAMILIES
from darkroom.model.families.adapters import add_adapters, check_adapter, described
from darkroom.model.families.family import Family
from darkroom.model.families.parts import Parts
from darkroom.model.families.rehearsal import folder_faults, loadable, rehearse
from darkroom.model.folders import Component, FolderReport, inspect, read_json
from darkroom.model.hub import INSTALL, fetch
from darkroom.model.layouts import LAYOUTS
from darkroom.model.placement import Placement

__all__ = ["Placement", "load_model", "load_parts", "local_folder", "needed_bytes"]

SETTINGS_SUFFIXES = (".json", ".txt", ".model", ".jinja")
LIBRARIES = ("diffusers", "transformers")
READING = ("encoder.", "quant_conv.")
"""How the weights of a VAE begin that only read pictures; a folder may be without them."""
WORKING_BYTES = 512 * 1024**2
"""Left free beside the weights for the activations of a pass, in an estimate that knows no shape."""
OTHER_SIZES = "its config asks for other sizes than its weights have"
_OTHER_SHAPE = re.compile(r"(\S+) expected shape .*?\[([\d, ]*)\].*? but got .*?\[([\d, ]*)\]")
_MISMATCHED = "ignore_mismatched_sizes"  # in what both libraries say of weights of another shape
_HASH_CHUNK_BYTES = 8 * 1024**2


def load_model(entry: ModelCapabilities, placement: Placement) -> Denoiser:
    """The model of an entry, ready to draw. Raises ModelError or WeightsError, which say what is wrong with it."""
    if entry.family not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise ModelError(f"{entry.name} is of an unknown family {entry.family!r}; known are {known}")
    placement = _placed(entry, placement)
    parts = load_parts(entry, placement)
    adapter = importlib.import_module(FAMILIES[entry.family]).ADAPTER
    with _quiet(), loadable(entry.name):
        family: Family = adapter(parts, entry, placement)
        rehearse(family)
        _ = family.to_rgb  # fitted now, so that no step waits for it
    return family


def load_parts(entry: ModelCapabilities, placement: Placement) -> Parts:
    """The components of an entry's folder in the placement's precision, adapters laid over them."""
    folder, report = _checked(entry)
    adapters = entry.source.adapters if entry.source else ()
    for adapter in adapters:
        check_adapter(adapter)
    with _quiet():
        components = {part.name: _loaded(folder, part, placement) for part in report.components}
        add_adapters(components, entry.family, adapters)
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    return replace(
        Parts.of({**components, "scheduler": scheduler}, options=report.options),
        weights_hash=_hash([*report.files, *_settings_of(folder, report)], adapters),
        adapters=described(adapters),
    )


def needed_bytes(entry: ModelCapabilities, placement: Placement) -> int:
    """Bytes of device memory that a model's weights take, and some to work with; from headers alone.

    What is offloaded counts with its largest part, because it comes to the device for its work.
    """
    _, report = _checked(entry)
    placement = _placed(entry, placement)
    width = placement.dtype.itemsize
    held, visiting = 0, 0
    for component in report.components:
        size = sum(component.numbers.values()) * (4 if component.name == "vae" else width)
        if placement.home(component.name) == placement.torch_device:
            held += size
        else:
            visiting = max(visiting, size)
    return held + visiting + WORKING_BYTES


def local_folder(source: ModelSource) -> Path:
    """The folder of a source; a name on the hub is fetched, or found where it was fetched before."""
    if source.folder:
        return Path(source.folder).expanduser()
    try:
        return fetch(source.hub, revision=source.revision)
    except ModelError as error:
        raise ModelError(
            f"the model {error.message}. Is there a network, and is the name right? A local folder is given with folder = ..."
        ) from error


def hash_of_files(files: Iterable[Path]) -> str:
    """sha256 over the digests of all files in order; a file that has not changed is read once a process."""
    digest = hashlib.sha256()
    for path in files:
        facts = path.stat()
        digest.update(_file_digest(path, facts.st_size, facts.st_mtime_ns))
    return digest.hexdigest()


def _hash(files: Sequence[Path], adapters: Sequence[AdapterSource]) -> str:
    """Of the model's files; with adapters, of that and of their files and weights."""
    base = hash_of_files(files)
    if not adapters:
        return base
    laid_over = [f"{hash_of_files([Path(each.file).expanduser()])}:{each.weight!r}" for each in adapters]
    return hashlib.sha256("\n".join([base, *laid_over]).encode()).hexdigest()


def _settings_of(folder: Path, report: FolderReport) -> list[Path]:
    """The files beside the weights that decide what comes of them: configs, noise levels, vocabularies, templates."""
    places = [folder, folder / "scheduler", *(folder / part.name for part in report.components)]
    return sorted(path for place in places for path in place.iterdir() if path.suffix in SETTINGS_SUFFIXES)


@lru_cache(maxsize=4096)
def _file_digest(path: Path, size: int, mtime_ns: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


def _placed(entry: ModelCapabilities, placement: Placement) -> Placement:
    """With the precision that the entry asks for, where it asks for one."""
    asked = entry.source.precision if entry.source else "auto"
    return placement if asked == "auto" else replace(placement, precision=asked)


def _checked(entry: ModelCapabilities) -> tuple[Path, FolderReport]:
    """The entry's folder and what is in it. Raises ModelError with the first problem and the number of others."""
    if entry.source is None:
        raise ModelError(f"{entry.name} has no source: its entry needs folder = ... or hub = ...")
    folder = local_folder(entry.source)
    report = inspect(folder)
    if report.family and report.family != entry.family:
        pipelines = (
            " or ".join(sorted(LAYOUTS[entry.family].pipelines)) if entry.family in LAYOUTS else "another"
        )
        raise ModelError(
            f"{folder} holds a {report.class_name}, of the family {report.family!r}, but {entry.name} says "
            f"family = {entry.family!r}, which is {pipelines}"
        )
    if report.problems:
        others = f" (and {len(report.problems) - 1} more problems)" if len(report.problems) > 1 else ""
        raise WeightsError(f"{folder}: {report.problems[0]}{others}")
    return folder, report


def _loaded(folder: Path, component: Component, placement: Placement) -> Any:
    """A component by the class that its folder names, which `inspect` has checked against the family's layout."""
    loader = _class(component)
    where = str(folder / component.name)
    dtype = (
        torch.float32 if component.name == "vae" else placement.dtype
    )  # a family narrows its decoder, if at all
    try:
        if component.name.startswith("tokenizer"):
            return loader.from_pretrained(where, local_files_only=True, trust_remote_code=False)
        trust = {"trust_remote_code": False} if component.name.startswith("text_encoder") else {}
        module, found = loader.from_pretrained(
            where,
            use_safetensors=True,
            local_files_only=True,
            torch_dtype=dtype,
            output_loading_info=True,
            **trust,
        )
    except torch.OutOfMemoryError:
        raise
    except folder_faults() as error:
        raise WeightsError(f"{where} cannot be loaded: {_reason(error)}") from error
    missing = sorted(found["missing_keys"])
    if component.name == "vae" and _is_blind(module, missing):
        module.encoder, module.quant_conv = torch.nn.Module(), None
    elif missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise WeightsError(
            f"{where} lacks the weights {missing[0]}{others}, so it is not whole: load it again"
        )
    return module


def _is_blind(vae: Any, missing: Sequence[str]) -> bool:
    """Whether the folder holds the decoder alone, which draws and cannot be shown pictures."""
    encoder = {key for key in vae.state_dict() if key.startswith(READING[0])}
    return encoder <= set(missing) and all(key.startswith(READING) for key in missing)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and remarks of the libraries inside the block: what matters of them is checked here."""
    talkers = [_library(f"{name}.utils.logging") for name in LIBRARIES]
    before = [(talker.get_verbosity(), talker.is_progress_bar_enabled()) for talker in talkers]
    for talker in talkers:
        talker.set_verbosity(logging.CRITICAL)
        talker.disable_progress_bar()
    try:
        yield
    finally:
        for talker, (verbosity, bars) in zip(talkers, before):
            talker.set_verbosity(verbosity)
            if bars:
                talker.enable_progress_bar()


def _class(component: Component) -> Any:
    """The class of a component; both libraries have some names, so that its place tells whose is meant."""
    reads = component.name.startswith(("text_encoder", "tokenizer"))
    library = _library("transformers" if reads else "diffusers")
    found = getattr(library, component.class_name, None)
    if found is None:
        raise ModelError(
            f"the installed {library.__name__} has no {component.class_name}; update it: {INSTALL} --upgrade"
        )
    return found


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(f"models of this kind need {name}, which is not installed: {INSTALL}") from error


def _reason(error: BaseException) -> str:
    """What a library says is wrong, without its advice, which is for programmers."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if found := _OTHER_SHAPE.search(line):
        name, asked, held = found.groups()
        return f"{OTHER_SIZES}: {name} should be {_sides(asked)} and is {_sides(held)}"
    return OTHER_SIZES if _MISMATCHED in line else line


def _sides(text: str) -> str:
    return " x ".join(text.split(", "))
