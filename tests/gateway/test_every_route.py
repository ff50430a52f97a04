"""Whatever names an object is walked with somebody else's key: 404, or 403 where only operators go. Unknown routes fail.

Whose object it is can do the same request, so that a 404 here means what it says.
"""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import PIL.Image
import pytest
from fastapi.routing import APIRoute
from tests.gateway.conftest import House, Person, fault

from darkroom.core.accounts import Role, Scope
from darkroom.core.ids import new_id
from darkroom.core.images import Finish, ImageFile, NewImage, Variant
from darkroom.core.jobs import Cause, Ending, JobState
from darkroom.gateway.studio import ASSET, SCREENS

Maker = Callable[[House, Person], Awaitable[str]]
DIGEST = "ab" * 32


async def a_job(house: House, person: Person, prompt: str = "a fox") -> str:
    answer = await person.client.post("/api/v1/jobs", json={"prompt": prompt})
    return str(answer.json()["jobs"][0]["id"])


async def a_running_job(house: House, person: Person, prompt: str = "a fox") -> tuple[UUID, int]:
    job_id = UUID(await a_job(house, person, prompt))
    lease = await house.store.operations.acquire_lease(holder="here", url="", ttl_s=60, now=house.clock())
    claimed = await house.store.ledger.claim([job_id], worker_id="w1", epoch=lease.epoch, now=house.clock())
    fence = claimed.jobs[0].fence
    assert fence is not None
    return job_id, fence


async def an_image(house: House, person: Person, prompt: str = "a fox") -> str:
    job_id, fence = await a_running_job(house, person, prompt)
    file = ImageFile(
        variant=Variant.PNG, digest=DIGEST, media_type="image/png", width=8, height=8, size_bytes=1
    )
    image = NewImage(
        id=new_id(house.clock()), index=0, files=(file,), scores={}, policy="test", provenance="{}"
    )
    finish = Finish(job_id=job_id, fence=fence, measured_gpu_ms=1, images=(image,), now=house.clock())
    await house.store.ledger.finish([finish])
    return str(image.id)


async def a_hidden_image(house: House, person: Person) -> str:
    return await an_image(house, person, "a fox --stealth")


async def a_trashed_image(house: House, person: Person) -> str:
    image = await an_image(house, person)
    assert (await person.client.delete(f"/api/v1/images/{image}")).status_code == 200
    return image


async def a_folder(house: House, person: Person) -> str:
    answer = await person.client.post("/api/v1/folders", json={"name": "foxes"})
    return str(answer.json()["id"])


async def a_search(house: House, person: Person) -> str:
    answer = await person.client.post("/api/v1/searches", json={"name": "foxes", "query": "q=fox"})
    return str(answer.json()["id"])


async def a_replay(house: House, person: Person) -> str:
    image = await an_image(house, person)
    answer = await person.client.post(f"/api/v1/images/{image}/actions", json={"action": "replay"})
    return str(answer.json()["jobs"][0]["id"])


async def a_dead_letter(house: House, person: Person) -> str:
    job_id, fence = await a_running_job(house, person)
    ending = Ending(
        job_id=job_id,
        fence=fence,
        state=JobState.FAILED,
        cause=Cause.OUT_OF_ATTEMPTS,
        error_code="job_failed",
        error_message="it broke",
    )
    await house.store.ledger.end([ending], now=house.clock())
    return str(job_id)


async def a_key(house: House, person: Person) -> str:
    key = (await house.with_key(person.account)).key
    assert key is not None
    return str(key.id)


async def a_user(house: House, person: Person) -> str:
    return str((await house.account("somebody")).id)


async def a_worker(house: House, person: Person) -> str:
    return (await house.worker("w1")).id


async def a_worker_token(house: House, person: Person) -> str:
    await house.worker_token()
    return (await house.store.operations.worker_tokens())[0].id


async def a_file(house: House, person: Person) -> str:
    key = f"blobs/{DIGEST[:2]}/{DIGEST}"
    await house.objects.put(key, b"x", media_type="image/png")
    return key


