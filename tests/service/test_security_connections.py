"""Raw sockets against the connection of the real server: heads without end, bytes that never come."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvicorn

from darkroom.bootstrap import connections
from darkroom.bootstrap.connections import HEAD_BYTES_MAX, Connection

WAIT_S = 10.0
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and says how long it was; waits for ever before it answers /wait."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/wait":
        await receive()
        return
    body = str(size).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    )
    await send({"type": "http.response.body", "body": body})


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
async def port() -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            _echo, http=Connection, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1
        )
        server = _Quiet(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


async def _said(port: int, *pieces: bytes, rest: bytes = b"") -> bytes:
    """Everything that the server answers until it closes. `rest` is sent again and again until it does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        async with asyncio.timeout(WAIT_S):
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                while rest and not reader.at_eof():
                    writer.write(rest)
                    await writer.drain()
                    await asyncio.sleep(0)
                answer = await reader.read()
    finally:
        writer.close()
    return answer


async def test_what_is_ordinary_passes(port: int) -> None:
    body = b"x" * (4 * HEAD_BYTES_MAX)
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert (await _said(port, head, body)).endswith(b"\r\n\r\n%d" % len(body))
    pieces = [b"4000\r\n" + b"x" * 0x4000 + b"\r\n"] * 32
    chunked = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await _said(port, chunked, *pieces, b"0\r\n\r\n")).endswith(b"\r\n\r\n%d" % (32 * 0x4000))


@pytest.mark.parametrize(
    ("begin", "rest"),
    [
        (HEAD + b"X: ", b"a" * 65_536),
        (HEAD, b"a: b\r\n" * 10_000),
        (b"GET /", b"a" * 65_536),
        (b"\r\n", b"\r\n" * 30_000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ", b"a" * 65_536),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x=", b"a" * 65_536),
    ],
    ids=["value", "headers", "address", "blank lines", "trailer", "chunk extension"],
)
async def test_what_has_no_end_is_cut_off(port: int, begin: bytes, rest: bytes) -> None:
    """Unbounded it costs the server time that grows with its square, and memory."""
    assert (await _said(port, begin, rest=rest))[:12] in (b"", b"HTTP/1.1 431", b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "begin", [b"", b"GET / HTT", HEAD, HEAD + b"Content-Length: 10\r\n\r\nhalf"],
    ids=["nothing", "line", "head", "body"],
)  # fmt: skip
async def test_who_is_too_slow_is_cut_off(port: int, begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_S", "BODY_S"):
        monkeypatch.setattr(connections, name, 0.05)
    assert not await _said(port, begin)


async def test_who_waits_for_an_answer_is_not(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long polls and streams take as long as they take."""
    for name in ("HEAD_S", "BODY_S"):
        monkeypatch.setattr(connections, name, 0.05)
    waiting = asyncio.create_task(_said(port, b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"))
    slow = asyncio.create_task(_said(port, HEAD))  # cut off: so the time is over for both
    await slow
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
