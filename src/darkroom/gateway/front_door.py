"""What every request passes, whatever its route: a limit on its body, headers for browsers, a line in the log, a count.

ASGI without a framework in between. The log holds no query and no header, because those may hold secrets.
"""

from __future__ import annotations

import logging
import re
import time

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from darkroom.gateway.errors import CODES, ErrorOut, envelope
from darkroom.gateway.limits import Taken
from darkroom.gateway.metrics import Metrics

JSON_BYTES_MAX = 64 * 1024
UPLOAD_BYTES_MAX = 21 * 1024 * 1024  # a picture of at most 20 MiB, and what a form says around it
WORKER_BYTES_MAX = 8 * 1024 * 1024  # previews and reports
UNLIMITED_HERE = "/files/"  # that route counts for itself
WORKER_ROUTES = "/worker/"
UPLOADS = "/api/v1/uploads"
SUBMIT = ("POST", "/api/v1/jobs")
HSTS_S = 31_536_000

OPENER_POLICY = "Cross-Origin-Opener-Policy"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    OPENER_POLICY: "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

access = logging.getLogger("darkroom.access")
_ENCODED_NUL = re.compile(rb"%00")


class FrontDoor:
    """The outermost of our own middleware."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        visit = _Visit(scope, receive, send)
        started_s = time.perf_counter()
        try:
            refused = visit.refused()
            app = refused or self._app
            await app(scope, visit.receive, visit.send)
        finally:
            self._note(scope, visit.status, time.perf_counter() - started_s)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = _method(scope), _template(scope)
        self._metrics.requests.labels(method, route, status).inc()
        if (method, route) == SUBMIT and status == 202:
            self._metrics.submit_s.observe(seconds)
        account = scope["state"].get("account_id", "-")
        address = (scope.get("client") or ("-", 0))[0]
        path = scope["path"].encode("unicode_escape").decode()
        access.info("%s %s %s %d %.1f ms %s", address, method, path, status, seconds * 1000, account)


class _Visit:
    """One request: counts what comes in, and completes the headers of what goes out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._limit = _limit_of(scope["path"])
        self._size = 0
        self._answered = False
        self.status = 500  # where nothing is answered

    def refused(self) -> ASGIApp | None:
        """The answer to what can be refused by its head alone."""
        length = Headers(scope=self._scope).get("content-length", "")
        if self._limit is not None and length.isdecimal() and int(length) > self._limit:
            body = ErrorOut(code=CODES[413], message=_too_large(self._limit), hint="Send less.")
            return envelope(413, body, headers={"Connection": "close"})
        if "\0" in self._scope["path"] or _ENCODED_NUL.search(self._scope.get("query_string", b"")):
            body = ErrorOut(
                code=CODES[422], message="The address holds the character NUL.", hint="Remove it."
            )
            return envelope(422, body)
        return None

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and self._limit is not None:
            self._size += len(message.get("body", b""))
            if self._size > self._limit and not self._answered:  # later it is too late
                raise HTTPException(413, _too_large(self._limit), headers={"Connection": "close"})
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._answered, self.status = True, message["status"]
            self._complete(MutableHeaders(scope=message))
        await self._send(message)

    def _complete(self, headers: MutableHeaders) -> None:
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        if not self._trustworthy():
            del headers[OPENER_POLICY]
        if self._scope["path"].startswith(("/api/", WORKER_ROUTES)):
            headers.setdefault("Cache-Control", "no-store")
        if self._scope.get("scheme") == "https":
            headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_S}")
        taken = self._scope["state"].get("rate_limit")
        if isinstance(taken, Taken):
            headers.update(taken.headers())

    def _trustworthy(self) -> bool:
        """Whether browsers heed the policy about openers here; on plain HTTP beyond this machine they only complain of it."""
        host = Headers(scope=self._scope).get("host", "")
        return self._scope.get("scheme") == "https" or host.rpartition(":")[0] in LOOPBACK or host in LOOPBACK


def _limit_of(path: str) -> int | None:
    if path.startswith(UNLIMITED_HERE):
        return None
    if path == UPLOADS:
        return UPLOAD_BYTES_MAX
    return WORKER_BYTES_MAX if path.startswith(WORKER_ROUTES) else JSON_BYTES_MAX


def _too_large(limit: int) -> str:
    return f"The body is larger than {limit:,} bytes."


def _method(scope: Scope) -> str:
    """The method, of which a client may invent as many as it likes."""
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return scope["method"] if scope["method"] in known else "other"


def _template(scope: Scope) -> str:
    """The route with its names in braces, so that there are only as many as there are routes."""
    return str(getattr(scope.get("route"), "path", "none"))
