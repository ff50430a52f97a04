"""The studio as it is served: the same page for every screen and everybody, its files for ever and packed, nothing from elsewhere.

A folder of the test stands in for what the build writes.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from tests.gateway.conftest import HOST, House, Person, fault

from darkroom.core.errors import StoreUnavailable
from darkroom.gateway.context import GatewaySettings
from darkroom.gateway.studio import SCREENS
from darkroom.storage.objects.memory import MemoryObjects

INDEX = '<!doctype html><script type="module" src="/assets/main-Ab3_x-9.js"></script>'
SCRIPT = "main-Ab3_x-9.js"


@pytest.fixture
def built(house: House, tmp_path: Path) -> Path:
    """The folder of a built studio, which the house serves."""
    assets = tmp_path / "studio" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text(INDEX)
    (assets / SCRIPT).write_text("plain")
    (assets / f"{SCRIPT}.br").write_bytes(b"brotli")
    (assets / f"{SCRIPT}.gz").write_bytes(gzip.compress(b"plain"))
    (assets / "icon-1.svg").write_text("<svg/>")
    (assets / "notes.txt").write_text("not for browsers")
    (assets.parent / "secret.js").write_text("outside")
    house.with_settings(GatewaySettings(studio=assets.parent))
    return assets.parent


def directives(policy: str) -> dict[str, set[str]]:
    """The words of a Content-Security-Policy by what they are about."""
    parts = [part.split() for part in policy.split(";")]
    return {name: set(sources) for name, *sources in parts}


@pytest.mark.parametrize("screen", ["/", *SCREENS])
async def test_every_screen_is_the_page_for_strangers_too(house: House, built: Path, screen: str) -> None:
    answer = await house.client().get(screen.replace("{", "").replace("}", "").replace(":path", "/deeper"))
    assert answer.status_code == 200 and answer.text == INDEX
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in answer.headers


async def test_the_page_is_asked_for_anew_and_sent_only_where_it_changed(house: House, built: Path) -> None:
    client = house.client()
    first = await client.get("/library")
    assert first.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": first.headers["etag"]}
    same = await client.get("/library", headers=known)
    assert same.status_code == 304 and same.content == b""
    (built / "index.html").write_text(INDEX + "<!-- newer -->")
    newer = await client.get("/library", headers=known)
    assert newer.status_code == 200 and newer.headers["etag"] != first.headers["etag"]


async def test_the_page_is_sent_anew_where_only_its_policy_changed(house: House, built: Path) -> None:
    """Else pictures stay away from everybody who knows the page, after they moved to another store."""
    known = {"If-None-Match": (await house.client().get("/")).headers["etag"]}
    elsewhere = MemoryObjects(secret=bytes(32), base_url="https://bucket.example/here", clock=house.clock)
    house.rooms = replace(house.rooms, objects=elsewhere)
    house.with_settings(GatewaySettings(studio=built))
    answer = await house.client().get("/", headers=known)
    assert answer.status_code == 200
    assert "https://bucket.example" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/images/x/edit", f"/assets/{SCRIPT}"])
async def test_heads_are_those_of_the_page_and_its_files(house: House, built: Path, path: str) -> None:
    got, head = await house.client().get(path), await house.client().head(path)
    assert head.status_code == 200
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


async def test_the_policy_lets_nothing_of_others_in(house: House, built: Path) -> None:
    answers = [await house.client().get(path) for path in ("/", f"/assets/{SCRIPT}")]
    for answer in answers:  # a worker obeys the policy of its script, not that of its page
        told = directives(answer.headers["content-security-policy"])
        assert told["default-src"] == {"'none'"} and told["script-src"] == told["style-src"] == {"'self'"}
        assert told["connect-src"] == told["worker-src"] == {"'self'"}
        assert told["img-src"] == {"'self'", "blob:", "data:"}
        assert told["frame-ancestors"] == told["base-uri"] == {"'none'"}
        assert "unsafe" not in answer.headers["content-security-policy"]


async def test_pictures_come_from_where_their_links_lead(house: House, built: Path) -> None:
    elsewhere = MemoryObjects(secret=bytes(32), base_url="https://bucket.example/here", clock=house.clock)
    house.rooms = replace(house.rooms, objects=elsewhere)
    house.with_settings(GatewaySettings(studio=built))
    told = directives((await house.client().get("/")).headers["content-security-policy"])
    assert told["img-src"] == {"'self'", "blob:", "data:", "https://bucket.example"}
    assert told["connect-src"] == {"'self'", "https://bucket.example"}
    assert told["script-src"] == {"'self'"}


async def test_a_store_that_cannot_sign_keeps_nobody_from_the_page(
    house: House, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(key: str, **rest: object) -> str:
        raise StoreUnavailable

    monkeypatch.setattr(house.objects, "read_url", away)
    answer = await house.client().get("/")
    assert answer.status_code == 200
    assert directives(answer.headers["content-security-policy"])["connect-src"] == {"'self'"}


@pytest.mark.parametrize(
    ("accepts", "encoding", "body"),
    [
        ("gzip, deflate, br, zstd", "br", b"brotli"),
        ("gzip, br;q=0", "gzip", b"plain"),
        ("gzip;q=0.5, br;q=0.0", "gzip", b"plain"),
        ("br;q=0.1", "br", b"brotli"),
        ("identity", None, b"plain"),
        ("", None, b"plain"),
    ],
)
async def test_files_are_kept_for_ever_and_packed_as_the_browser_likes(
    house: House, built: Path, accepts: str, encoding: str | None, body: bytes
) -> None:
    client = house.client()
    async with client.stream("GET", f"/assets/{SCRIPT}", headers={"Accept-Encoding": accepts}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert (gzip.decompress(raw) if encoding == "gzip" else raw) == body
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_what_was_not_packed_is_sent_plain(house: House, built: Path) -> None:
    answer = await house.client().get("/assets/icon-1.svg", headers={"Accept-Encoding": "gzip, br"})
    assert answer.text == "<svg/>" and "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "name",
    ["gone-1.js", "notes.txt", f"{SCRIPT}.br", "..%2Fsecret.js", "%2e%2e/secret.js", ".hidden.js", "x" * 200 + ".js"],
)  # fmt: skip
async def test_what_is_no_file_of_the_studio_is_not_there(house: House, built: Path, name: str) -> None:
    fault(await house.client().get(f"/assets/{name}"), 404, "not_found")


async def test_where_nothing_was_built_one_page_says_how(
    house: House, member: Person, tmp_path: Path
) -> None:
    house.with_settings(GatewaySettings(studio=tmp_path))
    answer = await house.client().get("/")
    assert answer.status_code == 200 and "make studio" in answer.text
    assert answer.headers["cache-control"] == "no-store" and "{{" not in answer.text
    api = await house.client(member.secret).get("/api/v1/account")
    assert api.status_code == 200 and api.url.host == HOST
