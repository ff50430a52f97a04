"""A forward proxy between a client or a worker and whoever serves, whose cable can be pulled. Knows no protocol above HTTP/1.1.

Each connection goes to the host that its first request names, and from there on bytes are only carried.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum
from urllib.parse import urlsplit

PIECE_BYTES = 65_536


class Cable(StrEnum):
    WHOLE = "whole"
    REFUSED = "refused"
    """Nobody listens, and what was open is reset."""
    STALLED = "stalled"
    """Nothing goes either way, and nobody is told."""
    DEAF = "deaf"
    """Requests arrive; the connection is reset when the answer comes."""


class Wire:
    """Listens on a port of its own until closed. `put` changes what the cable does to everything that goes through."""

    def __init__(self) -> None:
        self.cable = Cable.WHOLE
        self.port = 0
        self._server: asyncio.Server | None = None
        self._moving = asyncio.Event()
        self._moving.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        for _ in range(50):  # the port may be taken for a moment where it was given up
            with suppress(OSError):
                self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
                self.port = self._server.sockets[0].getsockname()[1]
                return
            await asyncio.sleep(0.1)
        raise OSError(f"port {self.port} was taken by somebody else")

    async def put(self, cable: Cable) -> None:
        was, self.cable = self.cable, cable
        (self._moving.clear if cable is Cable.STALLED else self._moving.set)()
        if cable is Cable.REFUSED:
            self._stop()
        elif was is Cable.REFUSED:
            await self.open()

    def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def close(self) -> None:
        self._stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            target = urlsplit(head.split(b" ", 2)[1].decode("ascii"))
            await self._moving.wait()
            answers, far = await asyncio.open_connection(target.hostname, target.port)
            self._open.add(far)
            far.write(head)
            await asyncio.gather(self._pump(reader, far), self._pump(answers, writer, back=True))
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            for each in (writer, far):
                if each is not None:
                    self._open.discard(each)
                    each.transport.abort()
            self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool = False
    ) -> None:
        while piece := await reader.read(PIECE_BYTES):
            await self._moving.wait()
            if back and self.cable is Cable.DEAF:
                raise ConnectionResetError("the answer is lost")
            writer.write(piece)
            await writer.drain()
        raise ConnectionResetError("closed")
