"""The service's events as they come: a reader beside the main thread that comes back by itself when the connection breaks.

Knows no job: what an event means, and what to ask when some were missed, is for who takes them.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from darkroom.cli.client import Client
from darkroom.core.errors import DarkroomError, Exhausted, Unavailable

PATH = "/api/v1/events"
SILENCE_S = 45.0  # three heartbeats: who says nothing for so long is gone
RETRIES_S = (0.2, 1.0, 2.0, 5.0)  # the last one for ever
LINE_MAX_CHARACTERS = 4_000_000  # a snapshot is one line
GOODBYE_S = 5.0  # for the reader to end


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event. `id` is "" for what is never repeated."""

    name: str
    id: str
    data: dict[str, Any]


def read_events(lines: Iterable[str]) -> Iterator[Told]:
    """The events in the lines of a stream (WHATWG HTML, 9.2); what is no event of ours (comments, no JSON object) is passed over."""
    name, number = "message", ""
    data: list[str] = []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            told = _told(name, number, "\n".join(data))
            name, number, data = "message", "", []
            if told is not None:
                yield told
        elif field == "event":
            name = value
        elif field == "id":
            number = value
        elif field == "data" and len(value) <= LINE_MAX_CHARACTERS:
            data.append(value)


def _told(name: str, number: str, text: str) -> Told | None:
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return Told(name=name, id=number, data=data) if isinstance(data, dict) else None


class Following:
    """Within `with Following(client) as events`, `events.take` gives what is told. The connection is opened before the first
    statement of the block runs, so that nothing that the block causes is missed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queue: queue.SimpleQueue[Told | DarkroomError] = queue.SimpleQueue()
        self._last = ""
        self._stop = threading.Event()
        self._answer: httpx.Response | None = None
        self._reader = threading.Thread(target=self._read, name="events", daemon=True)

    def __enter__(self) -> Self:
        self._answer = self._open()
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._hang_up()
        self._reader.join(GOODBYE_S)

    def take(self, wait_s: float) -> Told | None:
        """The next event, None where none comes within `wait_s`. Raises what the service refused for good."""
        with suppress(queue.Empty):
            told = self._queue.get(timeout=wait_s) if wait_s > 0 else self._queue.get_nowait()
            if isinstance(told, DarkroomError):
                raise told
            return told
        return None

    def _open(self) -> httpx.Response:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last} if self._last else {})
        return self._client.stream(PATH, headers, read_timeout_s=SILENCE_S)

    def _read(self) -> None:
        """The reader's whole life: read until the connection breaks, wait, come back with the last id."""
        tries = 0
        while not self._stop.is_set():
            try:
                if self._answer is None:
                    self._answer = self._open()
                tries = self._pass_on(self._answer, tries)
            except (httpx.HTTPError, httpx.StreamError, Unavailable, Exhausted):
                pass  # come back
            except DarkroomError as refusal:
                self._queue.put(refusal)
                return
            finally:
                if self._answer is not None:
                    self._answer.close()
                self._answer = None
            self._stop.wait(RETRIES_S[min(tries, len(RETRIES_S) - 1)])
            tries += 1

    def _pass_on(self, answer: httpx.Response, tries: int) -> int:
        """Everything that one connection tells; how often in a row it was tried in vain by now."""
        for told in read_events(answer.iter_lines()):
            self._last = told.id or self._last
            self._queue.put(told)
            tries = 0
        return tries

    def _hang_up(self) -> None:
        """Wakes the reader: closing a socket under it would not."""
        answer = self._answer
        stream = answer.extensions.get("network_stream") if answer is not None else None
        wire = stream.get_extra_info("socket") if stream is not None else None
        if wire is not None:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
