"""The routes of folders: make, name, fill, delete. What lies in one is a list of images with `folder`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, ConfigDict, Field

from darkroom.core.gallery import Folder
from darkroom.core.ids import new_id
from darkroom.gateway.auth import Reader, Writer
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.gallery import IMAGES_AT_ONCE_MAX
from darkroom.gateway.invalid import Body, plain_name
from darkroom.gateway.jobs import NAME_MAX_CHARACTERS
from darkroom.gateway.views import Out

Name = Annotated[str, Field(min_length=1, max_length=NAME_MAX_CHARACTERS), AfterValidator(plain_name)]
Ids = Annotated[tuple[UUID, ...], Field(max_length=IMAGES_AT_ONCE_MAX)]


class FolderIn(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "foxes"}]})

    name: Name


class ArrangeIn(Body):
    """First what comes in, then what goes out; all of it or nothing."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"add": ["01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0b"]}]}
    )

    add: Annotated[Ids, Field(description="Images of yours")] = ()
    remove: Ids = ()


class FolderOut(Out):
    id: UUID
    name: str
    images: Annotated[int, Field(description="How many lie in it, hidden ones too, without the trash")]
    created_at: datetime


class FoldersOut(Out):
    folders: list[FolderOut]


def folders_router() -> APIRouter:
    """All under /api/v1/folders."""
    router = APIRouter(prefix="/api/v1/folders", tags=["gallery"])

    @router.get("", operation_id="listFolders")
    async def list_folders(caller: Reader, here: Here) -> FoldersOut:
        """Your folders, by name."""
        found = await here.rooms.gallery.folders(caller.account.id)
        return FoldersOut(folders=[folder_out(folder) for folder in found])

    @router.post("", status_code=201, responses=refusals(409, 429), operation_id="createFolder")
    async def create_folder(body: FolderIn, caller: Writer, here: Here) -> FolderOut:
        """Make a folder. Capitals make no difference between two names."""
        now = here.now()
        folder = Folder(id=new_id(now), account_id=caller.account.id, name=body.name, created_at=now)
        return folder_out(await here.rooms.gallery.add_folder(folder))

    @router.patch("/{folder_id}", responses=refusals(404, 409), operation_id="renameFolder")
    async def rename_folder(folder_id: UUID, body: FolderIn, caller: Writer, here: Here) -> FolderOut:
        """Give a folder another name."""
        renamed = await here.rooms.gallery.rename_folder(
            folder_id, account_id=caller.account.id, name=body.name
        )
        return folder_out(renamed)

    @router.delete("/{folder_id}", status_code=204, responses=refusals(404), operation_id="deleteFolder")
    async def delete_folder(folder_id: UUID, caller: Writer, here: Here) -> None:
        """Delete a folder. What lay in it stays."""
        await here.rooms.gallery.delete_folder(folder_id, account_id=caller.account.id)

    @router.post("/{folder_id}/images", responses=refusals(404, 429), operation_id="arrangeFolder")
    async def arrange_folder(folder_id: UUID, body: ArrangeIn, caller: Writer, here: Here) -> FolderOut:
        """Put images in, and take others out. An image may lie in any number of folders."""
        changed = await here.rooms.gallery.arrange(
            folder_id, account_id=caller.account.id, add=body.add, remove=body.remove, now=here.now()
        )
        return folder_out(changed)

    return router


def folder_out(folder: Folder) -> FolderOut:
    return FolderOut(id=folder.id, name=folder.name, images=folder.images, created_at=folder.created_at)
