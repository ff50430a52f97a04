"""LoRA (arXiv 2106.09685): small files of weights that are laid over a model's, each with a strength of its own.

They are added into the weights once, at load, so that a step costs what it costs without them. Diffusers reads the
formats (its own, peft's, kohya's); this module checks that all of a file found its place.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from darkroom.core.capabilities import AdapterSource
from darkroom.core.errors import ModelError, WeightsError
from darkroom.model.folders import CONVERT_ADAPTER, PICKLES, read_header
from darkroom.model.layouts import LAYOUTS

WEIGHT_MAX = 10.0  # of an adapter, in either direction
_NAME = "adapter"  # while it is laid beside the weights
_DOWN = ("lora_A", "lora_down", "lora.down", "lora_linear_layer.down")
_UNREADABLE = (
    ValueError,
    RuntimeError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    AssertionError,
    OSError,
)


def add_adapters(components: Mapping[str, Any], family: str, adapters: Sequence[AdapterSource]) -> None:
    """Adds the adapters into the weights of `components` (by their names in the folder), in place.

    The files have passed `check_adapter`. Raises ModelError or WeightsError for an adapter of another model; the
    components are then of no more use.
    """
    if not adapters:
        return
    loader = _loader(components, family)
    there = [name for name in loader._lora_loadable_modules if name in components]
    for adapter in adapters:
        _read(loader, adapter, family)
        loader.set_adapters([_NAME], [adapter.weight])
        try:
            loader.fuse_lora(components=there, adapter_names=[_NAME], safe_fusing=True)
        except ValueError as error:  # what safe_fusing says
            raise WeightsError(f"adding {adapter.file} gives weights that are not finite") from error
        loader.unload_lora_weights()


def check_adapter(adapter: AdapterSource) -> None:
    """Whether a file can be an adapter at all, from its header. Raises ModelError or WeightsError."""
    path = Path(adapter.file).expanduser()
    if not abs(adapter.weight) <= WEIGHT_MAX or math.isnan(adapter.weight):
        raise ModelError(f"the adapter {path} has a weight of {adapter.weight}; it must be from -10 to 10")
    if path.suffix in PICKLES:
        raise WeightsError(
            f"the adapter {path} is a pickle, which can run code, and is not opened; {CONVERT_ADAPTER}"
        )
    names = read_header(path)
    if not any(mark in name for name in names for mark in _DOWN):
        raise WeightsError(
            f"{path} holds no LoRA weights: none of its {len(names)} tensors is called lora_..."
        )


def described(adapters: Iterable[AdapterSource]) -> tuple[str, ...]:
    """One short text for each adapter, its weight included."""
    return tuple(f"{Path(adapter.file).stem}:{adapter.weight:g}" for adapter in adapters)


def _loader(components: Mapping[str, Any], family: str) -> Any:
    """An object with the methods that a pipeline of diffusers has for LoRA, over these components."""
    diffusers = importlib.import_module("diffusers")
    importlib.import_module("peft")
    pipeline = getattr(diffusers, min(LAYOUTS[family].pipelines))
    mixins = [base for base in pipeline.__mro__ if base.__name__.endswith("LoraLoaderMixin")]
    if not mixins:
        raise ModelError(f"models of the family {family!r} take no adapters")
    loader = mixins[0]()
    modules = {name: part for name, part in components.items() if isinstance(part, nn.Module)}
    for name in loader._lora_loadable_modules:
        setattr(loader, name, modules.get(name))
    loader.components, loader.hf_device_map = modules, None
    return loader


def _read(loader: Any, adapter: AdapterSource, family: str) -> None:
    """Puts an adapter beside the weights. Raises ModelError where a part of it has no place there."""
    path = Path(adapter.file).expanduser()
    where = {"weight_name": path.name, "use_safetensors": True, "local_files_only": True}
    fault = f"the adapter {path} does not fit this model of the family {family!r}"
    try:
        more = {"unet_config": loader.unet.config} if family == "sdxl" else {}
        state = loader.lora_state_dict(str(path.parent), **where, **more)[0]
        loader.load_lora_weights(str(path.parent), adapter_name=_NAME, **where)
    except _UNREADABLE as error:
        raise ModelError(f"{fault}: {_briefly(error)}") from error
    wanted = sum(any(mark in key for mark in _DOWN) for key in state)
    placed = sum(_layers(part) for part in loader.components.values())
    if not placed or placed != wanted:
        raise ModelError(f"{fault}: {placed} of its {wanted} layers are in it. Is it made for another model?")


def _layers(module: nn.Module) -> int:
    return sum(_NAME in getattr(part, "lora_A", {}) for part in module.modules())


def _briefly(error: BaseException) -> str:
    """The first two lines: where the first only announces a list, the second is its first entry."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1])
