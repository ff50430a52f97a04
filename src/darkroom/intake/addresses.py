"""Which addresses on the network anybody may be sent to, and which links name one. Plain decisions: resolves and connects nothing.

Sources: the IANA special-purpose registries (RFC 6890, RFC 8190); WHATWG URL, host parsing, for numbers posing as names.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx

from darkroom.core.errors import Refused

URL_MAX_CHARACTERS = 2048
HOST_MAX_CHARACTERS = 253
SCHEMES = {"http": 80, "https": 443}
PORTS = frozenset(
    {80, 443, 8080, 8443}
)  # where pictures are served; anything else is somebody looking for doors

Address = IPv4Address | IPv6Address

NOT_PUBLIC_V4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and a cloud's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's agent, at an address that looks public
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments, and a cloud's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
GLOBAL_V6 = IPv6Network(
    "2000::/3"
)  # all else, such as ::1, ::ffff:0:0/96, 64:ff9b::/96, fc00::/7, fe80::/10, is refused
NOT_PUBLIC_V6 = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
PRIVATE_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa", "onion", "test")
"""Last labels of names that mean something only where they are asked for."""

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a link leads. `host` is ASCII, lower case, without brackets; `url` is what was parsed, once and for all."""

    url: httpx.URL
    host: str
    port: int


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet's, which nobody needs to be inside for."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    return (
        address.scope_id is None
        and address in GLOBAL_V6
        and not any(address in network for network in NOT_PUBLIC_V6)
    )


def target_of(url: str | httpx.URL, *, ports: Collection[int] | None = PORTS) -> Target:
    """Where a link leads. Refused (`link_refused`) where it is no link that may be followed, before anything is resolved.

    `ports` None allows all.
    """
    text = str(url)
    if len(text) > URL_MAX_CHARACTERS or _CONTROL.search(text):
        raise refused_link(
            f"A link has at most {URL_MAX_CHARACTERS:,} characters, no spaces and no backslashes."
        )
    try:
        parsed = httpx.URL(text)
        host, port = parsed.raw_host.decode("ascii").lower(), parsed.port
    except (httpx.InvalidURL, UnicodeError, ValueError) as fault:
        raise refused_link("This is no link that can be read.") from fault
    if parsed.scheme not in SCHEMES:
        raise refused_link("Only http and https links are fetched.")
    if parsed.userinfo or "@" in parsed.netloc.decode("ascii", "replace"):
        raise refused_link("A link must not hold a user name or password.")
    port = SCHEMES[parsed.scheme] if port is None else port
    if ports is not None and port not in ports:
        raise refused_link(f"Links are fetched from the ports {', '.join(map(str, sorted(PORTS)))} only.")
    return Target(url=parsed.copy_with(fragment=None), host=_host(host), port=port)


def literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def refused_link(message: str) -> Refused:
    """A link that is not followed."""
    return Refused(
        message,
        code="link_refused",
        hint="Use a link to a picture on the public internet, or send the file.",
        field="url",
    )


def _host(host: str) -> str:
    """A host that may be resolved: an address as it is written, or a public name of several labels."""
    bare = host.removeprefix("[").removesuffix("]").removesuffix(".")
    if literal(bare) is not None:
        return bare
    labels = bare.split(".")
    if len(bare) > HOST_MAX_CHARACTERS or not all(_LABEL.fullmatch(label) for label in labels):
        raise refused_link("This link names no host that can be read.")
    if _NUMBER.fullmatch(labels[-1]):  # 2130706433, 0x7f.1, 0177.0.0.1: addresses in a form that hides them
        raise refused_link("An address in a link must be written as four decimal numbers, or in brackets.")
    if len(labels) == 1 or labels[-1] in PRIVATE_NAMES:
        raise refused_link("This link names a host that is not on the public internet.")
    return bare
