"""The file in which a person's own models are listed: entries are added and removed, and what else stands there is kept.

Knows the file's form, and of an entry only what the registry's reader says of it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tomlkit
from tomlkit.exceptions import ParseError

from darkroom.core.capabilities import ModelCapabilities, ModelSource
from darkroom.core.errors import RegistryError
from darkroom.model.registry import read_registries

HEADING = "Models that `darkroom models add` put here; see docs/models.md. Edit as you like."
PRIVATE_FOLDER = 0o700  # it becomes the server's data folder
_DEFAULT_SOURCE = ModelSource()


def add_model(own: Path, model: ModelCapabilities, *, base: Path) -> None:
    """Adds an entry to the file, which is made where it is missing. Nothing changes where the result would not be read.

    Raises RegistryError where the name is taken, the entry is wrong or the file can't be read or written.
    """
    with _alone(own):
        read_registries(base, own)  # says what is wrong with it, and where
        document = _read(own)
        models = document.setdefault("models", tomlkit.table(is_super_table=True))
        if model.name in {name.lower() for name in models}:
            raise RegistryError(
                f"{model.name} is listed in {own} already; remove it first or choose another name"
            )
        models.add(model.name, _table(model))
        _write(own, document, base=base)


def remove_model(own: Path, name: str, *, base: Path) -> None:
    """Removes an entry and the aliases that point at it. RegistryError where it is not there, or is needed."""
    with _alone(own):
        read_registries(base, own)  # says what is wrong with it, and where
        document = _read(own)
        models = document.get("models", {})
        found = next((each for each in models if each.lower() == name.lower()), None)
        if found is None:
            raise RegistryError(f"{name} is not among the models in {own}; only those can be removed")
        del models[found]
        aliases = document.get("aliases", {})
        for alias in [alias for alias, of in aliases.items() if str(of).lower() == name.lower()]:
            del aliases[alias]
        _write(own, document, base=base)


@contextmanager
def _alone(own: Path) -> Iterator[None]:
    """No other process changes the file inside the block: else of two additions at once, one would be lost."""
    try:
        own.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        folder = os.open(own.parent, os.O_RDONLY)  # locked in the file's stead, which is replaced
    except OSError as error:
        raise RegistryError(f"{own} cannot be written: {error.strerror or error}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # ends with the process
        yield
    finally:
        os.close(folder)


def _table(model: ModelCapabilities) -> tomlkit.items.Table:
    table = tomlkit.table()
    facts = {
        "title": model.title,
        "family": model.family,
        "licence": model.licence,
        "default": model.default,
        "native_px": model.native_px,
        "large_px": model.large_px,
        "widest_aspect": model.widest_aspect,
        "widest_aspect_hd": model.widest_aspect_hd,
        "max_image_prompts": model.max_image_prompts,
        "letters": model.letters,
        "honours": sorted(model.honours),
        **_source(model.source or _DEFAULT_SOURCE),
    }
    for key, value in facts.items():
        if value or key in ("guidance",):
            table.add(key, value)
    return table


def _source(source: ModelSource) -> dict[str, object]:
    """The keys of a source that differ from what their absence means."""
    facts = {
        key: getattr(source, key)
        for key in ("folder", "hub", "revision", "precision", "steps", "guidance", "guidance_rule", "sampler")
        if getattr(source, key) != getattr(_DEFAULT_SOURCE, key)
    }
    if source.adapters:
        facts["adapters"] = [{"file": each.file, "weight": each.weight} for each in source.adapters]
    return facts


def _read(own: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(own.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        document = tomlkit.document()
        document.add(tomlkit.comment(HEADING))
        return document
    except OSError as error:
        raise RegistryError(f"your models in {own} cannot be read: {error.strerror or error}") from error
    except (ParseError, ValueError) as error:
        raise RegistryError(f"your models in {own} are not valid TOML: {error}") from error


def _write(own: Path, document: tomlkit.TOMLDocument, *, base: Path) -> None:
    """Writes beside the file, has it read as the service will, and only then puts it in the file's place."""
    try:
        handle, name = tempfile.mkstemp(prefix=".models-", suffix=".toml", dir=own.parent)
    except OSError as error:
        raise RegistryError(f"{own} cannot be written: {error.strerror or error}") from error
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(tomlkit.dumps(document))
            file.flush()
            os.fsync(file.fileno())
        read_registries(base, written, called=own)
        written.chmod(0o644)
        written.replace(own)
    except OSError as error:
        raise RegistryError(f"{own} cannot be written: {error.strerror or error}") from error
    finally:
        written.unlink(missing_ok=True)
