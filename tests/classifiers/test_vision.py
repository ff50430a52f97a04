"""The describer that asks a vision-language model, against a server of our own on the loopback and against hostile answers."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from darkroom.classifiers import vision
from darkroom.classifiers.vision import VisionDescriber, prompts_in
from darkroom.core.errors import Unavailable

PICTURE = bytes((58, 118, 224)) * (40 * 20)
FOUR = ["a fox", "a hen", "an owl", "a cat"]


@dataclass
class Model:
    """What the fake server answers, and what it was asked."""

    url: str = ""
    status: int = 200
    content: object = json.dumps({"prompts": FOUR})
    body: bytes | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def model() -> Iterator[Model]:
    """A server over real sockets."""
    told = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.paths.append(self.path)
            told.headers.append({name.lower(): value for name, value in self.headers.items()})
            told.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = told.body or json.dumps({"choices": [{"message": {"content": told.content}}]}).encode()
            self.send_response(told.status)
            self.send_header("Location", told.url)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def describer(model: Model, **more: Any) -> VisionDescriber:
    return VisionDescriber(url=model.url, model="eye-1", **more)


async def ask(describer: VisionDescriber, count: int = 4) -> tuple[str, ...]:
    return await describer.describe(40, 20, PICTURE, count=count)


def test_a_thousand_thoughts_that_never_end_are_read_in_no_time() -> None:
    """Of as many bytes as an answer may have; with a pattern it took minutes of the event loop."""
    endless = "<think>" * (vision.ANSWER_MAX_BYTES // 7)
    assert vision._without_thoughts(endless) == endless
    assert vision._without_thoughts("a<think>b</think>c<think>d<think>e</think>f<think>") == "acf<think>"


async def test_of_thousands_of_prompts_only_the_first_are_read(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.content = json.dumps({"prompts": [f"a fox {number}" for number in range(9_000)]})
    cleaned: list[str] = []
    monkeypatch.setattr(vision, "_clean", lambda line: cleaned.append(line) or line)
    assert await ask(describer(model)) == tuple(f"a fox {number}" for number in range(4))
    assert len(cleaned) == vision.PROMPTS_READ_MAX


async def test_a_picture_goes_out_and_prompts_come_back(model: Model) -> None:
    assert await ask(describer(model, key="s3cret")) == tuple(FOUR)
    (asked,) = model.asked
    assert asked["model"] == "eye-1"
    assert model.paths == ["/v1/chat/completions"]
    assert model.headers[0]["authorization"] == "Bearer s3cret"
    text, image = asked["messages"][0]["content"]
    assert "4 different prompts" in text["text"]
    kind, _, data = image["image_url"]["url"].partition(";base64,")
    assert kind == "data:image/jpeg"
    picture = Image.open(BytesIO(base64.b64decode(data)))
    assert picture.size == (40, 20)
    red, _, blue = picture.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert blue > 200 > red


async def test_no_key_is_no_header_and_a_slash_more_is_no_harm(model: Model) -> None:
    model.url += "/"
    await ask(describer(model))
    assert "authorization" not in model.headers[0]
    assert model.paths == ["/v1/chat/completions"]


async def test_large_pictures_are_sent_small(model: Model) -> None:
    await describer(model).describe(2000, 1000, bytes(2000 * 1000 * 3), count=4)
    data = model.asked[0]["messages"][0]["content"][1]["image_url"]["url"].partition(",")[2]
    assert Image.open(BytesIO(base64.b64decode(data))).size == (1024, 512)


async def test_never_more_than_asked_for_and_never_twice_the_same(model: Model) -> None:
    model.content = json.dumps(["a fox", "a fox", *FOUR])
    assert await ask(describer(model), count=2) == ("a fox", "a hen")


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 503])
async def test_refusals_say_the_status_and_follow_nowhere(model: Model, status: int) -> None:
    model.status = status
    with pytest.raises(Unavailable, match=f"status {status}") as caught:
        await ask(describer(model, key="s3cret"))
    assert "s3cret" not in str(caught.value)
    assert len(model.paths) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": 3}}]}',
        b"[" * 200_000,
    ],
)
async def test_what_is_no_completion_is_said(model: Model, body: bytes) -> None:
    model.body = body
    with pytest.raises(Unavailable):
        await ask(describer(model))


async def test_endless_answers_are_cut_off(model: Model) -> None:
    model.body = b" " * (vision.ANSWER_MAX_BYTES + 1)
    with pytest.raises(Unavailable, match="more than"):
        await ask(describer(model))


@pytest.mark.parametrize("content", ["", "   ", '{"prompts": []}', "{}", "```json\n```"])
async def test_an_answer_without_prompts_is_said(model: Model, content: str) -> None:
    model.content = content
    with pytest.raises(Unavailable, match="no prompt"):
        await ask(describer(model))


async def test_text_in_parts_is_read(model: Model) -> None:
    model.content = [
        {"type": "text", "text": '{"prompts": ["a fox",'},
        {"type": "text", "text": ' "a hen"]}'},
    ]
    assert await ask(describer(model)) == ("a fox", "a hen")


async def test_nobody_there() -> None:
    gone = VisionDescriber(url="http://127.0.0.1:1/v1", model="eye-1", key="s3cret")
    with pytest.raises(Unavailable, match="did not answer") as caught:
        await ask(gone)
    assert "s3cret" not in str(caught.value)


async def test_an_answer_that_does_not_come_in_time_is_given_up() -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError("nobody sets it")

    silent = VisionDescriber(url="http://host/v1", model="eye-1", timeout_s=0.01, transport=Silent())
    with pytest.raises(Unavailable, match=r"longer than 0\.01 s"):
        await ask(silent)


async def test_bytes_that_are_no_picture_are_not_sent(model: Model) -> None:
    with pytest.raises(Unavailable, match="no picture"):
        await describer(model).describe(41, 20, PICTURE, count=4)
    assert model.asked == []


def test_the_key_is_not_in_its_representation() -> None:
    assert "s3cret" not in repr(VisionDescriber(url="http://host", model="m", key="s3cret"))


@pytest.mark.parametrize(
    "answer",
    [
        '{"prompts": ["a fox", "a hen"]}',
        '```json\n{"prompts": ["a fox", "a hen"]}\n```',
        'Here you are: {"prompts": ["a fox", "a hen"]} Enjoy!',
        '["a fox", "a hen"]',
        '[{"prompt": "a fox"}, {"prompt": "a hen"}]',
        '{"descriptions": ["a fox", "a hen"]}',
        "1. a fox\n2. a hen",
        "- a fox\n\n* a hen\n",
        '<think>["no"]</think>{"prompts": ["a fox", "a hen"]}',
        '{"prompts": ["a fox", 3, null, "", "a hen"]}',
        '{"prompts": ["\\"a fox\\"", "a\\nhen"]}',
    ],
)
def test_answers_of_many_shapes(answer: str) -> None:
    assert list(prompts_in(answer)) == ["a fox", "a hen"]


@pytest.mark.parametrize(
    ("said", "clean"),
    [
        ("a fox --ar 9:1 --no hats", "a fox"),
        ("https://evil/x.png a fox", "a fox"),
        ("upload:01890a5d a fox", "a fox"),
        ("a {red, blue} fox::9", "a (red, blue) fox:9"),
        ("a fox\u0000\u202e\u2028here", "a fox here"),
        ("a \ud800fox", "a fox"),
        ("a semi-dark fox", "a semi-dark fox"),
    ],
)
def test_prompts_carry_words_and_nothing_else(said: str, clean: str) -> None:
    assert list(prompts_in(json.dumps([said]))) == [clean]


def test_a_prompt_has_an_end() -> None:
    (prompt,) = prompts_in(json.dumps(["fox " * 1000]))
    assert len(prompt) <= vision.PROMPT_MAX_CHARACTERS


@pytest.mark.parametrize("make", [lambda: "[" * 250_000, lambda: "{" * 250_000, lambda: '["' * 100_000])
def test_brackets_without_end_are_no_trouble(make: Callable[[], str]) -> None:
    assert all(len(prompt) <= vision.PROMPT_MAX_CHARACTERS for prompt in prompts_in(make()))
