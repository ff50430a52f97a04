"""Many idle listeners: a process that holds server-sent event streams open and counts what comes. Numbers on stdout.

Says "ready" when every stream has had its snapshot; ends on SIGTERM with how many were still open and how many bytes came.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import uvloop
from benchmarks.gateway.wire import get

OPENING_AT_ONCE = 20
OPEN_WITHIN_S = 120.0
SNAPSHOT = b"event: snapshot"


@dataclass(frozen=True, kw_only=True)
class Listening:
    """`count` streams, spread evenly over the keys."""

    url: str
    keys: Sequence[str]
    count: int


class Stream(asyncio.Protocol):
    """One listener. `told` is done when the snapshot has come, or never will."""

    def __init__(self, request: bytes) -> None:
        self._request, self._head = request, b""
        self.received = 0
        self.open = False
        self.told: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.open = True
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if not self.told.done():
            self._head += data
            if SNAPSHOT in self._head:
                self._head = b""
                self.told.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if not self.told.done():
            self.told.set_exception(ConnectionResetError(self._head[:200].decode(errors="replace")))


async def run(listening: Listening) -> None:
    stop, gate, loop = asyncio.Event(), asyncio.Semaphore(OPENING_AT_ONCE), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    address = urlsplit(listening.url)
    host, port = address.hostname or "", address.port or 0

    async def opened(number: int) -> Stream:
        request = get(listening.url, "/api/v1/events", listening.keys[number % len(listening.keys)])
        async with gate:
            _, stream = await loop.create_connection(lambda: Stream(request), host, port)
            await stream.told
        return stream

    async with asyncio.timeout(OPEN_WITHIN_S):
        streams = await asyncio.gather(*(opened(number) for number in range(listening.count)))
    print("ready", flush=True)
    await stop.wait()
    found = {"open": sum(each.open for each in streams), "bytes": sum(each.received for each in streams)}
    print(json.dumps(found), flush=True)


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(run(Listening(**json.load(sys.stdin))))


if __name__ == "__main__":
    main()
