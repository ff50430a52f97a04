"""A customer's event stream, taken up again after every break with the last id that was seen, as a browser does it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import httpx

PAUSE_S = 0.2
SILENCE_S = 20.0  # the service speaks every 15 s


class EventFollower:
    """`seen` are the durable ids in the order in which they came; `resets` counts what should not happen here."""

    def __init__(self, urls: Sequence[str], key: str, proxy: str | None) -> None:
        self._urls, self._key, self._proxy = list(urls), key, proxy
        self.seen: list[int] = []
        self.connections = 0
        self.resets = 0
        self._last = "0"

    async def run(self) -> None:
        """Until cancelled."""
        timeout = httpx.Timeout(5.0, read=SILENCE_S)
        async with httpx.AsyncClient(proxy=self._proxy, timeout=timeout) as client:
            while True:
                url = self._urls[self.connections % len(self._urls)]
                self.connections += 1
                with suppress(httpx.HTTPError):
                    await self._follow(client, url)
                await asyncio.sleep(PAUSE_S)

    async def _follow(self, client: httpx.AsyncClient, url: str) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Last-Event-ID": self._last}
        async with client.stream("GET", f"{url}/api/v1/events", headers=headers) as stream:
            if stream.status_code != 200:
                return
            name = event_id = ""
            async for line in stream.aiter_lines():
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("id:"):
                    event_id = line[3:].strip()
                elif not line:
                    self._heard(name, event_id)
                    name = event_id = ""

    def _heard(self, name: str, event_id: str) -> None:
        if event_id:
            self._last = event_id
        if name == "job":
            self.seen.append(int(event_id))
        elif name in ("reset", "snapshot"):
            self.resets += 1
