"""Pictures that a prompt points at: whose they may be, in which roles they come in, and addresses that are fetched once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from tests.lifecycle.conftest import World
from tests.lifecycle.loop import drawn, parents, upload

from darkroom.core.accounts import Account
from darkroom.core.errors import Blocked, Exhausted, PromptError, Refused
from darkroom.core.ports import JobFilter
from darkroom.core.recipes import EMPTY, Action, ParentKind, Role
from darkroom.core.uploads import CleanPicture, UploadKind
from darkroom.lifecycle import references
from darkroom.lifecycle.turns import AT_ONCE_MAX, PROMPTS_WAITING_MAX, Turns

LINK = "https://pictures.example/fox.png"
WAIT_S = 10.0  # a limit, not a measurement


class Web:
    """An intake to whom every address is a picture; it counts, and may be told to refuse."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.refusing = False

    async def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if self.refusing:
            raise Refused("The address leads inside.", code="link_refused", hint="Use a public one.")
        return url.encode()

    async def read(self, data: bytes) -> CleanPicture:
        return CleanPicture(png=data, width=4, height=4, rgb=bytes(48))

    async def read_mask(self, data: bytes) -> CleanPicture:
        raise NotImplementedError


@pytest.fixture
def web(world: World) -> Web:
    web = Web()
    world.rooms = replace(world.rooms, intake=web)
    return web


@pytest.fixture
async def ada(world: World) -> Account:
    await world.worker()
    return await world.account("ada")


async def refused(world: World, account: Account, text: str) -> Any:
    with pytest.raises((PromptError, Refused)) as refusal:
        await world.submit(account, text)
    assert await world.store.library.jobs(JobFilter(account_id=account.id), before=None, limit=5) == []
    return refusal.value


async def test_words_alone_have_the_empty_recipe(world: World, ada: Account) -> None:
    (job,) = await world.submit(ada, "a fox --sref 12 random")
    assert job.recipe == EMPTY and "random" not in job.prompt and "--sref 12 " in job.prompt


async def test_an_upload_and_an_image_come_in_by_their_roles(world: World, ada: Account) -> None:
    brought = await upload(world, ada)
    (image, *_) = await drawn(world, ada)
    (job,) = await world.submit(ada, f"upload:{brought.id} a fox --sref upload:{image.id}::2 77 --iw 2")
    prompt, style = job.recipe.inputs
    assert (prompt.role, prompt.kind, prompt.digest) == (Role.PROMPT, ParentKind.UPLOAD, brought.digest)
    assert (style.role, style.kind, style.digest) == (Role.STYLE, ParentKind.IMAGE, image.files[0].digest)
    assert (style.weight, style.source) == (2.0, f"upload:{image.id}")
    assert f"--sref upload:{image.id}::2 77" in job.prompt and job.recipe.action is Action.IMAGINE
    assert job.images == 4


async def test_ids_are_written_in_one_way(world: World, ada: Account) -> None:
    brought = await upload(world, ada)
    (job,) = await world.submit(ada, f"upload:{str(brought.id).upper()} a fox")
    assert job.prompt.startswith(f"upload:{brought.id} a fox")


async def test_several_jobs_of_one_prompt_share_their_pictures(world: World, ada: Account, web: Web) -> None:
    jobs = await world.submit(ada, f"{LINK} a {{red, green}} fox --repeat 2")
    assert len(jobs) == 4 and len({job.recipe for job in jobs}) == 1 and web.fetched == [LINK]


async def test_pictures_without_words_are_blended(world: World, ada: Account) -> None:
    one, two = await upload(world, ada), await upload(world, ada, name="y")
    (image, *_) = await drawn(world, ada, f"upload:{one.id} upload:{two.id} --ar 3:2")
    assert [each.role for each in image.recipe.inputs] == [Role.BLEND, Role.BLEND]
    assert image.recipe.action is Action.BLEND and parents(image) == {one.id, two.id}


async def test_an_address_is_fetched_once_for_a_key_and_is_an_upload_from_then_on(
    world: World, ada: Account, web: Web
) -> None:
    (first,) = await world.submit(ada, f"{LINK} a fox", idempotency_key="k")
    (again,) = await world.submit(ada, f"{LINK} a fox", idempotency_key="k")
    assert again == first and web.fetched == [LINK]
    (given,) = first.recipe.inputs
    kept = await world.store.uploads.get(given.parent_id)
    assert kept.source == LINK and given.digest == kept.digest
    assert first.prompt.startswith(f"upload:{kept.id} a fox") and first.source == f"{LINK} a fox"


