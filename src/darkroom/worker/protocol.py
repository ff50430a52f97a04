"""The worker's side of the protocol over HTTP. Knows the way to the service, and not what is being drawn.

It finds the active dispatcher by itself, and registers again where the service has forgotten this worker.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from darkroom.core.errors import (
    Conflict,
    DarkroomError,
    NotActive,
    NotAllowed,
    NotFound,
    OutputError,
    Refused,
    StoreUnavailable,
    Unavailable,
)
from darkroom.core.jobs import Outcome
from darkroom.core.params import Lane
from darkroom.core.work import Claim, EngineVitals, Instructions, Progress
from darkroom.worker import messages
from darkroom.worker.messages import Introduction, Json, Pulled, Registration, Report

PREFIX = "/worker/v1"
HOPS_MAX = 4  # dispatchers and registrations that one call goes through
ANSWER_TIMEOUT_S = 10.0
HEARTBEAT_TIMEOUT_S = 4.0
UPLOAD_TIMEOUT_S = 60.0
KEEPALIVE_S = 3.0  # shorter than any server's, so that no call goes out on a connection that is being closed
BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 5.0
MESSAGE_MAX = 500  # characters of somebody else's message that are shown
PIECE_BYTES = 256 * 1024
UNKNOWN_WORKER = "unknown_worker"


def backoff_s(tries: int, rng: random.Random) -> float:
    """How long to wait after the failed try number `tries` (from 1): doubling, with jitter, at most 5 s."""
    return min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(tries - 1, 10)) * rng.uniform(0.5, 1.0)


class Connection:
    """One worker's connection. Every call raises Unavailable where trying again may help, NotAllowed for a bad token,
    and Refused where the service will never take what was said."""

    def __init__(self, url: str, token: str, introduction: Introduction) -> None:
        self.introduction = introduction
        self._home = self._url = url.rstrip("/")
        self._registration: Registration | None = None
        self._registering = asyncio.Lock()
        limits = httpx.Limits(keepalive_expiry=KEEPALIVE_S)
        self._service = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"}, limits=limits, timeout=ANSWER_TIMEOUT_S
        )
        self._store = httpx.AsyncClient(limits=limits, timeout=UPLOAD_TIMEOUT_S)  # must not see the token

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._service.aclose()
        await self._store.aclose()

    async def register(self) -> Registration:
        """Introduce this worker, where the service does not know it yet."""
        async with self._registering:
            if self._registration is None:
                body = messages.introduction_json(self.introduction)
                answer = await self._post("/register", body, ANSWER_TIMEOUT_S)
                self._registration = messages.read_registration(answer)
            return self._registration

    async def pull(
        self, *, free: int, warm: Sequence[str], wait_s: float, lanes: Sequence[Lane] = ()
    ) -> Pulled:
        """Wait up to `wait_s` for at most `free` jobs, of these lanes where any are named."""
        body: dict[str, Json] = {"free": free, "warm": list(warm), "wait_s": wait_s}
        if lanes:
            body["lanes"] = [lane.value for lane in lanes]
        return messages.read_pulled(await self._ask("/pull", body, timeout_s=wait_s + ANSWER_TIMEOUT_S))

    async def progress(self, items: Sequence[Progress]) -> Instructions:
        body = {"items": [messages.progress_json(item) for item in items]}
        return messages.read_instructions(await self._ask("/progress", body))

    async def heartbeat(self, claims: Sequence[Claim], vitals: EngineVitals | None = None) -> Instructions:
        body: dict[str, Json] = {"claims": [messages.claim_json(claim) for claim in claims]}
        if vitals is not None:
            body["vitals"] = messages.vitals_json(vitals)
        answer = await self._ask("/heartbeat", body, timeout_s=HEARTBEAT_TIMEOUT_S)
        return messages.read_instructions(answer)

    async def uploads(self, claim: Claim, files: Mapping[str, str]) -> Mapping[str, str]:
        """Where to put each file of a run, given its media type by name. Conflict where the run is not this worker's any more."""
        named: list[Json] = [{"name": name, "media_type": media_type} for name, media_type in files.items()]
        answer = await self._ask("/uploads", {**messages.claim_json(claim), "files": named})
        return {name: self._resolved(url) for name, url in messages.read_urls(answer).items()}

    async def put(self, url: str, data: bytes, *, media_type: str) -> None:
        """Upload one file. StoreUnavailable says which host was tried, and what it said."""
        host = _host_of(url)
        try:
            answer = await self._store.put(url, content=data, headers={"Content-Type": media_type})
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise StoreUnavailable(f"{host} cannot be reached for an upload: {_reason(error)}") from error
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"an upload to {host} broke off: {_reason(error)}") from error
        if not answer.is_success:
            said = _error_of(answer).message
            raise StoreUnavailable(f"{host} did not take a file (HTTP {answer.status_code}): {said}")

    async def get(self, url: str, *, max_bytes: int) -> bytes:
        """Fetch one file. NotFound where it is not there, OutputError where it is larger than that, StoreUnavailable where it
        cannot be fetched now."""
        place = self._resolved(url)
        host, pieces, size_bytes = _host_of(place), [], 0
        try:
            async with self._store.stream("GET", place) as answer:
                if answer.status_code in (404, 410):
                    raise NotFound(f"{host} has no such file (HTTP {answer.status_code})")
                if not answer.is_success:
                    raise StoreUnavailable(f"{host} did not give a file (HTTP {answer.status_code})")
                async for piece in answer.aiter_raw(PIECE_BYTES):
                    size_bytes += len(piece)
                    if size_bytes > max_bytes:
                        raise OutputError(f"{host} gives a file of more than {max_bytes} bytes")
                    pieces.append(piece)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise StoreUnavailable(f"a file could not be fetched from {host}: {_reason(error)}") from error
        return b"".join(pieces)

    async def reports(self, reports: Sequence[Report]) -> list[Outcome]:
        """One outcome for each report, in order."""
        body = {"reports": [messages.report_json(report) for report in reports]}
        return messages.read_outcomes(await self._ask("/reports", body), len(reports))

    async def leave(self) -> None:
        """Say goodbye, where the service knows this worker."""
        if self._registration is not None:
            await self._post("/leave", {"worker_id": self._registration.worker_id}, ANSWER_TIMEOUT_S)

    def _resolved(self, url: str) -> str:
        """A place for a file, where a path is one at the service itself: below its address, as every call of the protocol."""
        return f"{self._url}{url}" if url.startswith("/") else url

    async def _ask(
        self, path: str, body: Mapping[str, Json], *, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> object:
        """A call in this worker's name; under a new one where the service has forgotten the old."""
        for _ in range(HOPS_MAX):
            registration = await self.register()
            try:
                return await self._post(path, {"worker_id": registration.worker_id, **body}, timeout_s)
            except NotFound as error:
                if error.code != UNKNOWN_WORKER:
                    raise
                if self._registration is registration:
                    self._registration = None
        raise Unavailable("the service forgets this worker as soon as it has registered")

    async def _post(self, path: str, body: Mapping[str, Json], timeout_s: float) -> object:
        """The answer of whoever dispatches: a standby says who does."""
        for _ in range(HOPS_MAX):
            url = self._url
            try:
                return await self._answer(url + PREFIX + path, body, timeout_s)
            except NotActive as error:
                self._url = error.url.rstrip("/") or self._home
                if self._url == url:
                    raise
            except Unavailable:  # whoever dispatched may be gone: ask where we were told to
                self._url = self._home
                raise
        raise Unavailable("each dispatcher says that another one is active")

    async def _answer(self, url: str, body: Mapping[str, Json], timeout_s: float) -> object:
        try:
            answer = await self._service.post(url, json=body, timeout=timeout_s)
            if answer.is_success:
                return answer.json() if answer.content else {}
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"the service at {url} cannot be reached: {_reason(error)}") from error
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"the service at {url} did not answer in JSON") from error
        raise _error_of(answer)


