"""The part of a registry entry that says where a model's weights come from. Reads no weights and looks into no folder."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from darkroom.core.capabilities import AdapterSource, ModelSource
from darkroom.core.errors import RegistryError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
STEPS_MAX = 1000
GUIDANCE_MAX = 100.0
ADAPTERS_MAX = 16
ADAPTER_WEIGHT_MAX = 10.0
TEXT_MAX = 4096  # characters of a path or a name

_TEXTS = ("folder", "hub", "revision", "precision", "guidance_rule", "sampler")
SOURCE_KEYS = frozenset({*_TEXTS, "adapters", "steps", "guidance"})
_HUB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def read_source(name: str, table: Mapping[str, object], *, beside: Path) -> ModelSource | None:
    """The source in a model's table, None where it has none. Relative paths count from the folder `beside`.

    Raises RegistryError that names the key and what would be right.
    """
    if not SOURCE_KEYS & set(table):
        return None
    texts = {key: _text(name, key, table[key]) for key in _TEXTS if key in table}
    if ("folder" in texts) == ("hub" in texts):
        raise RegistryError(f"models.{name} needs either a folder or a hub name for its weights, one of them")
    if "hub" in texts and not _HUB.fullmatch(texts["hub"]):
        raise RegistryError(f"models.{name}.hub must look like owner/name, not {texts['hub']!r}")
    if "revision" in texts and "hub" not in texts:
        raise RegistryError(f"models.{name}.revision means something beside a hub name only")
    if texts.get("precision", "auto") not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise RegistryError(f"models.{name}.precision must be one of {known}, not {texts['precision']!r}")
    if "folder" in texts:
        texts["folder"] = _path(texts["folder"], beside)
    return ModelSource(
        **texts,
        steps=_steps(name, table["steps"]) if "steps" in table else None,
        guidance=_number(name, "guidance", table["guidance"], GUIDANCE_MAX) if "guidance" in table else None,
        adapters=_adapters(name, table.get("adapters", []), beside),
    )


def _text(name: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_MAX or "\0" in value:
        raise RegistryError(f"models.{name}.{key} must be a text, not {str(value)[:80]!r}")
    return value.strip()


def _path(text: str, beside: Path) -> str:
    return str(beside / Path(text).expanduser())


def _steps(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= STEPS_MAX:
        raise RegistryError(
            f"models.{name}.steps must be a whole number from 1 to {STEPS_MAX}, not {value!r}"
        )
    return value


def _number(name: str, key: str, value: object, largest: float) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not -largest <= value <= largest:  # type: ignore[arg-type,operator]
        raise RegistryError(
            f"models.{name}.{key} must be a number from -{largest:g} to {largest:g}, not {value!r}"
        )
    return float(value)  # type: ignore[arg-type]


def _adapters(name: str, value: object, beside: Path) -> tuple[AdapterSource, ...]:
    if not isinstance(value, list) or len(value) > ADAPTERS_MAX:
        raise RegistryError(f"models.{name}.adapters must be a list of at most {ADAPTERS_MAX} tables")
    return tuple(_adapter(name, each, beside) for each in value)


def _adapter(name: str, value: object, beside: Path) -> AdapterSource:
    if not isinstance(value, dict) or "file" not in value or not set(value) <= {"file", "weight"}:
        right = '{ file = "style.safetensors", weight = 0.8 }'
        raise RegistryError(f"models.{name}.adapters: each is a table like {right}, not {str(value)[:80]!r}")
    file = _path(_text(name, "adapters.file", value["file"]), beside)
    weight = _number(name, "adapters.weight", value.get("weight", 1.0), ADAPTER_WEIGHT_MAX)
    return AdapterSource(file=file, weight=weight)
