"""The routes of uploads: what they answer, what they refuse before they read anything, and whose things are whose."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import httpx
import pytest
from PIL import Image
from starlette.requests import Request
from tests.gateway.conftest import HOST, House, Person, fault

from darkroom.core.accounts import Scope
from darkroom.core.errors import Refused
from darkroom.gateway import uploads as routes
from darkroom.gateway.front_door import UPLOAD_BYTES_MAX
from darkroom.gateway.uploads import TEXT_PART_MAX_BYTES, UPLOADS_PER_MINUTE
from darkroom.intake.door import Door

UPLOADS = "/api/v1/uploads"


def picture(colour: str = "red", *, size: tuple[int, int] = (32, 16), mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, "PNG")
    return out.getvalue()


async def bring(person: Person, data: bytes, *, name: str = "fox.png", **fields: str) -> httpx.Response:
    return await person.client.post(UPLOADS, files={"file": (name, data, "image/png")}, data=fields)


async def test_a_picture_comes_back_with_its_reference_and_a_link(house: House, member: Person) -> None:
    answer = await bring(member, picture(), name="../../etc/passwd")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["reference"] == f"upload:{told['id']}"
    assert (told["kind"], told["width"], told["height"], told["source"]) == ("picture", 32, 16, "")
    kept = await house.client().get(told["url"].removeprefix(f"http://{HOST}"))
    assert kept.headers["content-type"] == "image/png" and len(kept.content) == told["size_bytes"]
    again = await member.client.get(f"{UPLOADS}/{told['id']}")
    assert again.json() == told


async def test_a_mask_is_one_only_where_it_says_so(member: Person) -> None:
    answer = await bring(member, picture("white", mode="L"), kind="mask")
    assert answer.json()["kind"] == "mask"
    assert (await member.client.get(UPLOADS)).json() == {"uploads": [], "next_cursor": None}
    masks = (await member.client.get(UPLOADS, params={"kind": "mask"})).json()["uploads"]
    assert [each["id"] for each in masks] == [answer.json()["id"]]
    fault(await member.client.get(UPLOADS, params={"kind": "film"}), 422, "invalid_request")
    for level in ("black", "#7f7f7f"):
        error = fault(await bring(member, picture(level, mode="L"), kind="mask"), 422, "mask_invalid")
        assert "no spot of at least 128" in str(error["message"])


async def test_a_list_has_pages(house: House, member: Person) -> None:
    made = []
    for colour in ("red", "green", "blue"):
        house.clock.move(seconds=1)
        made.append((await bring(member, picture(colour))).json()["id"])
    first = (await member.client.get(UPLOADS, params={"limit": 2})).json()
    assert [each["id"] for each in first["uploads"]] == made[:0:-1]
    last = (await member.client.get(UPLOADS, params={"cursor": first["next_cursor"]})).json()
    assert ([each["id"] for each in last["uploads"]], last["next_cursor"]) == (made[:1], None)


async def test_what_is_deleted_is_not_there(member: Person) -> None:
    path = f"{UPLOADS}/{(await bring(member, picture())).json()['id']}"
    assert (await member.client.delete(path)).status_code == 204
    fault(await member.client.get(path), 404, "not_found")
    assert (await member.client.get(UPLOADS)).json()["uploads"] == []


async def test_who_asks_is_known_before_a_byte_is_read(house: House, member: Person) -> None:
    fault(await house.client().post(UPLOADS, files={"file": b"x"}), 401, "not_authenticated")
    reader = await house.with_key(member.account, frozenset({Scope.READ}))
    fault(await bring(reader, picture()), 403, "scope_missing")


class Body(httpx.AsyncByteStream):
    """A body whose length nobody is told."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(0, self.size_bytes, 2**20):
            yield bytes(2**20)


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


async def test_a_body_too_large_is_refused_by_its_head_or_while_it_comes(member: Person) -> None:
    headers = {**FORM, "Content-Length": str(UPLOAD_BYTES_MAX + 1)}
    fault(await member.client.post(UPLOADS, content=b"--x", headers=headers), 413, "body_too_large")
    streamed = await member.client.post(UPLOADS, content=Body(2 * UPLOAD_BYTES_MAX), headers=FORM)
    fault(streamed, 413, "body_too_large")
    fault(await bring(member, picture() + bytes(20 * 2**20)), 422, "too_large")
    link = {"url": "http://x.example/" + "a" * 70_000}
    fault(await member.client.post(f"{UPLOADS}/fetch", json=link), 413, "body_too_large")


PART = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
FILE = PART % (b"file", b'; filename="a"', picture())
END = b"--x--\r\n"