def _error_of(answer: httpx.Response) -> DarkroomError:
    """What an answer that is no success means."""
    found = _error_object(answer)
    code = str(found.get("code", ""))
    message = str(found.get("message") or answer.text or answer.reason_phrase)[:MESSAGE_MAX]
    if code == NotActive.code:
        return NotActive(message, url=str(found.get("url") or ""))
    if answer.status_code in (401, 403):
        return NotAllowed(message, code=code or None)
    if answer.status_code == 404 and code:
        return NotFound(message, code=code)
    if answer.status_code == 409:
        return Conflict(message, code=code or None)
    if answer.status_code >= 500 or answer.status_code in (404, 408, 425, 429):
        return Unavailable(message)
    return Refused(message, code=code or None)


def _error_object(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    error = body.get("error", body) if isinstance(body, dict) else {}
    if not isinstance(error, dict):
        return {}
    return {"url": body.get("url", ""), **error}


def _host_of(url: str) -> str:
    """The host of a place for a file, and never its query: who reads the signature may write."""
    try:
        host = httpx.URL(url).netloc.decode("ascii")
    except httpx.InvalidURL as error:
        raise StoreUnavailable(f"the service named a place for a file that is none: {error}") from error
    if not host:
        raise StoreUnavailable("the service named a place for a file that has no host")
    return host


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
