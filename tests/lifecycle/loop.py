"""The creative loop played by hand: prompts and actions over a world, drawn by a worker that paints digests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from tests.lifecycle.conftest import World

from darkroom.core.accounts import Account
from darkroom.core.ids import new_id
from darkroom.core.images import Image
from darkroom.core.jobs import Job, NewJob
from darkroom.core.uploads import Upload, UploadKind
from darkroom.core.work import Completion, StagedImage
from darkroom.lifecycle.act import Acted, act
from darkroom.lifecycle.sizes import size_of
from darkroom.lifecycle.wishes import Asked, Wish


async def drawn(world: World, account: Account, text: str = "a red fox", **more: Any) -> list[Image]:
    """The images of a prompt."""
    (job,) = await world.submit(account, text, **more)
    return await finished(world, job)


async def asked(world: World, account: Account, image: Image, action: str, **more: Any) -> Acted:
    """The answer to an action; what `act` takes beside the wish is picked out of `more`."""
    beside = {name: more.pop(name) for name in ("dry_run", "idempotency_key") if name in more}
    return await act(world.rooms, account, image.id, Wish(action=Asked(action), **more), **beside)


async def done(world: World, account: Account, image: Image, action: str, **more: Any) -> list[Image]:
    """The images that an action makes."""
    job = (await asked(world, account, image, action, **more)).job
    assert not isinstance(job, NewJob)
    return await finished(world, job)


async def finished(world: World, job: Job) -> list[Image]:
    """A job drawn by the world's worker, which must be there, in the size that was foretold."""
    (assignment,) = await world.pull(free=1)
    assert assignment.claim.job_id == job.id and assignment.images == job.recipe.images == job.images
    completion = await world.complete(assignment, measured_gpu_ms=100)
    width, height = await size_of(world.rooms, job)
    report = sized(completion, width, height)
    world.clock.move(0.01)  # drawing takes a while, and ids carry their time
    assert (await world.dispatcher.report("w1", [report])) == ["accepted"]
    found = await world.store.library.images_of([job.id])
    return [each for each in found if each.index is not None]


def sized(completion: Completion, width: int, height: int) -> Completion:
    """The same report with pictures of a size, which say what their pixels are."""
    return replace(completion, images=tuple(_sized(each, width, height) for each in completion.images))


def _sized(staged: StagedImage, width: int, height: int) -> StagedImage:
    files = tuple(replace(each, file=replace(each.file, width=width, height=height)) for each in staged.files)
    told = {"pixels": f"pixels of image {staged.index}", "weights": "w", "engine": {}}
    return replace(staged, files=files, provenance=json.dumps(told))


async def upload(
    world: World, account: Account, *, kind: UploadKind = UploadKind.PICTURE, side: int = 256, name: str = "x"
) -> Upload:
    """A picture that somebody brought along."""
    return await world.store.uploads.add(
        Upload(
            id=new_id(world.clock()),
            account_id=account.id,
            kind=kind,
            digest=hashlib.sha256(f"{name}{account.id}".encode()).hexdigest(),
            width=side,
            height=side,
            size_bytes=9,
            created_at=world.clock(),
        )
    )


def parents(image: Image) -> set[UUID]:
    return {each.parent_id for each in image.recipe.inputs}
