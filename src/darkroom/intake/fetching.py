"""Fetches a picture from a link of a stranger: each address is checked, and the very one that was checked is connected to.

A name is resolved once for each hop, so that a second answer (DNS rebinding) is never asked for. Redirects are followed by
hand, each checked like the first. Knows no picture.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import httpx

from darkroom.core.errors import Overloaded, Refused
from darkroom.intake.addresses import (
    PORTS,
    Address,
    Target,
    is_public,
    literal,
    refused_link,
    target_of,
)
from darkroom.intake.pictures import FILE_MAX_BYTES

REDIRECTS_MAX = 3
ADDRESSES_MAX = 32  # of one name; more is no site
TRIED_MAX = 3  # of these, where the first do not answer
CONNECT_MAX_S = 5.0
SILENCE_MAX_S = 5.0
TOTAL_MAX_S = 20.0  # with all redirects
FETCHES_AT_ONCE_MAX = 8
PIECES_MAX = 1_000  # of a body, however small; beyond them
PIECE_MEAN_BYTES = 256  # at the least: a chunk of one byte costs the event loop as much as one of 64 KiB
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = {
    "User-Agent": "darkroom",
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


class Fetcher:
    """One for each server. The defaults are those of the open internet; only tests have a reason for others.

    `resolve` gives all addresses of a name, `allowed` says which of them may be connected to, `ports` None allows all ports.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        allowed: Callable[[Address], bool] = is_public,
        ports: Collection[int] | None = PORTS,
        trusted: ssl.SSLContext | None = None,
        max_bytes: int = FILE_MAX_BYTES,
        total_max_s: float = TOTAL_MAX_S,
        silence_max_s: float = SILENCE_MAX_S,
    ) -> None:
        self._resolve = resolve or _Resolver()
        self._allowed = allowed
        self._ports = ports
        self._trusted = trusted or httpx.create_ssl_context(trust_env=False)
        self._max_bytes = max_bytes
        self._total_max_s = total_max_s
        self._patience = httpx.Timeout(silence_max_s, connect=CONNECT_MAX_S)
        self._under_way = 0

    async def fetch(self, url: str) -> bytes:
        """The bytes at a link. Refused (`link_refused`, `link_failed`, `too_large`), Overloaded."""
        if self._under_way >= FETCHES_AT_ONCE_MAX:
            raise Overloaded(
                "More links are being fetched than this service can take; try again in a moment."
            )
        self._under_way += 1
        try:
            async with asyncio.timeout(self._total_max_s), self._transport() as transport:
                return await self._follow(transport, url)
        except TimeoutError:
            raise failed_link(f"The link did not give its picture within {self._total_max_s:g} s.") from None
        finally:
            self._under_way -= 1

    def _transport(self) -> httpx.AsyncHTTPTransport:
        """Without a client around it: no cookies, no proxy of the environment, no redirects, nothing decompressed or kept."""
        return httpx.AsyncHTTPTransport(
            verify=self._trusted, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def _follow(self, transport: httpx.AsyncBaseTransport, url: str) -> bytes:
        target = target_of(url, ports=self._ports)
        for _ in range(REDIRECTS_MAX + 1):
            found = await self._hop(transport, target)
            if isinstance(found, bytes):
                return found
            target = target_of(found, ports=self._ports)
        raise failed_link(f"The link leads on more than {REDIRECTS_MAX} times.")

    async def _hop(self, transport: httpx.AsyncBaseTransport, target: Target) -> bytes | str:
        """The bytes at a target, or where it leads on to. Tries the next address where one does not answer."""
        fault: httpx.HTTPError | None = None
        for address in (await self._addresses(target))[:TRIED_MAX]:
            try:
                return await self._ask(transport, target, address)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                fault = error
            except httpx.HTTPError as error:
                raise failed_link(
                    "The link broke off, or answered with something that is not HTTP."
                ) from error
        raise failed_link("Nobody answers at this link.") from fault

    async def _addresses(self, target: Target) -> Sequence[Address]:
        """The addresses of a host, every one of which is allowed."""
        written = literal(target.host)
        found = [written] if written else await self._resolve(target.host, target.port)
        if not found:
            raise failed_link("This link names a host that cannot be found.")
        if len(found) > ADDRESSES_MAX or not all(self._allowed(address) for address in found):
            raise refused_link("This link leads to an address that is not on the public internet.")
        return found

    async def _ask(
        self, transport: httpx.AsyncBaseTransport, target: Target, address: Address
    ) -> bytes | str:
        """One request to the address itself; the name goes into Host and, for https, into what the certificate must name."""
        request = httpx.Request(
            "GET",
            target.url.copy_with(host=str(address)),
            headers={**HEADERS, "Host": target.url.netloc.decode("ascii")},
            extensions={"sni_hostname": target.host, "timeout": self._patience.as_dict()},
        )
        response = await transport.handle_async_request(request)
        try:
            if response.status_code in REDIRECTS and "location" in response.headers:
                return _joined(target, response.headers["location"])
            if response.status_code != 200:
                raise failed_link(f"The link answered with status {response.status_code}.")
            return await self._body(response)
        finally:
            await response.aclose()

    async def _body(self, response: httpx.Response) -> bytes:
        """The body as it comes, counted while it comes: what a Content-Length says is only believed where it is too much."""
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise failed_link("The link answered with a compressed body, which was not asked for.")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
            raise self._too_large()
        body, pieces = bytearray(), 0
        async for piece in response.aiter_raw():
            body += piece
            pieces += 1
            if len(body) > self._max_bytes:
                raise self._too_large()
            if pieces > PIECES_MAX + len(body) // PIECE_MEAN_BYTES:
                raise failed_link("The link gave its picture in crumbs, which take too long to gather.")
        return bytes(body)

    def _too_large(self) -> Refused:
        return Refused(
            f"What this link gives is larger than {self._max_bytes / 2**20:g} MiB.",
            code="too_large",
            hint="Use a smaller picture.",
            field="url",
        )


def _joined(target: Target, location: str) -> str:
    try:
        return urljoin(str(target.url), location)
    except ValueError as fault:
        raise refused_link("The link leads on to something that is no link.") from fault


def failed_link(message: str) -> Refused:
    """A link that may be followed and gave nothing."""
    return Refused(
        message, code="link_failed", hint="Open it in a browser, or send the picture as a file.", field="url"
    )


class _Resolver:
    """The system's resolver, in threads of its own: a name server that does not answer keeps nobody else waiting."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(FETCHES_AT_ONCE_MAX, thread_name_prefix="resolving")
        return await asyncio.get_running_loop().run_in_executor(self._threads, _resolved, host, port)


def _resolved(host: str, port: int) -> Sequence[Address]:
    """All addresses of a name, in the system's order; none where it is not known."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    found = [literal(str(answer[4][0])) for answer in answers]
    return list(dict.fromkeys(address for address in found if address is not None))
