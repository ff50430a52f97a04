"""The SQL files beside this module: named queries, numbered migrations, functions. Knows no database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_MIGRATION = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, kw_only=True)
class Script:
    """One .sql file that is run as a whole. `version` counts from 1; functions have none of their own (0)."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def queries(room: str) -> Mapping[str, str]:
    """The queries of queries/<room>.sql by the names in their `-- name:` lines."""
    text = (_folder("queries") / f"{room}.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    names = parts[::2]
    assert len(set(names)) == len(names), f"queries/{room}.sql names a query twice"
    return {name: body.strip() for name, body in zip(names, parts[1::2])}


@cache
def migrations() -> tuple[Script, ...]:
    """The numbered migrations, in order and without gaps."""
    scripts = []
    for path in _sql_files("migrations"):
        found = _MIGRATION.fullmatch(path.name)
        assert found, f"migrations/{path.name} is not named NNNN_name.sql"
        scripts.append(Script(version=int(found[1]), name=found[2], text=path.read_text(encoding="utf-8")))
    assert [each.version for each in scripts] == list(range(1, len(scripts) + 1)), "a migration is missing"
    return tuple(scripts)


@cache
def functions() -> Script:
    """All functions as one script, in the order of their files: a change of one applies all anew."""
    texts = [path.read_text(encoding="utf-8") for path in _sql_files("functions")]
    return Script(version=0, name="functions", text="\n".join(texts))


def _sql_files(folder: str) -> list[Traversable]:
    found = (path for path in _folder(folder).iterdir() if path.name.endswith(".sql"))
    return sorted(found, key=lambda path: path.name)


def _folder(name: str) -> Traversable:
    return files("darkroom.storage.postgres") / name
