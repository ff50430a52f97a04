"""Looks at a folder in diffusers' layout and says whether it is a model: names, sizes, kinds of numbers, what is wrong.

Reads JSON and the headers of safetensors files, never a tensor and never a pickle. Imports no torch.
"""

from __future__ import annotations

import json
import operator
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from darkroom.core.errors import WeightsError
from darkroom.model.component_faults import (
    NAME_MAX,
    class_fault,
    code_fault,
    size_fault,
    weights_fault,
    width_fault,
)
from darkroom.model.layouts import LAYOUTS, Layout, family_of

INDEX = "model_index.json"
HEADER_MAX_BYTES = 100_000_000  # of a safetensors file, as the format's own reader bounds it
JSON_MAX_BYTES = 50_000_000
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack")
VOCABULARIES = ("tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model")
"""Without one of them transformers would make an empty tokenizer, and say nothing."""
DTYPE_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8,
    "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8,
}  # fmt: skip
CONVERT = "convert it once with diffusers: pipeline.save_pretrained(folder, safe_serialization=True)"
CONVERT_ADAPTER = "save it as safetensors, with the tool that made it or safetensors.torch.save_file"


@dataclass(frozen=True, kw_only=True)
class Component:
    """A subfolder with weights: its class, its files in order, and how many numbers of each dtype they hold.

    `reads` holds the widths that its layers read: the second sides of its tensors.
    """

    name: str
    class_name: str
    files: tuple[Path, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    reads: frozenset[int] = frozenset()

    @property
    def bytes_by_dtype(self) -> Mapping[str, int]:
        return {dtype: count * DTYPE_BITS.get(dtype, 32) // 8 for dtype, count in self.numbers.items()}


@dataclass(frozen=True, kw_only=True)
class FolderReport:
    """What a folder is. It can be loaded where `problems` is empty; each problem says what would be right."""

    family: str
    class_name: str
    components: tuple[Component, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def bytes_by_dtype(self) -> Mapping[str, int]:
        total: Counter[str] = Counter()
        for component in self.components:
            total.update(component.bytes_by_dtype)
        return dict(total)

    @property
    def numbers(self) -> int:
        return sum(sum(component.numbers.values()) for component in self.components)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of weights, in an order that depends on their names alone."""
        return tuple(sorted(path for component in self.components for path in component.files))


def inspect(folder: Path) -> FolderReport:
    """Looks at a folder; never raises for what is in it."""
    try:
        index = read_json(folder / INDEX)
    except WeightsError as fault:
        return FolderReport(family="", class_name="", problems=(_not_a_model(folder, str(fault)),))
    class_name = _name(index.get("_class_name"))
    family = family_of(class_name)
    options = {key: value for key, value in index.items() if not isinstance(value, list)}
    if not family:
        return FolderReport(
            family="", class_name=class_name, options=options, problems=(_unknown_class(class_name),)
        )
    problems: list[str] = []
    components = tuple(_components(folder, index, LAYOUTS[family], problems))
    return FolderReport(
        family=family,
        class_name=class_name,
        components=components,
        options=options,
        problems=tuple(problems),
    )


def read_json(path: Path) -> dict[str, object]:
    """A JSON object of bounded size. Raises WeightsError that names the file."""
    try:
        if path.exists() and not path.is_file():
            raise WeightsError(f"{path.name} is not a file")
        with path.open("rb") as file:
            raw = file.read(JSON_MAX_BYTES + 1)
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read: {error.strerror or error}") from error
    if len(raw) > JSON_MAX_BYTES:
        raise WeightsError(f"{path.name} is larger than {JSON_MAX_BYTES:,} bytes")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise WeightsError(f"{path.name} must hold a JSON object")
    return found


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name -> (dtype, shape) of a safetensors file; its length is checked. Raises WeightsError."""
    try:
        if path.exists() and not path.is_file():
            raise WeightsError(f"{path.name} is not a file")
        with path.open("rb") as file:
            length_bytes = file.read(8)
            length = struct.unpack("<Q", length_bytes)[0] if len(length_bytes) == 8 else 0
            if not 2 <= length <= HEADER_MAX_BYTES:
                raise WeightsError(f"{path.name} is no safetensors file, or was cut short: load it again")
            raw = file.read(length)
        size = path.stat().st_size
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read: {error.strerror or error}") from error
    try:
        entries = json.loads(raw)
        entries.pop("__metadata__", None)
        tensors = {name: _tensor(entry) for name, entry in entries.items()}
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path.name} has a broken header; load it again") from error
    if size != 8 + length + end:
        raise WeightsError(
            f"{path.name} has {size:,} bytes and should have {8 + length + end:,}: load it again"
        )
    return tensors


def _tensor(entry: Mapping[str, Any]) -> tuple[str, tuple[int, ...]]:
    """Dtype and shape of a header's entry. Raises ValueError, KeyError or TypeError where it contradicts itself."""
    dtype, shape = str(entry["dtype"]), tuple(operator.index(side) for side in entry["shape"])
    start, end = entry["data_offsets"]
    bits = DTYPE_BITS.get(dtype)
    if min(shape, default=0) < 0 or not 0 <= start <= end:
        raise ValueError("a negative size")
    if bits is not None and prod(shape) * bits != (end - start) * 8:
        raise ValueError("a shape that does not fill its bytes")
    return dtype, shape


def _components(
    folder: Path, index: Mapping[str, object], layout: Layout, problems: list[str]
) -> Iterator[Component]:
    configs: dict[str, Mapping[str, object]] = {}
    for name, classes in layout.components.items():
        entry = index.get(name)
        class_name = _name(entry[1]) if isinstance(entry, list) and len(entry) == 2 else ""
        if not class_name:
            if name not in layout.optional:
                problems.append(f"{INDEX} names no {name}, which this family needs")
            continue
        if class_name not in classes:
            problems.append(f"{name} is a {class_name}; this family has {' or '.join(sorted(classes))}")
        elif not (folder / name).is_dir():
            problems.append(f"the subfolder {name} is missing")
        elif name.startswith("tokenizer"):
            problems.extend(_tokenizer_faults(folder / name))
            yield Component(name=name, class_name=class_name)
        else:
            yield _weighed(folder / name, class_name, classes, problems, configs)
    if fault := width_fault(layout, configs):
        problems.append(fault)
    if not (folder / "scheduler" / "scheduler_config.json").is_file():
        problems.append("scheduler/scheduler_config.json is missing")


def _name(value: object) -> str:
    """A name out of a file as it can be shown, "" where there is none."""
    text = str(value or "")[:NAME_MAX]
    return text if text.isprintable() else ascii(text)


def _tokenizer_faults(folder: Path) -> Iterator[str]:
    if not any((folder / file).is_file() for file in VOCABULARIES):
        yield f"{folder.name} has no vocabulary (tokenizer.json or {', '.join(VOCABULARIES[1:])})"
    if (folder / "tokenizer_config.json").exists():
        try:
            config = read_json(folder / "tokenizer_config.json")
        except WeightsError as fault:
            yield f"{folder.name}: {fault}"
        else:
            faults = (code_fault(folder, config), size_fault(config, {}))
            yield from (f"{folder.name} {fault}" for fault in faults if fault)


def _weighed(
    folder: Path,
    class_name: str,
    classes: frozenset[str],
    problems: list[str],
    configs: dict[str, Mapping[str, object]],
) -> Component:
    """A component with its files and numbers; what is wrong is added to `problems`, and its config to `configs`."""
    numbers: Counter[str] = Counter()
    files: list[Path] = []
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {}
    try:
        files = weight_files(folder)
        for path in files:
            tensors |= read_header(path)
        for dtype, shape in tensors.values():
            numbers[dtype] += prod(shape)
    except WeightsError as fault:
        problems.append(f"{folder.name}: {fault}")
    try:
        config = configs[folder.name] = read_json(folder / "config.json")
    except WeightsError as fault:
        problems.append(f"{folder.name}: {fault}")
    else:
        faults = (
            code_fault(folder, config),
            class_fault(config, classes),
            weights_fault(config, tensors),
            size_fault(config, tensors),
        )
        problems.extend(f"{folder.name} {fault}" for fault in faults if fault)
    reads = frozenset(shape[1] for _, shape in tensors.values() if len(shape) > 1)
    return Component(
        name=folder.name, class_name=class_name, files=tuple(files), numbers=dict(numbers), reads=reads
    )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a component: the shards that its index names, or the one there is. Raises WeightsError."""
    for stem in ("diffusion_pytorch_model", "model"):
        index = folder / f"{stem}.safetensors.index.json"
        if index.is_file():
            return _shards(index)
        single = folder / f"{stem}.safetensors"
        if single.is_file():
            return [single]
    variants = sorted(path.name for path in folder.glob("*.safetensors"))
    if variants:
        raise WeightsError(
            f"no file model.safetensors or diffusion_pytorch_model.safetensors, but {variants[0]}; rename it"
        )
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise WeightsError(f"{pickles[0]} is a pickle, which can run code, and is not opened; {CONVERT}")
    raise WeightsError("no weights (*.safetensors)")


def _shards(index: Path) -> list[Path]:
    mapped = read_json(index).get("weight_map")
    if not isinstance(mapped, dict) or not mapped:
        raise WeightsError(f"{index.name} has no weight_map")
    names = sorted({str(name) for name in mapped.values()})
    if any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
        raise WeightsError(f"{index.name} names files that are not shards beside it")
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise WeightsError(f"{missing[0]}{more} of {len(names)} shards missing: load the folder again")
    return [index.parent / name for name in names]


def _not_a_model(folder: Path, fault: str) -> str:
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if (folder / INDEX).exists():
        return fault
    single = next((path.name for path in sorted(folder.iterdir()) if path.suffix in (".ckpt", ".pt")), None)
    if single is not None:
        return f"it has no {INDEX}, and {single} is a pickle, which can run code; {CONVERT}"
    return f"it has no {INDEX}, so it is no model in diffusers' layout; name the folder that holds that file"


def _unknown_class(class_name: str) -> str:
    if "Img2Img" in class_name and "XL" in class_name:
        return f"{class_name} is a refiner, which finishes pictures of another model; name the base model's folder"
    known = ", ".join(sorted(name for layout in LAYOUTS.values() for name in layout.pipelines))
    return (
        f"{class_name or 'a model without a class'} is of no family that Darkroom drives; known are {known}"
    )
