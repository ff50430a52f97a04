"""HTTP/1.1 as cheap as Python has it: one request at a time on a kept connection. Knows no route."""

from __future__ import annotations

import asyncio
from typing import cast
from urllib.parse import urlsplit

ANSWER_S = 30.0


class Kept(asyncio.Protocol):
    """One connection. Answers must carry a Content-Length, which those of the service do."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._wanted = -1
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed"))

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. OSError, TimeoutError."""
        if self._transport is None:
            raise ConnectionResetError("closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(ANSWER_S):
            return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._wanted < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            at = self._buffer[:end].lower().find(b"content-length:")
            length = int(self._buffer[at + 15 : end].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._wanted = end + 4 + length
        if len(self._buffer) < self._wanted:
            return
        whole, self._buffer = self._buffer, b""
        body = whole[whole.find(b"\r\n\r\n") + 4 : self._wanted]
        self._wanted = -1
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(whole[9:12]), body))


class Connections:
    """As many as are needed at once; each is used again when it is free."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname and parts.port, "the service is at http://host:port"
        self._host, self._port = parts.hostname, parts.port
        self._free: list[Kept] = []
        self.opened = 0

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        connection = await self._take()
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        self._free.append(connection)
        return answer

    async def _take(self) -> Kept:
        while self._free:
            if (connection := self._free.pop()).open:
                return connection
        self.opened += 1
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(Kept, self._host, self._port)
        return made

    def close(self) -> None:
        for connection in self._free:
            connection.close()


def post(url: str, path: str, key: str, body: bytes) -> bytes:
    """The bytes of one request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(url: str, path: str, key: str) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAuthorization: Bearer {key}\r\n\r\n"
    return head.encode()