async def an_upload(house: House, person: Person) -> str:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (16, 16), "red").save(buffer, "PNG")
    answer = await person.client.post("/api/v1/uploads", files={"file": buffer.getvalue()})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def a_refusal(house: House, person: Person) -> str:
    """The number of the verdict on a prompt that was refused."""
    await person.client.post("/api/v1/jobs", json={"prompt": "forbidden fruit"})
    return str((await person.client.get("/api/v1/account/verdicts")).json()["verdicts"][0]["id"])


async def an_appeal(house: House, person: Person) -> str:
    body = {"verdict_id": int(await a_refusal(house, person)), "reason": "It is an apple."}
    return str((await person.client.post("/api/v1/appeals", json=body)).json()["id"])


@dataclass(frozen=True, kw_only=True)
class Walk:
    """How to make the object that a route names, and what strangers are told."""

    make: Maker
    stranger: int = 404
    body: dict[str, object] | None = None
    rightful: bool = True  # whose it is can do this request as it stands


ADMIN = 403
ROUTES: dict[tuple[str, str], Walk] = {
    ("GET", "/api/v1/jobs/{job_id}"): Walk(make=a_job),
    ("GET", "/api/v1/jobs/{job_id}/history"): Walk(make=a_job),
    ("DELETE", "/api/v1/jobs/{job_id}"): Walk(make=a_job),
    ("GET", "/api/v1/jobs/{job_id}/replay"): Walk(make=a_replay),
    ("GET", "/api/v1/images/{image_id}"): Walk(make=a_hidden_image),
    ("GET", "/api/v1/images/{image_id}/lineage"): Walk(make=a_hidden_image),
    ("PATCH", "/api/v1/images/{image_id}"): Walk(make=a_hidden_image, body={"liked": True}),
    ("DELETE", "/api/v1/images/{image_id}"): Walk(make=a_hidden_image),
    ("POST", "/api/v1/images/{image_id}/pick"): Walk(make=a_hidden_image),
    ("PATCH", "/api/v1/folders/{folder_id}"): Walk(make=a_folder, body={"name": "boats"}),
    ("DELETE", "/api/v1/folders/{folder_id}"): Walk(make=a_folder),
    ("POST", "/api/v1/folders/{folder_id}/images"): Walk(make=a_folder, body={"add": []}),
    ("DELETE", "/api/v1/searches/{search_id}"): Walk(make=a_search),
    ("POST", "/api/v1/images/{image_id}/actions"): Walk(make=a_hidden_image, body={"action": "vary_subtle"}),
    ("GET", "/api/v1/uploads/{upload_id}"): Walk(make=an_upload),
    ("DELETE", "/api/v1/uploads/{upload_id}"): Walk(make=an_upload),
    # Its file here is no picture; what its owner gets for one is in test_describing.py.
    ("POST", "/api/v1/images/{image_id}/describe"): Walk(make=a_hidden_image, rightful=False),
    ("POST", "/api/v1/uploads/{upload_id}/describe"): Walk(make=an_upload),
    ("DELETE", "/api/v1/account/keys/{key_id}"): Walk(make=a_key),
    ("GET", "/api/v1/admin/users/{user_id}"): Walk(make=a_user, stranger=ADMIN),
    ("PATCH", "/api/v1/admin/users/{user_id}"): Walk(make=a_user, stranger=ADMIN, body={}),
    ("POST", "/api/v1/admin/users/{user_id}/login-link"): Walk(make=a_user, stranger=ADMIN),
    ("POST", "/api/v1/admin/users/{user_id}/grants"): Walk(
        make=a_user, stranger=ADMIN, body={"amount_gpu_ms": 1}
    ),
    ("GET", "/api/v1/admin/jobs/{job_id}"): Walk(make=a_job, stranger=ADMIN),
    ("DELETE", "/api/v1/admin/jobs/{job_id}"): Walk(make=a_job, stranger=ADMIN),
    ("GET", "/api/v1/admin/dead-letters/{job_id}"): Walk(make=a_dead_letter, stranger=ADMIN),
    ("POST", "/api/v1/admin/dead-letters/{job_id}/requeue"): Walk(make=a_dead_letter, stranger=ADMIN),
    ("POST", "/api/v1/admin/dead-letters/{job_id}/drop"): Walk(make=a_dead_letter, stranger=ADMIN),
    ("POST", "/api/v1/admin/workers/{worker_id}/drain"): Walk(make=a_worker, stranger=ADMIN),
    ("POST", "/api/v1/admin/workers/{worker_id}/quarantine"): Walk(make=a_worker, stranger=ADMIN),
    ("POST", "/api/v1/admin/workers/{worker_id}/readmit"): Walk(make=a_worker, stranger=ADMIN),
    ("POST", "/api/v1/admin/appeals/{appeal_id}/decide"): Walk(
        make=an_appeal, stranger=ADMIN, body={"granted": True}
    ),
    ("DELETE", "/api/v1/admin/worker-tokens/{token_id}"): Walk(make=a_worker_token, stranger=ADMIN),
    # A file is read by its signature alone; no key helps, its owner's neither.
    ("GET", "/files/{key:path}"): Walk(make=a_file, stranger=403, rightful=False),
    ("HEAD", "/files/{key:path}"): Walk(make=a_file, stranger=403, rightful=False),
    ("PUT", "/files/{key:path}"): Walk(make=a_file, stranger=403, rightful=False),
}


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A request that names somebody else's object ("?") elsewhere than in its path, and `own`, which is the asker's."""

    path: str
    make: Maker
    body: dict[str, object] | None = None  # None: it is a GET, and the path has a query
    own: Maker | None = None
    status: int = 404


MENTIONS = {
    "trash": Mention(path="/api/v1/images/trash", body={"ids": ["?"]}, make=a_hidden_image),
    "restore": Mention(path="/api/v1/images/restore", body={"ids": ["?"]}, make=a_trashed_image),
    "delete": Mention(path="/api/v1/images/delete", body={"ids": ["?"]}, make=a_hidden_image),
    "delete beside one's own": Mention(
        path="/api/v1/images/delete", body={"ids": ["{own}", "?"]}, make=a_hidden_image, own=an_image
    ),
    "into a folder": Mention(
        path="/api/v1/folders/{own}/images", body={"add": ["?"]}, make=an_image, own=a_folder
    ),
    "the images of a folder": Mention(path="/api/v1/images?folder=?", make=a_folder),
    "the number of images in a folder": Mention(path="/api/v1/images/count?folder=?", make=a_folder),
    "rank a hidden image": Mention(
        path="/api/v1/rank", body={"winner": "{own}", "loser": "?"}, make=a_hidden_image, own=an_image
    ),
    "rank a trashed image": Mention(
        path="/api/v1/rank",
        body={"left": "{own}", "right": "?", "outcome": "tie"},
        make=a_trashed_image,
        own=an_image,
    ),
    "download a hidden image": Mention(path="/api/v1/downloads", body={"ids": ["?"]}, make=a_hidden_image),
    "download a trashed image": Mention(path="/api/v1/downloads", body={"ids": ["?"]}, make=a_trashed_image),
    "download a folder": Mention(path="/api/v1/downloads", body={"folder": "?"}, make=a_folder),
    "a mask": Mention(
        path="/api/v1/images/{own}/actions",
        body={"action": "vary_region", "prompt": "a cat", "mask": "?"},
        make=an_upload,
        own=an_image,
    ),
    "a mask that is an image": Mention(
        path="/api/v1/images/{own}/actions",
        body={"action": "vary_region", "prompt": "a cat", "mask": "?"},
        make=a_hidden_image,
        own=an_image,
    ),
    "remix with an upload": Mention(
        path="/api/v1/images/{own}/actions",
        body={"action": "remix", "prompt": "upload:? a cat"},
        make=an_upload,
        own=an_image,
        status=422,
    ),
    "blend an upload": Mention(
        path="/api/v1/blend", body={"images": ["{own}", "?"]}, make=an_upload, own=an_upload, status=422
    ),
    "blend a hidden image": Mention(
        path="/api/v1/blend", body={"images": ["{own}", "?"]}, make=a_hidden_image, own=an_upload, status=422
    ),
    "a style in the parameters of a blend": Mention(
        path="/api/v1/blend",
        body={"images": ["{own}", "{own}"], "parameters": "--sref upload:?"},
        make=an_upload,
        own=an_upload,
        status=422,
    ),
    "an upload in a prompt": Mention(
        path="/api/v1/jobs", body={"prompt": "upload:? a fox"}, make=an_upload, status=422
    ),
    "a hidden image in a prompt": Mention(
        path="/api/v1/jobs", body={"prompt": "a fox --sref upload:?"}, make=a_hidden_image, status=422
    ),
    "a trashed image in a prompt": Mention(
        path="/api/v1/jobs", body={"prompt": "a fox --sref upload:?"}, make=a_trashed_image, status=422
    ),
}
"""By what is tried."""


def mentioned(mention: Mention, name: str, own: str) -> tuple[str, str, object]:
    """Method, address and body."""
    path = mention.path.replace("=?", f"={name}").replace("{own}", own)
    if mention.body is None:
        return "GET", path, None
    return "POST", path, json.loads(json.dumps(mention.body).replace("{own}", own).replace("?", name))


LISTS = {
    "/api/v1/jobs",
    "/api/v1/images",
    "/api/v1/uploads",
    "/api/v1/folders",
    "/api/v1/searches",
    "/api/v1/signals",
    "/api/v1/trash",
    "/api/v1/account/statement",
    "/api/v1/account/keys",
    "/api/v1/account/verdicts",
}


OF_EVERYBODY = {ASSET, *SCREENS}
"""Pages and their files: the same whatever they name and whoever asks, as test_studio.py shows."""


def routes_that_name_something(house: House) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in house.app.routes
        if isinstance(route, APIRoute) and "{" in route.path and route.path not in OF_EVERYBODY
        for method in route.methods
    }


def test_every_route_that_names_an_object_is_walked_here(house: House) -> None:
    assert routes_that_name_something(house) == set(ROUTES)


def test_the_description_names_no_other(house: House) -> None:
    described = {
        (method.upper(), path)
        for path, methods in house.app.openapi()["paths"].items()
        if "{" in path
        for method in methods
    }
    assert described <= set(ROUTES)


def filled(path: str, name: str) -> str:
    return path[: path.index("{")] + name + path[path.index("}") + 1 :]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_strangers_key_finds_nothing(
    house: House, owner: Person, member: Person, method: str, path: str
) -> None:
    walk = ROUTES[method, path]
    stranger = await house.person("eve")
    name, nowhere = await walk.make(house, member), str(new_id(house.clock()))
    address = filled(path, name)
    answer = await stranger.client.request(method, address, json=walk.body)
    assert answer.status_code == walk.stranger, answer.text
    if walk.stranger == 404:
        unknown = await stranger.client.request(method, filled(path, nowhere), json=walk.body)
        told, same = fault(answer, 404, "not_found"), fault(unknown, 404, "not_found")
        assert told == {**same, "message": str(same["message"]).replace(nowhere, name)}
    if walk.rightful:
        rightful = owner if walk.stranger == ADMIN else member
        answer = await rightful.client.request(method, address, json=walk.body)
        assert answer.status_code < 300, answer.text


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_nobody_finds_nothing(
    house: House, owner: Person, member: Person, method: str, path: str
) -> None:
    walk = ROUTES[method, path]
    address = filled(path, await walk.make(house, member))
    answer = await house.client().request(method, address, json=walk.body)
    assert answer.status_code == (403 if path.startswith("/files/") else 401)


@pytest.mark.parametrize("what", MENTIONS)
async def test_a_stranger_names_it_elsewhere_and_it_is_not_there(
    house: House, member: Person, what: str
) -> None:
    mention, stranger = MENTIONS[what], await house.person("eve")
    name, nowhere = await mention.make(house, member), str(new_id(house.clock()))
    own = await mention.own(house, stranger) if mention.own else ""
    answers = []
    for each in (name, nowhere):
        method, address, body = mentioned(mention, each, own)
        answers.append(await stranger.client.request(method, address, json=body))
    assert answers[0].status_code == mention.status, answers[0].text
    assert answers[0].text == answers[1].text.replace(nowhere, name), "the answers must not tell what exists"


@pytest.mark.parametrize("path", sorted(LISTS))
async def test_lists_hold_nothing_of_others(house: House, member: Person, path: str) -> None:
    makers = (a_job, an_image, an_upload, a_key, a_folder, a_search, a_trashed_image, an_appeal)
    made = {await make(house, member) for make in makers}
    stranger = await house.person("eve")
    mine, theirs = await member.client.get(path), await stranger.client.get(path)
    assert mine.status_code == theirs.status_code == 200
    assert any(each in mine.text for each in made), "the list must show its owner what it hides from others"
    assert not any(each in theirs.text for each in (*made, str(member.account.id)))


NO_LOGIN = {"/api/v1/login", "/api/v1/logout"}
ONLY_READING = {"/api/v1/prompts/parse"}
"""A text to look at is too long for an address, so this is no GET; it changes nothing, as test_parsing_routes.py shows."""


def changing(house: House) -> list[tuple[str, str]]:
    """Every route of people that is no GET, with ids that there are not."""
    nowhere = str(new_id(house.clock()))
    return [
        (method, route.path if "{" not in route.path else filled(route.path, nowhere))
        for route in house.app.routes
        if isinstance(route, APIRoute)
        and route.path.startswith("/api/v1/")
        and route.path not in NO_LOGIN | ONLY_READING
        for method in route.methods - {"GET", "HEAD"}
    ]


async def test_a_key_that_only_reads_changes_nothing(house: House) -> None:
    reader = await house.person("rita", role=Role.OWNER, scopes=frozenset({Scope.READ}))
    assert len(changing(house)) > 30
    for method, path in changing(house):
        answer = await reader.client.request(method, path, json={})
        assert fault(answer, 403, "scope_missing"), (method, path)


async def test_a_blocked_account_changes_nothing(house: House) -> None:
    blocked = await house.person("bo", role=Role.OWNER)
    await house.store.accounts.update(blocked.account.id, blocked_reason="spam")
    for method, path in changing(house):
        answer = await blocked.client.request(method, path, json={})
        assert fault(answer, 403, "account_blocked"), (method, path)


@pytest.mark.parametrize("site", [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_no_other_site_changes_anything_with_our_cookie(house: House, site: dict[str, str]) -> None:
    client = house.client(cookie=await house.session(await house.account("sam", role=Role.OWNER)))
    for method, path in changing(house):
        for body in ({"json": {}}, {"files": {"file": b"x"}}):  # a form needs no preflight
            answer = await client.request(method, path, headers=site, **body)  # type: ignore[arg-type]
            assert fault(answer, 403, "cross_site"), (method, path)


TEXTS = {
    "/api/v1/jobs": {"prompt": "?"},
    "/api/v1/uploads/fetch": {"url": "?"},
    "/api/v1/login": {"token": "?"},
    "/api/v1/account/keys": {"name": "?"},
    "/api/v1/folders": {"name": "?"},
    "/api/v1/searches": {"name": "?", "query": "q=fox"},
    "/api/v1/shorten": {"prompt": "a ? fox"},
    "/api/v1/admin/users": {"name": "?", "plan": "?"},
    "/api/v1/admin/worker-tokens": {"name": "?"},
    "/worker/v1/register": {"name": "?", "device": "?", "models": ["?"], "slots": 1, "version": "?"},
    "/worker/v1/pull": {"worker_id": "?", "free": 1, "warm": ["?"], "wait_s": 0},
    "/worker/v1/leave": {"worker_id": "?"},
}


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("escape", [r"a\u0000b", r"a\ud800b", r"\udfff\ud800"])
async def test_text_that_no_store_can_keep_is_refused(
    house: House, owner: Person, path: str, escape: str
) -> None:
    secret = await house.worker_token() if path.startswith("/worker/") else owner.secret
    answer = await house.client(secret).post(
        path,
        content=json.dumps(TEXTS[path]).replace("?", escape),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422, answer.text
