"""A filter of images as SQL: which of the conditions in queries/finding.sql are wanted, and with what. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from darkroom.core.ports import ImageFilter
from darkroom.storage.postgres.rows import storable
from darkroom.storage.postgres.statements import queries

NARROWED = "/* narrowed */"  # where the conditions go in a query
VALUE = "$value"


def narrowed(
    query: str, wanted: ImageFilter, *more: object, before: UUID | None = None
) -> tuple[str, list[object]]:
    """The query with its conditions, and its arguments: the account is $1, `more` follow, then the values of conditions."""
    arguments: list[object] = [wanted.account_id, *more]
    conditions = []
    for name, value in _conditions(wanted, before):
        condition = queries("finding")[name]
        if value is not None:
            arguments.append(value)
            condition = condition.replace(VALUE, f"${len(arguments)}")
        conditions.append(f"AND {condition}")
    return query.replace(NARROWED, " ".join(conditions)), arguments


def _conditions(wanted: ImageFilter, before: UUID | None) -> Iterator[tuple[str, object]]:
    """The names of the conditions, each with its value; None for one that has none."""
    if wanted.folder_id is None:
        yield "not_replay", None
    for name, marked in (
        ("liked", wanted.liked),
        ("favourite", wanted.favourite),
        ("hidden", wanted.hidden),
    ):
        if marked is not None:
            yield name if marked else f"not_{name}", None
    values: dict[str, object] = {
        "folder": wanted.folder_id,
        "rating": wanted.rating_min or None,
        "model": None if wanted.model is None else storable(wanted.model),
        "words": storable(wanted.text) or None,
        "visibility": wanted.visibility and wanted.visibility.value,
        "ratio": wanted.ratio and wanted.ratio.value,
        "since": wanted.since,
        "until": wanted.until,
        "before": before,
    }
    yield from ((name, value) for name, value in values.items() if value is not None)
