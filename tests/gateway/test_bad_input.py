"""Every kind of bad request: a clear envelope, never a 500, nothing stored."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from pydantic import BaseModel, Field, ValidationError
from tests.gateway.conftest import House, Person, fault

from darkroom.core import errors as tree
from darkroom.core.params import Lane
from darkroom.gateway.errors import refused, status_of
from darkroom.gateway.front_door import JSON_BYTES_MAX
from darkroom.gateway.invalid import told

JSON = {"Content-Type": "application/json"}
KEYS = "/api/v1/account/keys"


async def post(person: Person, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    return await person.client.post(KEYS, content=content, headers=JSON if headers is None else headers)


@pytest.mark.parametrize(
    "content",
    [b"{", b"nope", b'{"name": "a",}', b"\xff\xfe", b'{"name": "\xff"}', b"[" * 50_000, b'{"name": 1' + b"0" * 5000 + b"}"],
)  # fmt: skip
async def test_what_is_no_json_is_400(house: House, member: Person, content: bytes) -> None:
    fault(await post(member, content), 400, "malformed_request")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": 1}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": "x", "scopes": ["fly"]}, "scopes.0"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": "read"}, "scopes"),
        ({"name": "x", "secret": "mine"}, "secret"),
        ({"name": "x", "account_id": "019de368-f600-7234-b451-1ae1e74e6eb6"}, "account_id"),
        ([], "body"),
        ("x", "body"),
        (None, "body"),
        ({"name": "a\0b"}, "body"),
        ({"name": "a\ud800b"}, "body"),
        ({"name": "x", "a\0": 1}, "body"),
    ],
)
async def test_a_wrong_body_is_422_and_names_the_field(
    house: House, member: Person, body: object, field: str
) -> None:
    error = fault(await post(member, json.dumps(body).encode()), 422, "invalid_request")
    assert error["field"] == field
    assert len(await house.store.accounts.keys(member.account.id)) == 1


async def test_a_body_that_nests_without_end_is_refused(member: Person) -> None:
    content = b'{"name": "x", "deep": ' + b"[" * 500 + b"]" * 500 + b"}"
    fault(await post(member, content), 422, "invalid_request")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"]
)
async def test_a_body_that_is_not_called_json_is_415(house: House, member: Person, kind: str) -> None:
    fault(await post(member, b'{"name": "x"}', {"Content-Type": kind}), 415, "unsupported_media_type")


async def test_a_large_body_is_refused_by_its_length(member: Person) -> None:
    answer = await post(member, b'{"name": "' + b"x" * JSON_BYTES_MAX + b'"}')
    fault(answer, 413, "body_too_large")


async def test_a_large_body_without_a_length_is_refused_while_it_is_read(member: Person) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"name": "'
        while sent < 100 * JSON_BYTES_MAX:
            sent += 4096
            yield b"x" * 4096

    answer = await member.client.post(KEYS, content=pieces(), headers=JSON)
    fault(answer, 413, "body_too_large")
    assert sent <= JSON_BYTES_MAX + 4096


async def test_a_body_of_the_greatest_size_is_read(member: Person) -> None:
    content = b'{"name": "x"' + b" " * (JSON_BYTES_MAX - 13) + b"}"
    assert len(content) == JSON_BYTES_MAX
    assert (await post(member, content)).status_code == 201


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1/jobs/", "/docs", "/redoc", "/api/v1/admin", "/é"]
)
async def test_an_unknown_address_is_404(house: House, path: str) -> None:
    fault(await house.client().get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/account/keys", "GET, POST"),
        ("POST", "/healthz", "GET"),
        ("TRACE", "/api/v1/jobs", "GET, POST"),
    ],
)
async def test_a_wrong_method_is_405_and_all_right_ones_are_named(
    house: House, method: str, path: str, allowed: str
) -> None:
    answer = await house.client().request(method, path)
    fault(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=1.5", "limit=", "limit=%00", "q=a%00b"]
)
async def test_a_wrong_query_is_422(member: Person, query: str) -> None:
    fault(await member.client.get(f"/api/v1/account/statement?{query}"), 422, "invalid_request")


class Everything(BaseModel):
    """A field for each fault that people make."""

    text: Annotated[str, Field(min_length=2, max_length=3, pattern="^[a-z]*$")] = "ab"
    entries: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    whole: Annotated[int, Field(ge=1, le=2_000)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    lane: Lane = Lane.FAST
    id: UUID | None = None
    flag: bool = False


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"text": "a"}, "text is too short: it needs 2 characters."),
        ({"text": "abcd"}, "text is too long: it may have 3 characters."),
        ({"text": "AB"}, "text has not the form that is expected there."),
        ({"text": 1}, "text must be a text."),
        ({"entries": []}, "entries is empty."),
        ({"entries": [1, 2, 3]}, "entries has 3 entries, and may have 2."),
        ({"entries": ["x"]}, "entries.0 must be a whole number."),
        ({"whole": 0}, "whole must be at least 1."),
        ({"whole": 2_001}, "whole must be at most 2,000."),
        ({"whole": 1.5}, "whole must be a whole number."),
        ({"share": 0}, "share must be more than 0."),
        ({"share": 1}, "share must be less than 1."),
        ({"share": "x"}, "share must be a number."),
        ({"lane": "slow"}, "lane must be 'turbo', 'fast' or 'relax'."),
        ({"id": "x"}, "id must be an id."),
        ({"flag": "x"}, "flag must be true or false."),
    ],
)
def test_faults_are_told_in_plain_sentences(body: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Everything.model_validate(body)
    (found,) = raised.value.errors()
    assert told({**found, "loc": ("body", *found["loc"])})[1] == sentence


def test_a_fault_that_is_new_to_us_is_told_in_its_own_words() -> None:
    found = {"loc": ("body", "when"), "type": "datetime_past", "msg": "Input should be in the past"}
    assert told(found) == ("when", "when: Input should be in the past.", "")
    assert told({**found, "type": "too_long", "ctx": {}})[1] == "when: Input should be in the past."


@pytest.mark.parametrize("name", ["x", "1", "%00", "019de368"])
async def test_a_path_that_names_no_id_is_422(member: Person, name: str) -> None:
    fault(await member.client.delete(f"/api/v1/account/keys/{name}"), 422, "invalid_request")


@pytest.mark.parametrize(
    ("error", "status", "after"),
    [
        (tree.PromptError("empty_prompt", "There is no text.", hint="Write some."), 422, None),
        (tree.Blocked("Not here."), 403, None),
        (tree.NotFound(), 404, None),
        (tree.NotAllowed(), 403, None),
        (tree.Conflict(code="idempotency_conflict"), 409, None),
        (tree.Exhausted(code="queue_full", retry_after_s=7), 429, "7"),
        (tree.Exhausted(code="fast_time_exhausted"), 429, "60"),
        (tree.Refused(code="key_invalid"), 422, None),
        (tree.StoreUnavailable(), 503, "2"),
        (tree.ModerationUnavailable(), 503, "2"),
        (tree.Unavailable(), 503, "2"),
    ],
)
def test_every_error_of_ours_has_its_status_and_envelope(
    error: tree.DarkroomError, status: int, after: str | None
) -> None:
    answer = refused(error)
    assert answer.status_code == status and answer.headers.get("retry-after") == after
    told = json.loads(bytes(answer.body))["error"]
    assert (told["code"], told["message"]) == (error.code, error.message)
    assert told["hint"] or not isinstance(error, tree.Unavailable)


def test_not_active_says_where_to_go() -> None:
    told = json.loads(bytes(refused(tree.NotActive(url="http://other")).body))["error"]
    assert told["code"] == "not_active" and told["url"] == "http://other"


def test_every_class_of_the_tree_has_a_status() -> None:
    def below(kind: type[tree.DarkroomError]) -> set[type[tree.DarkroomError]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    ours = {kind for kind in below(tree.DarkroomError) if kind.__module__ == tree.__name__}
    mistakes = {"DarkroomError", "RegistryError", "WeightsError", "ModelError", "OutputError", "Cancelled"}
    for kind in ours - {tree.PromptError}:
        assert (status_of(kind()) == 500) == (kind.__name__ in mistakes), kind


async def test_a_message_with_half_a_character_can_be_told() -> None:
    assert b"\\\\udc80" in bytes(refused(tree.Refused("a\udc80b")).body)


@pytest.mark.parametrize(
    "mistake", [RuntimeError("the password is swordfish"), tree.OutputError("/secret/path")]
)
async def test_our_mistake_is_a_500_that_leaks_nothing_and_is_logged(
    house: House,
    member: Person,
    mistake: Exception,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(account_id: object) -> None:
        raise mistake

    monkeypatch.setattr(house.store.accounts, "balance", fail)
    client = house.client(member.secret, raises=False)
    with caplog.at_level(logging.ERROR, logger="darkroom.gateway"):
        answer = await client.get("/api/v1/account")
    error = fault(answer, 500, "internal_error")
    assert "swordfish" not in answer.text and "/secret" not in answer.text
    number = str(error["hint"]).rstrip(".").rpartition(" ")[2]
    assert f"incident {number}" in caplog.text and str(mistake) in caplog.text


async def test_a_store_that_is_away_is_a_503_for_everybody(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise tree.StoreUnavailable

    monkeypatch.setattr(house.store.accounts, "find_key", fail)
    monkeypatch.setattr(house.store.accounts, "find_session", fail)
    answer = await member.client.get("/api/v1/account")
    fault(answer, 503, "store_unavailable")
    assert answer.headers["retry-after"] == "2"
    cookie = await house.session(member.account)
    fault(await house.client(cookie=cookie).get("/api/v1/account"), 503, "store_unavailable")
