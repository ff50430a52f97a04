"""Which addresses are public, and which links may be followed at all."""

from __future__ import annotations

import ipaddress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import Refused
from darkroom.intake.addresses import is_public, target_of

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.1", "100.63.0.1", "100.128.0.1",
          "198.17.255.255", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1"]  # fmt: skip
NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.0",
    "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.0", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
    "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:4700::1111%eth0", "fec0::1",
    "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_the_open_internet_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_all_else_is_not(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@given(st.ip_addresses())
def test_nothing_is_public_that_python_calls_private(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if address.is_private or address.is_loopback or address.is_multicast or address.is_link_local:
        assert not is_public(address) or address in ipaddress.ip_network("2001:1::/32")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://pictures.example/fox.png", "pictures.example", 80),
        ("https://pictures.example/fox.png?a=b#c", "pictures.example", 443),
        ("HTTPS://Pictures.EXAMPLE/", "pictures.example", 443),
        ("http://pictures.example.:8080/", "pictures.example", 8080),
        ("https://bücher.example/", "xn--bcher-kva.example", 443),
        ("http://1.1.1.1/", "1.1.1.1", 80),
        ("https://[2606:4700::1111]:8443/", "2606:4700::1111", 8443),
        ("http://3com.example/", "3com.example", 80),
        ("http://a_b.pictures.example/", "a_b.pictures.example", 80),
    ],
)
def test_a_good_link_is_understood(url: str, host: str, port: int) -> None:
    target = target_of(url)
    assert (target.host, target.port) == (host, port)
    assert target.url.fragment == ""


def test_any_port_only_where_it_is_asked_for() -> None:
    with pytest.raises(Refused, match="80, 443, 8080, 8443"):
        target_of("http://pictures.example:9000/")
    assert target_of("http://pictures.example:9000/", ports=None).port == 9000


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://a@", "http://[", "//"]))
def test_whatever_it_is_it_is_a_link_or_refused(text: str, start: str) -> None:
    try:
        target = target_of(start + text)
    except Refused:
        return
    assert target.url.scheme in ("http", "https") and not target.url.userinfo
    again = httpx.URL(str(target.url)).raw_host.decode().lower()
    assert again.strip("[]").removesuffix(".") == target.host