@pytest.mark.parametrize(
    "text",
    [
        f"{LINK} a fox --ar 99",
        f"{LINK} a forbidden fox",
        f"{LINK} a fox --v other-1",
        f"{LINK} upload:0190a0de-0000-7000-8000-000000000001 a fox",
        f"{LINK} upload:nonsense a fox",
        f"{LINK} a fox --relax --repeat 2",
    ],
)
async def test_nothing_is_fetched_for_a_prompt_that_is_wrong(
    world: World, ada: Account, web: Web, text: str
) -> None:
    await refused(world, ada, text)
    assert web.fetched == []


@pytest.mark.parametrize("text", ["{{{links}}} a fox", "a fox --sref {links}"])
async def test_a_prompt_of_many_links_is_refused_before_the_first_is_fetched(
    world: World, ada: Account, web: Web, text: str
) -> None:
    joint = "," if "{{" in text else " "
    links = joint.join(f"{LINK}?{number}" for number in range(13))
    error = await refused(world, ada, text.format(links=links))
    assert error.code in ("invalid_link", "invalid_parameter") and "13" in error.message
    assert web.fetched == []


async def test_links_that_take_too_long_together_end(
    world: World, ada: Account, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(url: str) -> bytes:
        await asyncio.Event().wait()
        return b""

    monkeypatch.setattr(web, "fetch", never)
    monkeypatch.setattr(references, "LINKS_MAX_S", 0.01)
    assert (await refused(world, ada, f"{LINK} a fox")).code == "link_failed"
    assert len(world.rooms.turns) == len(world.rooms.links) == 0


class Heard(Turns):
    """Says when somebody asks for a turn."""

    heard = asyncio.Semaphore(0)

    def asking(self, account_id: UUID) -> int:
        self.heard.release()
        return super().asking(account_id)


async def test_slow_links_of_one_account_hold_few_submissions(
    world: World, ada: Account, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()

    async def slowly(url: str) -> bytes:
        await go_on.wait()
        return url.encode()

    monkeypatch.setattr(web, "fetch", slowly)
    links = Heard(waiting_max=PROMPTS_WAITING_MAX)
    world.rooms = replace(world.rooms, links=links)
    most = AT_ONCE_MAX + PROMPTS_WAITING_MAX
    waiting = [asyncio.create_task(world.submit(ada, f"{LINK}?{number} a fox")) for number in range(most)]
    async with asyncio.timeout(WAIT_S):
        for _ in waiting:
            await links.heard.acquire()
    with pytest.raises(Exhausted) as refusal:
        async with asyncio.timeout(WAIT_S):
            await world.submit(ada, f"{LINK} a fox")
    assert refusal.value.code == "rate_limited"
    assert await world.submit(ada, "a fox without a link")
    go_on.set()
    assert [len(each) for each in await asyncio.gather(*waiting)] == [1] * most


async def test_an_address_that_is_refused_refuses_the_prompt(world: World, ada: Account, web: Web) -> None:
    web.refusing = True
    assert (await refused(world, ada, f"{LINK} a fox")).code == "link_refused"


async def test_a_picture_that_may_not_be_used_refuses_the_prompt(
    world: World, ada: Account, web: Web
) -> None:
    world.scorer.scores = {"nsfw": 0.99}
    error = await refused(world, ada, f"{LINK} a fox")
    assert isinstance(error, Blocked) and error.code == "image_prompt_blocked"


@pytest.mark.parametrize(
    ("which", "says"),
    [
        ("theirs", "no upload of yours"),
        ("hidden", "no upload of yours"),
        ("nothing", "no upload of yours"),
        ("word", "is no id"),
        ("mask", "is a mask"),
        ("deleted", "was deleted"),
        ("grid", "is a grid"),
    ],
)
async def test_what_may_not_be_used_says_why(world: World, ada: Account, which: str, says: str) -> None:
    bob = await world.account("bob")
    (hidden, *_) = await drawn(world, ada, "a fox --stealth")
    gone = await upload(world, bob, name="gone")
    await world.store.uploads.delete(gone.id, account_id=bob.id, now=world.clock())
    grid = (await world.store.library.images_of([hidden.job_id]))[-1]
    (public, *_) = await drawn(world, ada)
    named = {
        "theirs": (await upload(world, ada)).id,
        "hidden": hidden.id,
        "nothing": public.job_id,
        "word": "chair",
        "mask": (await upload(world, bob, kind=UploadKind.MASK)).id,
        "deleted": gone.id,
        "grid": (await world.store.library.images_of([public.job_id]))[-1].id,
    }
    assert grid.index is None
    for text in (f"upload:{named[which]} a fox", f"a fox --sref upload:{named[which]}"):
        error = await refused(world, bob, text)
        assert error.code == "invalid_link" and says in error.message and error.hint


async def test_too_many_pictures_are_refused(world: World, ada: Account) -> None:
    ids = [f"upload:{(await upload(world, ada, name=str(i))).id}" for i in range(14)]
    error = await refused(world, ada, f"{' '.join(ids[:5])} a fox --sref {' '.join(ids[5:])}")
    assert "14 pictures" in error.message and "12" in error.message
