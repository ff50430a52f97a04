"""What is wrong with a component of a model's folder that its config.json and the names of its tensors tell.

Code of its own, weights from elsewhere, quantised weights, sizes beyond all measure: each is refused before a library
reads the folder. The libraries' own switches are set as well (see `loading`). Reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from darkroom.model.layouts import Layout

Tensors = Mapping[str, tuple[str, tuple[int, ...]]]
"""Name -> (dtype, shape)."""

ADAPTER_CONFIG = "adapter_config.json"
"""With it in a folder transformers loads the model that it names, from wherever that is, and lays an adapter over it."""
FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
"""What weights are stored in. Whole numbers are a quantised form, or count places."""
COUNTERS = ("position_ids", "token_type_ids", "num_batches_tracked")
SIDE_MAX = 4096  # positions of a table, a side, or spare words: they are made when a component is
_SIDE = re.compile(r"sample_size|pos_embed_max_size|extra_ids|axes_dims(_rope)?")
_WIDTH = re.compile(
    r"(hidden|intermediate|vocab)_size|d_(model|ff|kv)|head_dim|num_((attention|key_value)_)?heads"
    r"|(cross_attention|joint_attention|cap_feat)_dim|relative_attention_num_buckets"
)
"""Each is a side of some weight, or a part of one."""
_LAYERS = re.compile(r"(?!max_).*layers(_per_block)?|depth|num_res_blocks")
_SCALES = re.compile(r".*\.(weight_scale(_inv)?|scale_weight|input_scale|scale_input)")
"""What 8-bit weights mean nothing without."""
_KINDS = {"CLIP": "clip", "T5": "t5", "Qwen2_5_VL": "qwen2_5_vl", "Qwen3": "qwen3"}
"""How the names of an encoder's classes start, and what transformers calls its kind."""
NAME_MAX = 100  # characters of a class's name
_KERNELS = re.compile(r"_?(attn|experts)_implementation(_internal)?")


def code_fault(folder: Path, config: Mapping[str, object]) -> str:
    """Why a component would run code or read weights that are not its own, as the end of a sentence; "" if it would not."""
    if (folder / ADAPTER_CONFIG).exists():
        return f"has an {ADAPTER_CONFIG}, which stands for weights of another folder; merge the adapter into them"
    for key, value in _named(config):
        if key == "auto_map":
            return f"asks for code of its own ({key}), which is never run; take it out where it is not needed"
        named = value.values() if isinstance(value, Mapping) else [value]
        if _KERNELS.fullmatch(key) and any("/" in str(each) for each in named):
            return f"asks for kernels from the hub ({key}), which are never run; take that out of its config.json"
    return ""


def weights_fault(config: Mapping[str, object], tensors: Tensors) -> str:
    """Why its weights are not what a network computes with, as the end of a sentence; "" if they are."""
    quantised = any(key == "quantization_config" and value for key, value in _named(config))
    if quantised or any(map(_SCALES.fullmatch, tensors)):
        return "is quantised, which Darkroom does not load; take the unquantised weights"
    for name, (dtype, _) in tensors.items():
        if dtype not in FLOATS and not name.endswith(COUNTERS):
            return f"holds {name} in {dtype}, which is no dtype of weights; take them in F32, BF16 or F16"
    return ""


def size_fault(config: Mapping[str, object], tensors: Tensors) -> str:
    """A network far larger than its weights, which would fill the memory before one of them is read; "" if it is not."""
    longest = max((side for _, shape in tensors.values() for side in shape), default=0)
    for key, value in _named(config):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if tensors and _LAYERS.fullmatch(key) and value > len(tensors):
            return f"has {key} = {value} in its config, and its files hold {len(tensors)} tensors"
        if tensors and _WIDTH.fullmatch(key) and value > longest:
            return f"has {key} = {value} in its config, and no side of its tensors is longer than {longest}"
        if _SIDE.fullmatch(key) and value > SIDE_MAX:
            return f"has {key} = {value} in its config, which is more than {SIDE_MAX}"
    return ""


def class_fault(config: Mapping[str, object], classes: frozenset[str]) -> str:
    """A config that is of another class than the ones that belong here, as the end of a sentence; "" if it is not."""
    named = config.get("_class_name")
    if isinstance(named, str) and named not in classes:
        return f"is a {_shown(named)} by its config.json; this family has {' or '.join(sorted(classes))}"
    kind = config.get("model_type")
    wanted = {kind for start, kind in _KINDS.items() if any(name.startswith(start) for name in classes)}
    if isinstance(kind, str) and wanted and not kind.startswith(tuple(wanted)):
        return f"is a {_shown(kind)} by its config.json; this family has {' or '.join(sorted(classes))}"
    return ""


def width_fault(layout: Layout, configs: Mapping[str, Mapping[str, object]]) -> str:
    """A network that was made to read other texts than the folder's encoders write; "" where none is seen."""
    network = configs.get(layout.network, {})
    for key, sides in layout.widths.items():
        there = [configs.get(name, {}).get(width) for name, width in sides]
        wants, given = network.get(key), [each for each in there if type(each) is int]
        if type(wants) is int and len(given) == len(sides) and wants != sum(given):
            verb = "writes" if len(sides) == 1 else "write"
            makers = " and ".join(name for name, _ in sides)
            return (
                f"{layout.network} reads texts of width {wants} ({key}), and {makers} {verb} {sum(given)}: "
                "they are of different models"
            )
    return ""


def _shown(text: str) -> str:
    text = text[:NAME_MAX]
    return text if text.isprintable() else ascii(text)


def _named(config: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """All values in a JSON object with the names they stand under; the parts of lists under the list's name."""
    left: list[tuple[str, object]] = list(config.items())
    while left:
        key, value = left.pop()
        yield key, value
        if isinstance(value, Mapping):
            left += value.items()
        elif isinstance(value, list):
            left += [(key, each) for each in value]
