"""Where images come from: nodes, edges with their role, and a page of the graph. Ids carry their time, so parents are older."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from darkroom.core.params import Visibility
from darkroom.core.recipes import Action, ParentKind, Role


class Direction(StrEnum):
    ANCESTORS = "ancestors"
    DESCENDANTS = "descendants"
    GRAPH = "graph"
    """Everything that is connected with it."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """An image or an upload. `job_id`, `index` and `action` are None for an upload.

    `thumbnail` is the digest of a small file of it (an image's thumbnail, an upload's own file), "" where there is none.
    `deleted` is a tombstone: it keeps its place in the graph and has no pixels.
    """

    id: UUID
    kind: ParentKind
    account_id: UUID
    job_id: UUID | None = None
    index: int | None = None
    action: Action | None = None
    prompt: str = ""
    visibility: Visibility = Visibility.STEALTH
    thumbnail: str = ""
    trashed: bool = False
    deleted: bool = False
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Edge:
    """`child_id` was made from `parent_id`."""

    child_id: UUID
    parent_id: UUID
    kind: ParentKind
    role: Role
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class GraphPage:
    """Nodes without the one that was asked about, in the order of the page, and all edges from these nodes (and, on the first
    page, from that one) to their parents. `after` is where the next page begins, None at the end."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    after: UUID | None = None
