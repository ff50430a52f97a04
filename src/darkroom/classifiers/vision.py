"""Prompts for a picture from a vision-language model at an OpenAI-compatible address: `core.ports.Describer` by asking somebody.

Used in place of the retrieval, never beside it: where it fails, that is said, for another kind of prompt in silence would puzzle
whoever set it. Trusts nothing of an answer, and writes the key nowhere.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from typing import Any

import httpx
from PIL import Image

from darkroom.core.errors import Unavailable

TIMEOUT_S = 60.0  # for the whole answer
ANSWER_MAX_BYTES = 256 * 1024
PROMPT_MAX_CHARACTERS = 600
PICTURE_SIDE = 1024
JPEG_QUALITY = 90
ANSWER_TOKENS = 1200
CHANNELS = 3
JSON_TRIES = 20  # brackets at which JSON may begin
PROMPTS_READ_MAX = 50  # of an answer, which may hold thousands

QUESTION = (
    "Look at the picture and write {count} different prompts that would make a text-to-image model draw a picture like it. Each is one "
    "line of at most 60 words: the subject, where it is, the light, the colours, the style. Answer with JSON and nothing else: "
    '{{"prompts": ["...", "..."]}}'
)

_FENCE = re.compile(r"```[a-z]*", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.):])\s*")
_NOT_WORDS = re.compile(r"(?:https?://|upload:)\S*|(?<!\w)(?:--|[–—])(?=[A-Za-z]).*", re.IGNORECASE)


class VisionDescriber:
    """`url` is the API's base, as `https://host/v1`; `key` may be empty. `transport` stands in for the network in tests."""

    def __init__(
        self,
        *,
        url: str,
        model: str,
        key: str = "",
        timeout_s: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._address = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._key = key
        self._timeout_s = timeout_s
        self._transport = transport

    async def describe(self, width: int, height: int, rgb: bytes, *, count: int) -> tuple[str, ...]:
        """At most `count` different prompts. Unavailable where no answer comes in time, or none that holds a prompt."""
        address = await asyncio.to_thread(_data_url, width, height, rgb)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._ask(_question(self._model, address, count))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError) as fault:
            why = (
                f"it took longer than {self._timeout_s:g} s"
                if isinstance(fault, TimeoutError)
                else type(fault).__name__
            )
            raise Unavailable(
                f"The model that describes pictures did not answer: {why}. Try again."
            ) from fault
        found = tuple(dict.fromkeys(islice(prompts_in(answer), PROMPTS_READ_MAX)))[:count]
        if not found:
            raise Unavailable("The model that describes pictures gave no prompt. Try again.")
        return found

    async def _ask(self, question: dict[str, Any]) -> str:
        """The text of the answer."""
        headers = {"Accept-Encoding": "identity"}  # a packed answer could unpack to anything
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        async with (
            httpx.AsyncClient(
                transport=self._transport, timeout=self._timeout_s, follow_redirects=False
            ) as client,
            client.stream("POST", self._address, json=question, headers=headers) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise Unavailable(
                    f"The model that describes pictures answers with status {response.status_code}; "
                    "an operator should look at DARKROOM_VISION_URL, _MODEL and _KEY."
                )
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > ANSWER_MAX_BYTES:
                    raise Unavailable(
                        f"The model that describes pictures answers with more than {ANSWER_MAX_BYTES} bytes."
                    )
        return _content(bytes(body))


def prompts_in(answer: str) -> Iterator[str]:
    """The prompts in what a model wrote: the JSON that was asked for, with or without words and fences around it, or else lines."""
    text = _FENCE.sub("", _without_thoughts(answer))
    document = _first_json(text)
    if isinstance(document, dict):
        document = next((each for each in document.values() if isinstance(each, list)), [])
    lines = document if isinstance(document, list) else _lines(text)
    for line in lines:
        if isinstance(line, dict):
            line = line.get("prompt")
        if isinstance(line, str) and (prompt := _clean(line)):
            yield prompt


def _without_thoughts(text: str) -> str:
    """Without what stands between <think> and </think>, in one pass: a pattern would try each of a thousand that never end."""
    *closed, last = text.split("</think>")
    return "".join([*(each.partition("<think>")[0] for each in closed), last])


def _lines(text: str) -> list[str]:
    """Lines without their numbers or bullets; none that begins like JSON, which was broken off then."""
    found = [_BULLET.sub("", line).strip() for line in text.splitlines()]
    return [line for line in found if not line.startswith(("{", "[", "}", "]"))]


def _first_json(text: str) -> Any:
    """The first object or array in a text; None where there is none."""
    decoder = json.JSONDecoder()
    for match in islice(re.finditer(r"[{\[]", text), JSON_TRIES):
        try:
            return decoder.raw_decode(text, match.start())[0]
        except (ValueError, RecursionError):
            continue
    return None


def _clean(line: str) -> str:
    """One line of words: no parameters, no links, no control characters, nothing that no store can keep."""
    safe = line.encode("utf-8", "ignore").decode("utf-8").replace("{", "(").replace("}", ")")
    printable = "".join(letter if letter.isprintable() else " " for letter in safe)
    words = _NOT_WORDS.sub(" ", printable).replace("::", ":").split()
    return " ".join(words).strip("\"'` ")[:PROMPT_MAX_CHARACTERS].rstrip()


def _content(body: bytes) -> str:
    """What the model wrote, by the shape of a chat completion. Unavailable for any other."""
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as fault:
        raise Unavailable(
            "What describes pictures does not answer like a chat completion; "
            "an operator should look at DARKROOM_VISION_URL."
        ) from fault
    if isinstance(content, list):  # in parts, as some servers give it
        content = "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if not isinstance(content, str):
        raise Unavailable("The model that describes pictures gave no text. Try again.")
    return content


def _question(model: str, address: str, count: int) -> dict[str, Any]:
    parts = [
        {"type": "text", "text": QUESTION.format(count=count)},
        {"type": "image_url", "image_url": {"url": address}},
    ]
    return {
        "model": model,
        "messages": [{"role": "user", "content": parts}],
        "max_tokens": ANSWER_TOKENS,
        "stream": False,
    }


def _data_url(width: int, height: int, rgb: bytes) -> str:
    """The picture as a JPEG of at most 1,024 pixels a side, without metadata. Unavailable for bytes that are no picture."""
    if min(width, height) < 1 or len(rgb) != width * height * CHANNELS:
        raise Unavailable(f"{len(rgb)} bytes are no picture of {width} x {height} pixels with 3 bytes each.")
    picture = Image.frombytes("RGB", (width, height), rgb)
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    file = BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
