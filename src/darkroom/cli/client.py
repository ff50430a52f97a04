"""The service as the command line sees it: requests in, the API's objects out, its refusals as errors of ours.

Knows neither terminals nor files. The key goes to the service itself and nowhere else: links to files are signed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from darkroom import __version__
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
from darkroom.prompt import CODES

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0
FILE_MAX_BYTES = 256 * 1024 * 1024
ANSWER_MAX_BYTES = 16 * 1024 * 1024
PAGE = 100  # what one page of a list holds at most
RETRY_DELAYS_S = (0.2, 1.0, 3.0)  # of what may be asked twice
PLACE = re.compile(r"\(at character ([0-9]{1,9})\)")

Object = dict[str, Any]
"""A JSON object of the API."""


class NoServer(Unavailable):
    """No server answers."""

    code = "no_server"


class ServerFailed(DarkroomError):
    """The server made a mistake."""

    code = "internal_error"


class Client:
    """One connection to the service at `url`, with a key. Every method raises DarkroomError: what the service refuses,
    NoServer where nobody answers, Unavailable where the answer is lost.

    `as_page` is for who has no key but logs in: the cookie is kept, and requests say that they come from the server's own
    pages, as those with a session must."""

    def __init__(
        self, url: str, key: str, *, as_page: bool = False, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url
        timeout = httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        agent = {"User-Agent": f"darkroom/{__version__}"}
        keyed = {"Authorization": f"Bearer {key}"} if key else {}
        if as_page:
            keyed["Origin"] = _origin(url)
        self._api = httpx.Client(
            base_url=url, headers={**agent, **keyed}, timeout=timeout, transport=transport, trust_env=False
        )
        self._files = httpx.Client(
            headers=agent, timeout=timeout, transport=transport, trust_env=False, follow_redirects=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._api.close()
        self._files.close()

    # -- the API ----------------------------------------------------------------------------------------------------

    def get(self, path: str, **query: object) -> Object:
        """GET; repeated where the answer is lost. Queries that are None or "" are left away."""
        return self._repeated("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Object:
        return self._asked("POST", path, body=body)

    def patch(self, path: str, body: Mapping[str, object]) -> Object:
        return self._asked("PATCH", path, body=body)

    def delete(self, path: str) -> Object:
        """DELETE; everything that the service deletes may be deleted twice, so it is repeated like GET."""
        return self._repeated("DELETE", path)

    def submit(self, prompt: str, *, lane: str | None, key: str) -> Object:
        """A batch of jobs."""
        body: Object = {"prompt": prompt} | ({"lane": lane} if lane else {})
        return self.begin("/api/v1/jobs", body, key=key)

    def begin(self, path: str, body: Mapping[str, object], *, key: str) -> Object:
        """A POST that makes jobs. The same idempotency `key` never makes them twice, so a lost answer is asked for again."""
        return self._repeated("POST", path, body=body, headers={"Idempotency-Key": key})

    def upload(self, path: str, name: str, data: bytes, **fields: str) -> Object:
        """A file, and what is said of it, as a form."""
        return self._asked(
            "POST", path, files={"file": (name, data, "application/octet-stream")}, data=fields
        )

    def pages(self, path: str, name: str, *, most: int | None = None, **query: object) -> Iterator[Object]:
        """The entries of a list, page after page, at most `most` of them; `name` is what the answer calls them."""
        cursor: object = None
        left = most
        while left is None or left > 0:
            size = PAGE if left is None else min(left, PAGE)
            page = self.get(path, **query, limit=size, cursor=cursor)
            yield from page[name]
            left = None if left is None else left - len(page[name])
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def stream(self, path: str, headers: Mapping[str, str], *, read_timeout_s: float) -> httpx.Response:
        """An open answer whose body is still to come; the caller closes it."""
        request = self._api.build_request(
            "GET",
            path,
            headers=dict(headers),
            timeout=httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S),
        )
        try:
            answer = self._api.send(request, stream=True)
        except httpx.HTTPError as fault:
            raise self._lost(fault) from fault
        if answer.status_code != 200:
            try:
                answer.read()
            except httpx.HTTPError as fault:
                raise self._lost(fault) from fault
            raise self._refusal(answer)
        return answer

    @contextmanager
    def pieces(self, path: str, body: Mapping[str, object]) -> Iterator[Iterator[bytes]]:
        """The answer to a POST that is a file of any size, piece by piece within the block."""
        request = self._api.build_request("POST", path, json=dict(body))
        answer: httpx.Response | None = None
        try:
            answer = self._api.send(request, stream=True)
            if answer.status_code != 200:
                answer.read()
                raise self._refusal(answer)
            yield answer.iter_bytes()
        except httpx.HTTPError as fault:
            raise self._lost(fault) from fault
        finally:
            if answer is not None:
                answer.close()

    # -- files ------------------------------------------------------------------------------------------------------

    def download(self, url: str, *, size_bytes: int | None = None) -> bytes:
        """A whole file by its signed link; asked for again where the connection breaks. Unavailable where it stays cut short."""
        for delay_s in (*RETRY_DELAYS_S, None):
            try:
                return self._downloaded(url, size_bytes)
            except Unavailable:
                if delay_s is None:
                    raise
                time.sleep(delay_s)
        raise AssertionError("the last try returns or raises")

    def _downloaded(self, url: str, size_bytes: int | None) -> bytes:
        try:
            with self._files.stream("GET", url) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise self._refusal(answer)
                data = bytearray()
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > FILE_MAX_BYTES:
                        raise Refused(
                            f"a file of the server is larger than {FILE_MAX_BYTES} bytes", code="too_large"
                        )
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise Unavailable(f"a file could not be fetched from the server: {_why(fault)}") from fault
        if size_bytes is not None and len(data) != size_bytes:
            raise Unavailable(f"a file of the server came with {len(data)} bytes instead of {size_bytes}")
        return bytes(data)

    # -- how --------------------------------------------------------------------------------------------------------

    def _repeated(self, method: str, path: str, **rest: Any) -> Object:
        """Like `_asked`, again after a while where the answer was lost or a part of the service was away."""
        for delay_s in RETRY_DELAYS_S:
            try:
                return self._asked(method, path, **rest)
            except NoServer:
                raise
            except Unavailable:
                time.sleep(delay_s)
        return self._asked(method, path, **rest)

    def _asked(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Object:
        content = None if body is None else json.dumps(body).encode()  # ASCII: lone surrogates stay escapes
        typed = {"Content-Type": "application/json"} if content is not None else {}
        try:
            answer = self._api.request(
                method,
                path,
                params=_given(query or {}) if query else None,
                content=content,
                headers={**typed, **(headers or {})},
                files=files,
                data=data,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise self._lost(fault) from fault
        if not answer.is_success:
            raise self._refusal(answer)
        found = {} if answer.status_code == 204 else _object(answer)
        if found is None:
            raise self._stranger()
        return found

    def _lost(self, fault: Exception) -> Unavailable:
        """No answer came: nobody is there, or the connection broke."""
        if isinstance(
            fault, (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol)
        ):
            return NoServer(
                f"no server answers at {self.url} ({_why(fault)}). Start one with `darkroom serve`, or set DARKROOM_URL "
                "to where one runs."
            )
        return Unavailable(f"the server at {self.url} did not answer: {_why(fault)}. Try again.")

    def _stranger(self) -> NoServer:
        return NoServer(
            f"what answers at {self.url} is no Darkroom server. Set DARKROOM_URL to where one runs."
        )

    def _refusal(self, answer: httpx.Response) -> DarkroomError:
        """The error that an answer stands for."""
        told = (_object(answer) or {}).get("error")
        if not isinstance(told, dict) or not isinstance(told.get("message"), str):
            if answer.status_code >= 500:  # ours, or a proxy before it
                return Unavailable(f"the server at {self.url} failed ({answer.status_code}). Try again.")
            return self._stranger()
        return refusal(answer.status_code, told, retry_after=answer.headers.get("Retry-After", ""))


def refusal(status: int, told: Mapping[str, Any], *, retry_after: str = "") -> DarkroomError:
    """An error of the API as one of ours; `told` is the inside of its envelope."""
    code, message = str(told.get("code") or "refused"), str(told["message"])
    hint, field = str(told.get("hint") or ""), told.get("field")
    more: dict[str, Any] = {"code": code, "hint": hint, "field": None if field is None else str(field)}
    if status == 422 and code in CODES:
        place = PLACE.search(message)
        return PromptError(code, message, position=int(place[1]) if place else 0, hint=hint)
    if status == 401:
        about_keys = "" if code == "login_invalid" else KEY_HINT
        return NotAllowed(message, **(more | {"hint": f"{hint} {about_keys}".strip()}))
    if status == 403:
        return Blocked(message, **more) if code == Blocked.code else NotAllowed(message, **more)
    if status == 429:
        return Exhausted(message, **more, retry_after_s=int(retry_after) if retry_after.isdecimal() else None)
    if status == 503:
        kinds = (StoreUnavailable, ModerationUnavailable)
        return next((kind for kind in kinds if kind.code == code), Unavailable)(_joined(message, hint))
    if status >= 500:
        return ServerFailed(_joined(message, hint))
    kind: type[Refused] = {404: NotFound, 409: Conflict}.get(status, Refused)
    return kind(message, **more)


KEY_HINT = "The key comes from DARKROOM_KEY, else from `key` in the config file, else it is the owner's on this machine."


def _origin(url: str) -> str:
    """The origin of a server as a browser names it: without a path, and without a port that goes without saying."""
    found = httpx.URL(url)
    return f"{found.scheme}://{found.netloc.decode('ascii')}"


def _joined(message: str, hint: str) -> str:
    return f"{message} {hint}" if hint and hint not in message else message


def _object(answer: httpx.Response) -> Object | None:
    """The JSON object of an answer; None where there is none."""
    if len(answer.content) > ANSWER_MAX_BYTES:
        return None
    try:
        found = json.loads(answer.content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _given(query: Mapping[str, object]) -> httpx.QueryParams:
    """A query without what was left open; a list is given entry by entry."""
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        for each in value if isinstance(value, Sequence) and not isinstance(value, str) else [value]:
            if each is not None and each != "":
                pairs.append((name, str(each).lower() if isinstance(each, bool) else str(each)))
    return httpx.QueryParams(tuple(pairs))


def _why(fault: Exception) -> str:
    """What went wrong on the wire, in a few words."""
    if isinstance(fault, httpx.TimeoutException):
        return "it took too long"
    return str(fault) or type(fault).__name__
