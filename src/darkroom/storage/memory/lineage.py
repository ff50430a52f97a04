"""The lineage in memory (core.ports.Lineage): plain reachability over the images' recipes. For graphs of a test's size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.images import Image, Variant
from darkroom.core.lineage import Direction, Edge, GraphPage, Node
from darkroom.core.recipes import ParentKind
from darkroom.core.uploads import Upload
from darkroom.storage.memory.state import State


class MemoryLineage:
    """Every method is one step of the event loop, so it sees one moment."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def page(
        self, image_id: UUID, direction: Direction, *, after: UUID | None, limit: int
    ) -> GraphPage:
        state = self._state
        if image_id not in state.images:
            raise NotFound(f"There is no image {image_id}.")
        oldest_first = direction is Direction.DESCENDANTS
        ids = sorted(self._reached(image_id, direction), reverse=not oldest_first)
        rest = [each for each in ids if after is None or (each > after if oldest_first else each < after)]
        shown = rest[:limit]
        children = [image_id, *shown] if after is None else shown
        return GraphPage(
            nodes=tuple(self._node(each) for each in shown),
            edges=tuple(edge for each in children for edge in self._edges(each)),
            after=shown[-1] if len(rest) > limit else None,
        )

    async def parents(self, job_ids: Sequence[UUID]) -> Mapping[UUID, tuple[UUID, ...]]:
        jobs = self._state.jobs
        inputs = {each: jobs[each].recipe.inputs for each in job_ids if each in jobs}
        return {
            job: tuple(dict.fromkeys(each.parent_id for each in own)) for job, own in inputs.items() if own
        }

    def _reached(self, image_id: UUID, direction: Direction) -> set[UUID]:
        """All nodes but the one that was asked about; a grid counts where something was made from it."""
        up, down = defaultdict[UUID, set[UUID]](set), defaultdict[UUID, set[UUID]](set)
        for image in self._state.images.values():
            for edge in self._edges(image.id):
                up[image.id].add(edge.parent_id)
                down[edge.parent_id].add(image.id)
        ways = {Direction.ANCESTORS: [up], Direction.DESCENDANTS: [down], Direction.GRAPH: [up, down]}[
            direction
        ]
        found, todo = {image_id}, [image_id]
        while todo:
            near = {each for way in ways for each in way[todo[-1]]}
            todo.pop()
            todo.extend(near - found)
            found |= near
        grids = {each.id for each in self._state.images.values() if each.index is None}
        return {each for each in found if each != image_id and (each not in grids or down[each])}

    def _edges(self, node_id: UUID) -> Iterable[Edge]:
        image = self._state.images.get(node_id)
        for each in image.recipe.inputs if image else ():
            yield Edge(
                child_id=node_id,
                parent_id=each.parent_id,
                kind=each.kind,
                role=each.role,
                weight=each.weight,
            )

    def _node(self, node_id: UUID) -> Node:
        if node_id in self._state.images:
            return _image_node(self._state.images[node_id])
        return _upload_node(self._state.uploads[node_id])


def _image_node(image: Image) -> Node:
    thumbnail = image.file(Variant.THUMBNAIL)
    return Node(
        id=image.id,
        kind=ParentKind.IMAGE,
        account_id=image.account_id,
        job_id=image.job_id,
        index=image.index,
        action=image.recipe.action,
        prompt=image.prompt,
        visibility=image.visibility,
        thumbnail=thumbnail.digest if thumbnail else "",
        trashed=image.trashed_at is not None,
        deleted=image.deleted_at is not None,
        created_at=image.created_at,
    )


def _upload_node(upload: Upload) -> Node:
    deleted = upload.deleted_at is not None
    return Node(
        id=upload.id,
        kind=ParentKind.UPLOAD,
        account_id=upload.account_id,
        thumbnail="" if deleted else upload.digest,
        deleted=deleted,
        created_at=upload.created_at,
    )
