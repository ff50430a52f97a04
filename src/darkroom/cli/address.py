"""Which server the command line talks to, and with which key. Asks nobody; a key never goes to a server it is not for."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from darkroom.bootstrap import settings_of_process
from darkroom.bootstrap.folder import owner_key, running
from darkroom.core.errors import DarkroomError, Unavailable

if TYPE_CHECKING:
    from darkroom.cli.client import Client
    from darkroom.settings import Settings

CONFIG_MAX_BYTES = 65_536
KNOWN = ("url", "key")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class NotRunning(Unavailable):
    """No server runs on this machine."""

    code = "no_server"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a server is, and what lets us in; `key` is "" where none is known."""

    url: str
    key: str = field(repr=False)


def find_server(settings: Settings) -> Address | None:
    """The server of DARKROOM_URL, else of the config file, else the one that runs over the data folder; None where there is none.

    A key of the config file is used for the server of the config file (or, where it names none, for any); the owner's key of
    this machine for a server on this machine. DarkroomError where the config file cannot be understood.
    """
    config = read_config(settings.config)
    here = running(settings.data)
    url = settings.url or config.get("url", "") or (here.url if here else "")
    if not url:
        return None
    configured = config.get("key", "") if config.get("url", url) == url else ""
    own = owner_key(settings.data) if _is_near(url) or (here is not None and here.url == url) else ""
    return Address(url=url, key=settings.key or configured or own)


def open_client(settings: Settings | None = None) -> Client:
    """A client of the server that there is. NotRunning says how to start one."""
    settings = settings or settings_of_process()
    found = find_server(settings)
    if found is None:
        raise NotRunning(
            f"no server runs over {settings.data}. Start one with `darkroom serve`, or set DARKROOM_URL to where one runs."
        )
    from darkroom.cli.client import Client

    return Client(found.url, found.key)


def read_config(path: Path) -> dict[str, str]:
    """`url` and `key` of a config file; empty where there is no file. DarkroomError says what is wrong with one."""
    try:
        text = path.read_bytes()[:CONFIG_MAX_BYTES].decode("utf-8")
        found = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise DarkroomError(f"the config file {path} cannot be read: {fault.strerror}") from fault
    except ValueError as fault:
        raise DarkroomError(f"the config file {path} is no TOML: {fault}") from fault
    for name, value in found.items():
        if name not in KNOWN or not isinstance(value, str):
            raise DarkroomError(f"the config file {path} may hold the texts `url` and `key`, not {name!r}")
    url = found.get("url", "").rstrip("/")
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise DarkroomError(f"`url` in the config file {path} must begin with http:// or https://")
    return {name: value for name, value in {**found, "url": url}.items() if value}


def _is_near(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False
