"""The registry of models: TOML files, read into core's catalogue. Loads no weights and imports no torch."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from darkroom.core.capabilities import HONOURABLE, ModelCapabilities, ModelCatalogue
from darkroom.core.errors import RegistryError
from darkroom.model.sources import SOURCE_KEYS, read_source

BUILTIN_REGISTRY = Path(__file__).with_name("registry.toml")
REGISTRY_MAX_BYTES = 4_000_000
PIXELS_MAX = 65_536  # of a side
ASPECT_MAX = 14  # the widest that the prompt language knows
IMAGE_PROMPTS_MAX = 64

_TEXTS = ("title", "family", "licence")
_FLAGS = ("letters", "default")
_NUMBERS = {
    "native_px": (1, PIXELS_MAX),
    "large_px": (1, PIXELS_MAX),
    "widest_aspect": (1, ASPECT_MAX),
    "widest_aspect_hd": (1, ASPECT_MAX),
    "max_image_prompts": (0, IMAGE_PROMPTS_MAX),
}
_KEYS = frozenset({*_TEXTS, *_FLAGS, *_NUMBERS, *SOURCE_KEYS, "honours"})
_NEEDED = ("title", "family", "honours", "native_px", "large_px")
_SECTIONS = frozenset({"models", "aliases"})
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_ALIAS = re.compile(r"[a-z0-9][a-z0-9._-]*|niji [a-z0-9][a-z0-9._-]*")


def read_registry(path: Path = BUILTIN_REGISTRY) -> ModelCatalogue:
    """The catalogue in a TOML file. Raises RegistryError that names the file, the entry and what would be right."""
    try:
        document = _document(path)
        models = _models(document, beside=path.parent)
        return _checked(ModelCatalogue(models=models, aliases=_aliases(document, models)))
    except RegistryError as error:
        raise RegistryError(f"the registry of models {path}: {error.message}") from error.__cause__


def read_registries(base: Path, own: Path, *, called: Path | None = None) -> ModelCatalogue:
    """The catalogue of a registry with the models that somebody added in a file of their own; that may be missing.

    A default and the aliases in `own` go before those in `base`. Raises RegistryError as `read_registry` does; `called`
    is the file that it names where `own` is only a draft of it.
    """
    catalogue = read_registry(base)
    if not own.exists():
        return catalogue
    try:
        document = _document(own)
        added = _models(document, beside=own.parent) if document.get("models") else {}
        if hidden := sorted(set(added) & set(catalogue.models)):
            raise RegistryError(f"models.{hidden[0]} is the name of a built-in model; choose another")
        models = {**catalogue.models, **added}
        if any(model.default for model in added.values()):
            models.update({name: replace(model, default=False) for name, model in catalogue.models.items()})
        aliases = {name: of for name, of in catalogue.aliases.items() if name not in added}
        return _checked(ModelCatalogue(models=models, aliases={**aliases, **_aliases(document, models)}))
    except RegistryError as error:
        raise RegistryError(f"your models in {called or own}: {error.message}") from error.__cause__


def check_name(name: str) -> str:
    """A name for --v in small letters, which is one for a file too. RegistryError where it is none."""
    if not _NAME.fullmatch(name.lower()):
        raise RegistryError(f"{name!r} is no name for --v; use a-z, 0-9, dots, dashes and underscores")
    return name.lower()


def _document(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            raw = file.read(REGISTRY_MAX_BYTES + 1)
    except OSError as error:
        raise RegistryError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the path
        raise RegistryError(f"cannot be read: {error}") from error
    if len(raw) > REGISTRY_MAX_BYTES:
        raise RegistryError(f"is larger than {REGISTRY_MAX_BYTES:,} bytes, so it is hardly a registry")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # bad TOML, bad UTF-8, a number of thousands of digits
        raise RegistryError(f"is not valid TOML: {error}") from error


def _checked(catalogue: ModelCatalogue) -> ModelCatalogue:
    assert catalogue.default is not None  # raises RegistryError where there is none, or more than one
    return catalogue


def _models(document: Mapping[str, object], *, beside: Path) -> dict[str, ModelCapabilities]:
    unknown = sorted(set(document) - _SECTIONS)
    if unknown:
        raise RegistryError(f"has an unknown section {unknown[0]!r}; known are aliases and models")
    tables = document.get("models", {})
    if not isinstance(tables, dict) or not tables:
        raise RegistryError("lists no model; it needs at least one table [models.NAME]")
    models: dict[str, ModelCapabilities] = {}
    for name, table in tables.items():
        if name.lower() in models:
            raise RegistryError(
                f"has two models named {name.lower()!r}; names do not tell upper from lower case"
            )
        models[name.lower()] = _entry(name.lower(), table, beside)
    return models


def _entry(name: str, table: object, beside: Path) -> ModelCapabilities:
    check_name(name)
    if not isinstance(table, dict):
        raise RegistryError(f"models.{name} must be a table")
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise RegistryError(
            f"models.{name} has an unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}"
        )
    lacking = [key for key in _NEEDED if key not in table]
    if lacking:
        raise RegistryError(f"models.{name} lacks {lacking[0]!r}; needed are {', '.join(_NEEDED)}")
    texts = {key: _text(name, key, table[key]) for key in _TEXTS if key in table}
    flags = {key: _flag(name, key, table[key]) for key in _FLAGS if key in table}
    numbers = {key: _number(name, key, table[key]) for key in _NUMBERS if key in table}
    honours = _honours(name, table["honours"])
    # The texts, flags and numbers were each checked above; mypy cannot follow keys from a table into arguments.
    source = read_source(name, table, beside=beside)
    model = ModelCapabilities(name=name, honours=honours, source=source, **texts, **flags, **numbers)  # type: ignore[arg-type]
    _check_together(model)
    return model


def _text(name: str, key: str, value: object) -> str:
    if not isinstance(value, str) or (key in _NEEDED and not value.strip()):
        raise RegistryError(f"models.{name}.{key} must be a text, not {value!r}")
    return value


def _flag(name: str, key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise RegistryError(f"models.{name}.{key} must be true or false, not {value!r}")
    return value


def _number(name: str, key: str, value: object) -> int:
    low, high = _NUMBERS[key]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise RegistryError(f"models.{name}.{key} must be a whole number from {low} to {high}, not {value!r}")
    return value


def _honours(name: str, value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise RegistryError(f"models.{name}.honours must be a list of parameters, not {value!r}")
    unknown = sorted(set(value) - HONOURABLE)
    if unknown:
        known = ", ".join(sorted(HONOURABLE))
        raise RegistryError(f"models.{name} honours an unknown parameter {unknown[0]!r}; known are {known}")
    return frozenset(value)


def _check_together(model: ModelCapabilities) -> None:
    if model.large_px < model.native_px:
        raise RegistryError(f"models.{model.name}.large_px must be at least its native_px, {model.native_px}")
    if ("image_prompts" in model.honours) != (model.max_image_prompts > 0):
        rule = "a model honours image_prompts exactly where its max_image_prompts is above 0"
        raise RegistryError(f"models.{model.name} contradicts itself: {rule}")


def _aliases(document: Mapping[str, object], models: Mapping[str, ModelCapabilities]) -> dict[str, str]:
    table = document.get("aliases", {})
    if not isinstance(table, dict):
        raise RegistryError("aliases must be a table of alias = model")
    aliases: dict[str, str] = {}
    for alias, target in table.items():
        name = alias.lower()
        if not _ALIAS.fullmatch(name):
            raise RegistryError(
                f"alias {alias!r} cannot be typed after --v or --niji; write it as 7, fox or 'niji 6'"
            )
        if not isinstance(target, str) or target.lower() not in models:
            raise RegistryError(f"alias {alias!r} points at {target!r}, which is not in the registry")
        if name in models:
            raise RegistryError(f"alias {alias!r} hides the model of that name; choose another")
        if name in aliases:
            raise RegistryError(f"alias {alias!r} is there twice; names do not tell upper from lower case")
        aliases[name] = target.lower()
    return aliases