BAD_FORMS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "file"),
    "no part": (END, "file"),
    "no form": (b"junk" * 100, "file"),
    "no file": (PART % (b"kind", b"", b"mask") + END, "file"),
    "a file that is a text": (PART % (b"file", b"", b"x") + END, "file"),
    "two files": (FILE + FILE + END, "file"),
    "two texts": (PART % (b"kind", b"", b"mask") * 2 + FILE + END, "file"),
    "a text too long": (PART % (b"kind", b"", b"m" * (TEXT_PART_MAX_BYTES + 1)) + FILE + END, "file"),
    "an unknown part": (PART % (b"path", b"", b"/etc") + FILE + END, "file"),
    "an unknown kind": (PART % (b"kind", b"", b"sketch") + FILE + END, "kind"),
    "a kind that is no UTF-8": (PART % (b"kind", b"", b"\xff\xfe") + FILE + END, "kind"),
    "a part without a name": (b"--x\r\nX: y\r\n\r\nz\r\n" + END, "file"),
    "many heads": (b"--x\r\n" + b"X: y\r\n" * 1000 + b"\r\nz\r\n" + END, "file"),
    "a long head": (b"--x\r\nX: " + b"y" * 100_000 + b"\r\n\r\nz\r\n" + END, "file"),
    "another boundary": (FILE.replace(b"--x", b"--y") + b"--y--\r\n", "file"),
}


@pytest.mark.parametrize("name", BAD_FORMS)
async def test_a_form_that_is_none_is_refused(member: Person, name: str) -> None:
    body, field = BAD_FORMS[name]
    answer = await member.client.post(UPLOADS, content=body, headers=FORM)
    assert fault(answer, 422, answer.json()["error"]["code"])["field"] == field
    assert answer.json()["error"]["code"] in ("invalid_request", "picture_invalid")


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the parser leaves the half file to the collector
async def test_a_form_that_is_cut_off_is_refused(member: Person) -> None:
    fault(await member.client.post(UPLOADS, content=FILE[:-10], headers=FORM), 422, "invalid_request")


@pytest.mark.parametrize(
    "kind", ["", "image/png", "application/json", "multipart/mixed; boundary=x", "multipart/form-datax"]
)
async def test_a_body_of_another_type_is_refused_unread(member: Person, kind: str) -> None:
    answer = await member.client.post(UPLOADS, content=FILE + END, headers={"Content-Type": kind})
    assert fault(answer, 415, "unsupported_media_type")["hint"]


async def test_a_form_without_a_boundary_is_refused(member: Person) -> None:
    answer = await member.client.post(UPLOADS, content=FILE, headers={"Content-Type": "multipart/form-data"})
    fault(answer, 422, "invalid_request")


async def test_a_form_that_does_not_arrive_ends(member: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stalled(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield FILE[:100]
            await asyncio.Event().wait()

    monkeypatch.setattr(routes, "FORM_MAX_S", 0.05)
    answer = await member.client.post(UPLOADS, content=Stalled(), headers=FORM)
    fault(answer, 422, "invalid_request")


async def test_who_goes_away_in_the_middle_is_no_mistake_of_ours() -> None:
    async def gone() -> dict[str, object]:
        return {"type": "http.disconnect"}

    headers = [(b"content-type", FORM["Content-Type"].encode())]
    scope = {"type": "http", "method": "POST", "path": UPLOADS, "headers": headers, "query_string": b""}
    with pytest.raises(Refused):
        await routes._form(Request(scope, gone))


async def test_what_the_policy_forbids_is_counted_as_a_picture(house: House, member: Person) -> None:
    house.scorer.scores = {"nsfw": 0.99}
    error = fault(await bring(member, picture()), 403, "image_prompt_blocked")
    assert error["hint"]
    assert house.gateway.metrics.blocks.labels("image")._value.get() == 1
    house.scorer.scores = {}
    fault(await bring(member, picture()), 503, "moderation_unavailable")


async def test_links_are_fetched_and_refused(house: House, member: Person) -> None:
    class Links:
        async def fetch(self, url: str) -> bytes:
            if "inside" in url:
                raise Refused(
                    "Not on the public internet.", code="link_refused", field="url", hint="Send it."
                )
            return picture()

    fault(
        await member.client.post(f"{UPLOADS}/fetch", json={"url": "http://a.example/"}), 422, "link_refused"
    )
    house.intake = Door(links=Links)
    object.__setattr__(house.rooms, "intake", house.intake)
    answer = await member.client.post(f"{UPLOADS}/fetch", json={"url": "http://a.example/fox"})
    assert answer.status_code == 201 and answer.json()["source"] == "http://a.example/fox"
    inside = await member.client.post(f"{UPLOADS}/fetch", json={"url": "http://inside.example/"})
    assert fault(inside, 422, "link_refused")["field"] == "url"
    for body in ({}, {"url": ""}, {"url": 5}, {"url": "http://a.example/", "kind": "mask"}):
        fault(await member.client.post(f"{UPLOADS}/fetch", json=body), 422, "invalid_request")


async def test_uploads_have_a_rate_of_their_own(house: House, member: Person) -> None:
    for _ in range(UPLOADS_PER_MINUTE):
        fault(await member.client.post(UPLOADS, headers=FORM), 422, "invalid_request")
    answer = await member.client.post(UPLOADS, headers=FORM)
    assert "uploads" in str(fault(answer, 429, "rate_limited")["message"])
    assert int(answer.headers["retry-after"]) > 0
    assert (await member.client.get(UPLOADS)).status_code == 200
