"""One connection of a client: how much it may send beside bodies, and how long a request may take to come.

The server that we stand on limits neither. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES_MAX = 64 * 1024  # of a request's line and headers, or of what frames the pieces of its body
HEAD_S = 15.0  # from the first byte, or from the connection, to the end of the headers
BODY_S = 60.0  # for a body of JSON
UPLOAD_S = 900.0  # for a file: as long as the place to put it is good
UPLOADING = b"PUT"

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connection(HttpToolsProtocol):
    """Closes itself on who sends a head without end, or sends too slowly. One that waits for an answer may wait for ever."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._beside_bytes = 0  # what came of this request and is no body
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._allow(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._beside_bytes += len(data)
        super().data_received(data)
        if self._beside_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            if not self._answering():
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._allow(HEAD_S)

    def on_headers_complete(self) -> None:
        self._allow(UPLOAD_S if self.parser.get_method() == UPLOADING else BODY_S)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._beside_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._beside_bytes = 0
        self._allow(None)
        super().on_message_complete()

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _allow(self, seconds: float | None) -> None:
        """From now on so long until the connection is closed; None: for ever."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
