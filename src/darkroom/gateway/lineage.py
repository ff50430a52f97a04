"""Where an image comes from and what was made from it, page by page. What the one who asks may not see keeps its place, without a face."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from darkroom.core.lineage import Direction, Edge, Node
from darkroom.core.ports import Objects
from darkroom.core.recipes import Action, ParentKind, Role
from darkroom.gateway.auth import Reader
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.limits import WIDE_PER_MINUTE, count
from darkroom.gateway.views import Out, link_expiry
from darkroom.lifecycle.sight import may_ask_of, may_see_node, not_there
from darkroom.storage.objects import blob_key

PAGE = 100
PAGE_MAX = 500
MEDIA_TYPES = {ParentKind.IMAGE: "image/webp", ParentKind.UPLOAD: "image/png"}


class NodeOut(Out):
    id: UUID
    kind: ParentKind
    job_id: UUID | None
    index: Annotated[int | None, Field(description="1 to 4; null for a grid and for an upload")]
    action: Action | None
    prompt: str | None
    visible: Annotated[
        bool, Field(description="False for what you may not see: then only its place in the graph is told")
    ]
    deleted: Annotated[bool, Field(description="A tombstone: it keeps its place and has no pixels")]
    thumbnail_url: str | None
    created_at: datetime


class EdgeOut(Out):
    """`child` was made from `parent`."""

    child: UUID
    parent: UUID
    kind: Annotated[ParentKind, Field(description="Of the parent")]
    role: Role
    weight: float


class LineageOut(Out):
    """Nodes without the image that was asked about; edges from them (on the first page, from that image, too) to their parents."""

    nodes: list[NodeOut]
    edges: list[EdgeOut]
    next_cursor: UUID | None


def lineage_router() -> APIRouter:
    """One route under /api/v1/images."""
    router = APIRouter(prefix="/api/v1/images", tags=["images"])

    @router.get("/{image_id}/lineage", responses=refusals(404, 422, 429, 503), operation_id="getLineage")
    async def get_lineage(
        image_id: UUID,
        caller: Reader,
        here: Here,
        direction: Direction = Direction.GRAPH,
        cursor: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    ) -> LineageOut:
        """What an image was made from (newest first), what was made from it (oldest first), or all that is connected (newest first)."""
        viewer = caller.account.id
        count(here.wide, viewer, per_minute=WIDE_PER_MINUTE, now=here.now(), what="feeds and lineages")
        if not may_ask_of(viewer, await here.rooms.library.image(image_id)):
            raise not_there(image_id)
        page = await here.rooms.lineage.page(image_id, direction, after=cursor, limit=limit)
        now = here.now()
        return LineageOut(
            nodes=[await _node_out(each, viewer, here.rooms.objects, now=now) for each in page.nodes],
            edges=[_edge_out(each) for each in page.edges],
            next_cursor=page.after,
        )

    return router


async def _node_out(node: Node, viewer: UUID, objects: Objects, *, now: datetime) -> NodeOut:
    seen = may_see_node(viewer, replace(node, deleted=False) if node.deleted else node)
    visible = seen and not node.deleted
    return NodeOut(
        id=node.id,
        kind=node.kind,
        job_id=node.job_id if visible else None,
        index=node.index + 1 if visible and node.index is not None else None,
        action=node.action if visible else None,
        prompt=(node.prompt or None) if visible else None,
        visible=visible,
        deleted=seen and node.deleted,
        thumbnail_url=await _link(node, objects, now) if visible and node.thumbnail else None,
        created_at=node.created_at,
    )


async def _link(node: Node, objects: Objects, now: datetime) -> str:
    return await objects.read_url(
        blob_key(node.thumbnail), expires_at=link_expiry(now), media_type=MEDIA_TYPES[node.kind]
    )


def _edge_out(edge: Edge) -> EdgeOut:
    return EdgeOut(
        child=edge.child_id, parent=edge.parent_id, kind=edge.kind, role=edge.role, weight=edge.weight
    )
