"""The lineage in PostgreSQL (core.ports.Lineage): a walk over the jobs' edges in the database, then one page of nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.lineage import Direction, Edge, GraphPage, Node
from darkroom.core.params import Visibility
from darkroom.core.recipes import Action, ParentKind, Role
from darkroom.storage.postgres.connection import Database, Record
from darkroom.storage.postgres.statements import queries

GROUPS_MAX = 50_000
"""How far a walk goes, in jobs and single pictures, the nearest first: about a fifth of a second."""


class PostgresLineage:
    """Each page walks anew: nothing is kept between two, so what is drawn in between shows up where it belongs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("lineage")

    async def page(
        self, image_id: UUID, direction: Direction, *, after: UUID | None, limit: int
    ) -> GraphPage:
        found = await self._database.rows(self._sql[direction.value], image_id, after, limit + 1, GROUPS_MAX)
        shown = found[:limit]
        if not shown and not await self._database.rows(self._sql["exists"], image_id):
            raise NotFound(f"There is no image {image_id}.")
        return GraphPage(
            nodes=tuple(_node(row) for row in shown if row["kind"] is not None),
            edges=tuple(await self._edges(shown, first=image_id if after is None else None)),
            after=found[limit - 1]["id"] if len(found) > limit else None,
        )

    async def _edges(self, shown: Sequence[Record], *, first: UUID | None) -> list[Edge]:
        """Those of these nodes, after those of the image that was asked about, where they belong to this page."""
        children = [(row["id"], row["job_id"]) for row in shown if row["job_id"] is not None]
        jobs = list({job_id for _, job_id in children})
        if first is None:
            found = await self._database.rows(self._sql["edges"], jobs)
        else:
            found = await self._database.rows(self._sql["edges_to"], jobs, first)
            children[:0] = [(first, row["job_id"]) for row in found if row["own"]][:1]
        inputs = defaultdict[UUID, list[_Made]](list)
        for row in found:
            inputs[row["job_id"]].append(_made(row))
        return [
            Edge(child_id=child, parent_id=parent, kind=kind, role=role, weight=weight)
            for child, job_id in children
            for parent, kind, role, weight in inputs[job_id]
        ]

    async def parents(self, job_ids: Sequence[UUID]) -> Mapping[UUID, tuple[UUID, ...]]:
        found = defaultdict[UUID, dict[UUID, None]](dict)
        for row in await self._database.rows(self._sql["edges"], job_ids):
            found[row["job_id"]][row["parent_id"]] = None
        return {job_id: tuple(own) for job_id, own in found.items()}


def _node(row: Record) -> Node:
    """A row of lineage_nodes."""
    kind, deleted = ParentKind(row["kind"]), row["deleted_at"] is not None
    if kind is ParentKind.UPLOAD:
        return Node(
            id=row["id"],
            kind=kind,
            account_id=row["account_id"],
            thumbnail="" if deleted else row["thumbnail"],
            deleted=deleted,
            created_at=row["created_at"],
        )
    return Node(
        id=row["id"],
        kind=kind,
        account_id=row["account_id"],
        job_id=row["job_id"],
        index=row["index"],
        action=Action(row["action"]),
        prompt=row["prompt"],
        visibility=Visibility(row["visibility"]),
        thumbnail=row["thumbnail"] or "",
        trashed=row["trashed_at"] is not None,
        deleted=deleted,
        created_at=row["created_at"],
    )


_Made = tuple[UUID, ParentKind, Role, float]
"""What all images of a job were made from: a parent, its kind and role, its weight."""


def _made(row: Record) -> _Made:
    return row["parent_id"], ParentKind(row["parent_kind"]), Role(row["role"]), row["weight"]
