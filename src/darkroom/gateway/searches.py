"""The routes of saved searches: a name for the filters of a list of images. Searches nothing itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, Field, ValidationError

from darkroom.core.errors import Refused
from darkroom.core.gallery import SavedSearch
from darkroom.core.ids import new_id
from darkroom.gateway.auth import Reader, Writer
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.folders import Name
from darkroom.gateway.images import ImagesWanted
from darkroom.gateway.invalid import Body, check_storable
from darkroom.gateway.views import Out

QUERY_MAX_CHARACTERS = 1_000
FIELDS_MAX = 32


class SearchIn(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "foxes I like", "query": "q=fox&liked=true"}]}
    )

    name: Name
    query: Annotated[
        str,
        Field(max_length=QUERY_MAX_CHARACTERS, description="As after the `?` of a list of images"),
    ]


class SearchOut(Out):
    id: UUID
    name: str
    query: str
    created_at: datetime


class SearchesOut(Out):
    searches: list[SearchOut]


def searches_router() -> APIRouter:
    """All under /api/v1/searches."""
    router = APIRouter(prefix="/api/v1/searches", tags=["gallery"])

    @router.get("", operation_id="listSearches")
    async def list_searches(caller: Reader, here: Here) -> SearchesOut:
        """Your saved searches, oldest first."""
        found = await here.rooms.gallery.searches(caller.account.id)
        return SearchesOut(searches=[search_out(search) for search in found])

    @router.post("", status_code=201, responses=refusals(429), operation_id="createSearch")
    async def create_search(body: SearchIn, caller: Writer, here: Here) -> SearchOut:
        """Save a search under a name."""
        check_query(body.query)
        now = here.now()
        search = SavedSearch(
            id=new_id(now),
            account_id=caller.account.id,
            name=body.name,
            query=body.query,
            created_at=now,
        )
        return search_out(await here.rooms.gallery.add_search(search))

    @router.delete("/{search_id}", status_code=204, responses=refusals(404), operation_id="deleteSearch")
    async def delete_search(search_id: UUID, caller: Writer, here: Here) -> None:
        """Forget a saved search."""
        await here.rooms.gallery.delete_search(search_id, account_id=caller.account.id)

    return router


def check_query(query: str) -> None:
    """Refused (`invalid_request`) for what the list of images would refuse, too."""
    try:
        fields = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=FIELDS_MAX))
        check_storable(fields)
        ImagesWanted.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(step) for step in first["loc"])
        raise _wrong(f"{name[:QUERY_MAX_CHARACTERS]}: {first['msg']}") from None
    except ValueError as error:
        raise _wrong(str(error)) from None


def _wrong(why: str) -> Refused:
    return Refused(
        f"This is no query of a list of images: {why}.",
        code="invalid_request",
        hint="Write it like q=fox&liked=true&rating_min=3.",
        field="query",
    )


def search_out(search: SavedSearch) -> SearchOut:
    return SearchOut(id=search.id, name=search.name, query=search.query, created_at=search.created_at)
