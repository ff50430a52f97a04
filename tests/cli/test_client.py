"""The client against answers that tests make up: errors, lost answers, downloads; and the reader of events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from darkroom.cli import client as client_module
from darkroom.cli import failures
from darkroom.cli.client import Client, NoServer, ServerFailed, refusal
from darkroom.cli.following import Told, read_events
from darkroom.core.errors import (
    Blocked,
    Conflict,
    DarkroomError,
    Exhausted,
    ModerationUnavailable,
    NotAllowed,
    NotFound,
    PromptError,
    Refused,
    StoreUnavailable,
    Unavailable,
)

URL = "http://server.test"
Answers = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_DELAYS_S", (0.0, 0.0))


@pytest.fixture
def ask() -> Iterator[Callable[[Answers], Client]]:
    opened: list[Client] = []

    def made(answers: Answers) -> Client:
        opened.append(Client(URL, "dk_secret", transport=httpx.MockTransport(answers)))
        return opened[-1]

    yield made
    for each in opened:
        each.close()


Ask = Callable[[Answers], Client]


@pytest.mark.parametrize(
    ("status", "code", "kind", "exit_code"),
    [
        (422, "invalid_parameter", PromptError, 2),
        (422, "plan_required", PromptError, 1),
        (403, "lane_not_in_plan", NotAllowed, 1),
        (422, "invalid_request", Refused, 2),
        (400, "malformed_request", Refused, 2),
        (413, "body_too_large", Refused, 2),
        (401, "not_authenticated", NotAllowed, 1),
        (403, "prompt_blocked", Blocked, 2),
        (403, "scope_missing", NotAllowed, 1),
        (404, "not_found", NotFound, 1),
        (409, "name_taken", Conflict, 1),
        (429, "queue_full", Exhausted, 1),
        (503, "store_unavailable", StoreUnavailable, 1),
        (503, "moderation_unavailable", ModerationUnavailable, 1),
        (503, "not_active", Unavailable, 1),
        (500, "internal_error", ServerFailed, 1),
    ],
)
def test_refusals(status: int, code: str, kind: type[DarkroomError], exit_code: int) -> None:
    told = {"code": code, "message": "Wrong (at character 7).", "hint": "Do right.", "field": None}
    error = refusal(status, told, retry_after="30")
    assert type(error) is kind
    assert failures.exit_code(error) == exit_code
    if status < 500:
        assert (error.code, error.message) == (code, "Wrong (at character 7).")
    assert "Do right." in failures.sentence(failures.as_object(error))
    if isinstance(error, PromptError):
        assert error.position == 7
    if isinstance(error, Exhausted):
        assert error.retry_after_s == 30


def test_lost_answers_are_asked_for_again_with_the_same_key(ask: Ask) -> None:
    seen: list[tuple[str, bytes]] = []

    def answers(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["Idempotency-Key"], request.content))
        if len(seen) == 1:
            raise httpx.ReadError("reset by peer")
        if len(seen) == 2:
            error = {"code": "store_unavailable", "message": "away"}
            return httpx.Response(503, json={"error": error})
        return httpx.Response(202, json={"jobs": []})

    assert ask(answers).submit("a \udcff fox", lane="fast", key="k1") == {"jobs": []}
    assert seen == [seen[0]] * 3
    assert json.loads(seen[0][1]) == {"prompt": "a \udcff fox", "lane": "fast"}


def test_what_must_not_happen_twice_is_asked_once(ask: Ask) -> None:
    seen = []

    def answers(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise httpx.ReadTimeout("")

    with pytest.raises(Unavailable, match="it took too long"):
        ask(answers).post("/x", {})
    assert len(seen) == 1


def test_nobody_there_is_not_asked_again(ask: Ask) -> None:
    seen = []

    def answers(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise httpx.ConnectError("refused")

    with pytest.raises(NoServer, match="`darkroom serve`"):
        ask(answers).get("/x")
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(200, text="<html>"), NoServer),
        (httpx.Response(200, json=[1]), NoServer),
        (httpx.Response(404, text="nothing here"), NoServer),
        (httpx.Response(302, headers={"Location": "/"}), NoServer),
        (httpx.Response(502, text="Bad Gateway"), Unavailable),
        (httpx.Response(500, json={"error": "broken"}), Unavailable),
        (httpx.Response(200, content=b"\xff" * 10), NoServer),
    ],
)
def test_strangers(ask: Ask, answer: httpx.Response, kind: type[DarkroomError]) -> None:
    with pytest.raises(kind) as caught:
        ask(lambda request: answer).post("/x")
    assert type(caught.value) is kind


def test_pages_are_followed_to_the_limit(ask: Ask) -> None:
    asked: list[dict[str, str]] = []

    def answers(request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        asked.append(query)
        start = int(query.get("cursor", 0))
        entries = [{"n": n} for n in range(start, start + int(query["limit"]))]
        return httpx.Response(200, json={"jobs": entries, "next_cursor": str(start + len(entries))})

    found = list(ask(answers).pages("/x", "jobs", most=150, state=["ready", "running"], lane=None, q=""))
    assert [each["n"] for each in found] == list(range(150))
    assert [query["limit"] for query in asked] == ["100", "50"]
    assert "lane" not in asked[0] and "q" not in asked[0]


# -- files --------------------------------------------------------------------------------------------------------


def test_downloads_never_show_the_key(ask: Ask) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        return httpx.Response(200, content=b"pixels")

    assert ask(answers).download("http://elsewhere.test/files/x", size_bytes=6) == b"pixels"


def test_downloads_that_break_are_tried_again_and_then_told(ask: Ask) -> None:
    tries = []

    def answers(request: httpx.Request) -> httpx.Response:
        tries.append(request)
        if request.url.path == "/once" and len(tries) > 1:
            return httpx.Response(200, content=b"whole")
        return httpx.Response(200, content=b"cut")

    client = ask(answers)
    assert client.download(f"{URL}/once", size_bytes=5) == b"whole"
    with pytest.raises(Unavailable, match="3 bytes instead of 5"):
        client.download(f"{URL}/always", size_bytes=5)


def test_links_that_are_refused_or_no_links(ask: Ask) -> None:
    error = {"code": "link_expired", "message": "the link has expired", "hint": "", "field": None}
    client = ask(lambda request: httpx.Response(403, json={"error": error}))
    with pytest.raises(NotAllowed, match="expired"):
        client.download(f"{URL}/x")
    with pytest.raises(Unavailable):
        client.download("http://server.test/\x00")


def test_files_have_a_limit(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FILE_MAX_BYTES", 10)
    with pytest.raises(Refused, match="larger than 10 bytes"):
        ask(lambda request: httpx.Response(200, content=b"x" * 11)).download(f"{URL}/x")


# -- events -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('event: job\nid: 7\ndata: {"a": 1}\n\n', [("job", "7", {"a": 1})]),
        ('data:{"a":1}\n\n', [("message", "", {"a": 1})]),
        (": still here\n\n", []),
        ('retry: 2000\n\nevent: reset\ndata: {"a":\ndata: 1}\n\n', [("reset", "", {"a": 1})]),
        ("event: job\ndata: [1]\n\nevent: job\ndata: no json\n\n", []),
        ('event: job\ndata: {"cut": 1}\n', []),
    ],
)
def test_events_are_read(text: str, expected: list[tuple[str, str, dict[str, Any]]]) -> None:
    found = list(read_events(text.splitlines()))
    assert found == [Told(name=name, id=number, data=data) for name, number, data in expected]
