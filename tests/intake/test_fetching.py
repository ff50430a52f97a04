"""Links of strangers, against a server on this machine that does what a hostile one would.

Names are resolved by the test, and loopback is allowed here and nowhere else.
"""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.intake import hostile_files as files

from darkroom.core.errors import Overloaded, Refused
from darkroom.intake import fetching
from darkroom.intake.addresses import Address, is_public
from darkroom.intake.fetching import FETCHES_AT_ONCE_MAX, REDIRECTS_MAX, Fetcher

HERE = ipaddress.ip_address("127.0.0.1")
ELSEWHERE = ipaddress.ip_address("93.184.216.34")
PRIVATE = ipaddress.ip_address("10.0.0.7")
CERTIFICATE = Path(__file__).with_name("pictures.example.pem")
OK = b"HTTP/1.1 200 OK\r\n"
FOX = b"\x89PNG a fox"
MAX_BYTES = 100_000
NOBODY = ssl.SSLContext(
    ssl.PROTOCOL_TLS_CLIENT
)  # trusts no certificate; reading those of the world takes a while

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]] | bytes


class Site:
    """Answers each request with the next of its answers, the last for ever; remembers what was asked."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.port = 0
        self.wanted = asyncio.Semaphore(0)  # one for each request that has come

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            self.wanted.release()
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, bytes):
                writer.write(answer.replace(b"PORT", str(self.port).encode()))
            else:
                await answer(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # who asked has gone
        finally:
            writer.close()

    def url(self, host: str = "pictures.example", path: str = "/fox.png", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def site(*answers: Answer, tls: bool = False) -> AsyncIterator[Site]:
    served = Site(answers)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if tls else None
    if context:
        context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()


class Names:
    """A name server: each name's answers in turn, the last for ever."""

    def __init__(self, **answers: list[list[Address]]) -> None:
        self.answers = {"pictures.example": [[HERE]], **{k.replace("_", "."): v for k, v in answers.items()}}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        answers = self.answers.get(host, [[]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def fetcher(
    names: Names | None = None, *, total_max_s: float = 30, silence_max_s: float = 30, trusted: ssl.SSLContext | None = None
) -> Fetcher:  # fmt: skip
    """One that may reach this machine, at any port."""
    return Fetcher(
        resolve=names or Names(),
        allowed=lambda address: address == HERE or is_public(address),
        ports=None,
        trusted=trusted or NOBODY,
        max_bytes=MAX_BYTES,
        total_max_s=total_max_s,
        silence_max_s=silence_max_s,
    )


async def refusal(fetching: Fetcher, url: str) -> Refused:
    with pytest.raises(Refused) as caught:
        await fetching.fetch(url)
    assert caught.value.field == "url" and caught.value.hint
    return caught.value


def sized(body: bytes, *, length: int | None = None, more: bytes = b"") -> bytes:
    return OK + b"Content-Length: %d\r\n%s\r\n%s" % (len(body) if length is None else length, more, body)


def onward(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} On\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_a_picture_is_fetched_without_a_word_too_much() -> None:
    async with site(sized(FOX)) as there:
        assert await fetcher().fetch(there.url(path="/fox.png?a=b#here")) == FOX
    asked = there.asked[0].decode().lower()
    assert asked.startswith("get /fox.png?a=b http/1.1\r\n")
    assert f"host: pictures.example:{there.port}\r\n" in asked
    assert "accept-encoding: identity\r\n" in asked
    assert "cookie" not in asked and "authorization" not in asked


async def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(sized(b"a proxy's")) as proxy, site(sized(FOX)) as there:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await fetcher().fetch(there.url()) == FOX
    assert proxy.asked == []


@pytest.mark.parametrize("name", files.BAD_LINKS)
async def test_a_bad_link_is_refused_and_nobody_is_asked(name: str) -> None:
    url, code = files.BAD_LINKS[name]
    names = Names()
    assert (await refusal(Fetcher(resolve=names, trusted=NOBODY), url)).code == code
    assert names.asked == ([] if code == "link_refused" else ["nobody.invalid"])


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:169.254.169.254", "fd00:ec2::254", "fe80::1%eth0"],
)  # fmt: skip
@pytest.mark.parametrize("beside_a_good_one", [False, True])
async def test_a_name_that_leads_inside_is_refused(address: str, beside_a_good_one: bool) -> None:
    found = (
        [ELSEWHERE, ipaddress.ip_address(address)] if beside_a_good_one else [ipaddress.ip_address(address)]
    )
    fault = await refusal(
        Fetcher(resolve=Names(inside_example=[found]), trusted=NOBODY), "http://inside.example/"
    )
    assert fault.code == "link_refused"
    assert address not in fault.message


async def test_a_name_is_resolved_once_so_a_second_answer_is_never_used() -> None:
    names = Names(rebinding_example=[[HERE], [PRIVATE]])
    async with site(sized(FOX)) as there:
        assert await fetcher(names).fetch(there.url("rebinding.example")) == FOX
        assert names.asked == ["rebinding.example"]
        assert (await refusal(fetcher(names), there.url("rebinding.example"))).code == "link_refused"


async def test_a_redirect_is_followed() -> None:
    async with site(onward("/other"), onward("http://pictures.example:PORT/third", 308), sized(FOX)) as there:
        assert await fetcher().fetch(there.url()) == FOX
    assert [each.split()[1] for each in there.asked] == [b"/fox.png", b"/other", b"/third"]


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://2130706433/", "http://[::1]/",
        "http://[::ffff:10.0.0.1]/", "http://localhost/", "//192.168.0.1/", "file:///etc/passwd",
        "gopher://127.0.0.1:6379/", "http://user:secret@pictures.example/", "http://inside.example/", "http://[::1",
        "javascript:alert(1)", "http://rebinding.example:PORT/", "\x00", "http://" + "a" * 3000 + ".example/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [301, 307])
async def test_a_redirect_inside_is_refused(location: str, status: int) -> None:
    names = Names(inside_example=[[PRIVATE]], rebinding_example=[[PRIVATE]])
    async with site(onward(location, status), sized(FOX)) as there:
        fault = await refusal(fetcher(names), there.url())
    assert fault.code in ("link_refused", "link_failed")
    assert fault.code == "link_refused" or location == "\x00"
    assert len(there.asked) == 1


async def test_a_redirect_is_resolved_and_checked_anew() -> None:
    """The same name, which has another address by then."""
    names = Names(rebinding_example=[[HERE], [PRIVATE]])
    async with site(onward("/again"), sized(FOX)) as there:
        assert (await refusal(fetcher(names), there.url("rebinding.example"))).code == "link_refused"
    assert len(there.asked) == 1


async def test_redirects_end() -> None:
    async with site(onward("/again")) as there:
        assert (await refusal(fetcher(), there.url())).code == "link_failed"
    assert len(there.asked) == REDIRECTS_MAX + 1


async def test_cookies_are_forgotten() -> None:
    first = onward("/again").replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n")
    async with site(first, sized(FOX)) as there:
        assert await fetcher().fetch(there.url()) == FOX
    assert b"cookie" not in there.asked[1].lower()


BAD_ANSWERS: dict[str, tuple[bytes, str]] = {
    "not there": (b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n", "link_failed"),
    "an error": (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "link_failed"),
    "a part of it": (b"HTTP/1.1 206 Part\r\nContent-Length: 1\r\n\r\nx", "link_failed"),
    "a redirect to nowhere": (b"HTTP/1.1 302 On\r\nContent-Length: 0\r\n\r\n", "link_failed"),
    "no HTTP": (b"+PONG\r\n", "link_failed"),
    "nothing": (b"", "link_failed"),
    "a head without end": (OK + b"X: " + b"a" * 500_000, "link_failed"),
    "too large, as it says": (sized(FOX, length=MAX_BYTES + 1), "too_large"),
    "too large by far": (OK + b"Content-Length: " + b"9" * 19 + b"\r\n\r\n", "too_large"),
    "a length of 500 digits": (OK + b"Content-Length: " + b"9" * 500 + b"\r\n\r\n", "link_failed"),
    "a length below nothing": (OK + b"Content-Length: -5\r\n\r\nxxxxx", "link_failed"),
    "two lengths": (OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nxxx", "link_failed"),
    "less than it says": (sized(FOX, length=MAX_BYTES - 1), "link_failed"),
    "too large without a length": (OK + b"\r\n" + bytes(MAX_BYTES + 1), "too_large"),
    "chunks without end": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + bytes(4096) + b"\r\n") * 30,
        "too_large",
    ),
    "broken chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "link_failed"),
    "a gzip bomb": (sized(gzip.compress(files.HUGE), more=b"Content-Encoding: gzip\r\n"), "link_failed"),
    "a brotli body": (sized(b"x", more=b"Content-Encoding: br\r\n"), "link_failed"),
    "gzip twice": (sized(b"x", more=b"Content-Encoding: gzip, gzip\r\n"), "link_failed"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_bad_answer_is_refused(name: str) -> None:
    answer, code = BAD_ANSWERS[name]
    async with site(answer) as there:
        assert (await refusal(fetcher(), there.url())).code == code


async def test_a_body_of_just_the_limit_is_fetched_with_no_length_given() -> None:
    async with site(OK + b"\r\n" + bytes(MAX_BYTES)) as there:
        assert len(await fetcher().fetch(there.url())) == MAX_BYTES


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    sent = 0

    async def pour(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(OK + b"\r\n")
        while sent < 10_000 * MAX_BYTES:
            writer.write(bytes(10_000))
            sent += 10_000
            await writer.drain()

    async with site(pour) as there:
        assert (await refusal(fetcher(), there.url())).code == "too_large"
    assert sent < 1_000 * MAX_BYTES


async def crumbs(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\na\r\n" * 1_000)
        await writer.drain()


async def test_a_body_of_crumbs_is_not_gathered() -> None:
    async with site(crumbs) as there:
        error = await refusal(fetcher(), there.url())
    assert error.code == "link_failed" and "crumbs" in error.message


async def test_a_body_in_small_pieces_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PIECES_MAX", 10)
    body = b"300".join(b"%4d" % number for number in range(14_000))
    chunks = b"".join(b"12c\r\n%s\r\n" % body[at : at + 300] for at in range(0, 90_000, 300))
    async with site(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n") as there:
        assert await fetcher().fetch(there.url()) == body[:90_000]


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Content-Length: 50000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("answer", [silent, dripping])
async def test_slow_answers_end(answer: Answer) -> None:
    async with site(answer) as there:
        assert (await refusal(fetcher(total_max_s=0.1), there.url())).code == "link_failed"


async def test_silence_ends() -> None:
    async with site(silent) as there:
        assert (await refusal(fetcher(silence_max_s=0.1), there.url())).code == "link_failed"


async def test_a_name_server_that_does_not_answer_keeps_nobody() -> None:
    async def never(host: str, port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        return []

    fault = await refusal(Fetcher(resolve=never, total_max_s=0.1, trusted=NOBODY), "http://slow.example/")
    assert fault.code == "link_failed"


async def test_nobody_listening_is_a_failed_link() -> None:
    async with site(sized(FOX)) as there:
        url = there.url()
    assert (await refusal(fetcher(), url)).code == "link_failed"


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    other = ipaddress.ip_address("127.0.0.2")
    async with site(sized(FOX)) as there:
        names = Names(two_example=[[other, HERE]])
        found = Fetcher(resolve=names, allowed=lambda each: True, ports=None, trusted=NOBODY)
        assert await found.fetch(there.url("two.example")) == FOX


async def test_a_name_with_more_addresses_than_any_site_is_refused() -> None:
    many = [ELSEWHERE + i for i in range(100)]
    fetching = Fetcher(resolve=Names(many_example=[many]), trusted=NOBODY)
    assert (await refusal(fetching, "http://many.example/")).code == "link_refused"


async def test_only_so_many_are_fetched_at_once() -> None:
    async with site(silent) as there:
        fetching = fetcher()
        under_way = [asyncio.create_task(fetching.fetch(there.url())) for _ in range(FETCHES_AT_ONCE_MAX)]
        for _ in range(FETCHES_AT_ONCE_MAX):
            await there.wanted.acquire()
        with pytest.raises(Overloaded):
            await fetching.fetch(there.url())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        there.answers = [sized(FOX)]
        assert await fetching.fetch(there.url()) == FOX


async def test_a_certificate_must_name_the_host_and_be_trusted() -> None:
    trusted = ssl.create_default_context(cafile=CERTIFICATE)
    names = Names(other_example=[[HERE]])
    async with site(sized(FOX), tls=True) as there:
        assert await fetcher(trusted=trusted).fetch(there.url(scheme="https")) == FOX
        for doubted, url in (
            (fetcher(names, trusted=trusted), there.url("other.example", scheme="https")),
            (fetcher(trusted=trusted), there.url("127.0.0.1", scheme="https")),
            (fetcher(), there.url(scheme="https")),
        ):
            assert (await refusal(doubted, url)).code == "link_failed"
    assert len(there.asked) == 1


async def test_the_systems_resolver_gives_addresses_or_none() -> None:
    fault = await refusal(Fetcher(), "http://nobody.invalid/")
    assert fault.code == "link_failed"
    assert (await refusal(Fetcher(ports=None), "http://127.0.0.1:1/")).code == "link_refused"
