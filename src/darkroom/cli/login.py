"""`darkroom login LINK`: a login link becomes a key in the config file. Its session ends with the command; no secret is printed."""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import click

from darkroom.bootstrap import settings_of_process
from darkroom.bootstrap.folder import PRIVATE_FOLDER, write_private
from darkroom.cli.account import KEYS
from darkroom.cli.address import read_config
from darkroom.cli.jobs import json_option
from darkroom.cli.plain import plain
from darkroom.core.accounts import Role, Scope
from darkroom.core.errors import Conflict, DarkroomError, OutputError

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object
    from darkroom.settings import Settings

PAGE = "/login"
NAME_MAX_CHARACTERS = 100  # of a key


@click.command("login")
@click.argument("link")
@click.option("--name", default="", help="What to call the key (default: command line of this machine).")
@click.option("--replace", is_flag=True, help="Replace a config file that names another server.")
@json_option
def login_command(link: str, name: str, replace: bool, as_json: bool) -> None:
    """Log this command line in by LINK, which an operator makes, in quotes: it makes a key and keeps it in the config file."""
    settings = settings_of_process()
    url, token = read_link(link)
    path = settings.config.resolve()
    check_config(path, url, replace=replace)
    who, key = _new_key(url, token, name or f"command line of {platform.node() or 'a machine'}", path)
    if as_json:
        told = {"name": who["name"], "role": who["role"], "url": url, "config": str(path)}
        click.echo(json.dumps(told | {"key_id": key["id"], "scopes": key["scopes"]}))
    else:
        click.echo(f"You are {plain(who['name'])} ({who['role']}) at {url}")
        click.echo(f"Your key ({', '.join(key['scopes'])}) lies in {plain(str(path))}")
    _tell_what_comes_first(settings, url)


def read_link(text: str) -> tuple[str, str]:
    """The server and the token of a login link. BadParameter where it is none."""
    text = text.strip()
    with suppress(ValueError):
        parts = urlsplit(text)
        tokens = parse_qs(parts.query).get("token", [])
        sound = text.isascii() and text.isprintable() and "@" not in parts.netloc and parts.port != 0
        known = parts.scheme in ("http", "https") and parts.hostname and parts.path.endswith(PAGE)
        if sound and known and len(tokens) == 1:
            return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.removesuffix(PAGE)}", tokens[0]
    raise click.BadParameter(
        'this is no login link. One looks like "https://darkroom.example/login?token=dl_...", and goes in quotes; '
        "an operator makes it with `darkroom admin users login-link`",
        param_hint="LINK",
    )


def check_config(path: Path, url: str, *, replace: bool) -> None:
    """Shows that the key can be kept, before the link is spent. Conflict where the file is for another server; OutputError."""
    kept = {} if replace else read_config(path)
    if kept and kept.get("url") != url:
        raise Conflict(
            f"The config file {path} is for {kept.get('url', 'another server')}.",
            code="config_exists",
            hint="Add --replace to have it replaced, or set DARKROOM_CONFIG to another file. The link is still good.",
        )
    try:
        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
    except OSError as fault:
        raise OutputError(
            f"the config file {path} cannot be written: {fault.strerror}. Set DARKROOM_CONFIG to another one."
        ) from fault


def _new_key(url: str, token: str, name: str, path: Path) -> tuple[Object, Object]:
    """Who logs in, and the new key, which is kept at `path`. The session is over then, whatever happened."""
    from darkroom.cli.client import Client, NoServer

    with Client(url, "", as_page=True) as client:
        try:
            who = client.post("/api/v1/login", {"token": token})
        except NoServer as fault:
            raise NoServer(
                f"no Darkroom server answers at {url}. Is the link whole, and can this machine reach that server?"
            ) from fault
        try:
            key = client.post(KEYS, {"name": name[:NAME_MAX_CHARACTERS], "scopes": _scopes(who)})
            write_private(path, f"url = {json.dumps(url)}\nkey = {json.dumps(key['secret'])}\n")
        finally:
            _log_out(client)
    return who, key


def _log_out(client: Client) -> None:
    """A session that could not be ended is no reason to fail: nobody has its cookie."""
    with suppress(DarkroomError):
        client.post("/api/v1/logout")


def _scopes(who: Mapping[str, Any]) -> list[str]:
    """As much as the role allows: what a person may do in the studio, they may do here."""
    operator = who["role"] in (Role.OWNER, Role.ADMIN)
    return [Scope.READ, Scope.WRITE, *([Scope.ADMIN] if operator else [])]


def _tell_what_comes_first(settings: Settings, url: str) -> None:
    """The environment comes before the config file: a person whose key is not used must know why."""
    if settings.url and settings.url.rstrip("/") != url:
        click.echo(
            f"note: DARKROOM_URL names {plain(settings.url)} and comes before the config file", err=True
        )
    if settings.key:
        click.echo("note: DARKROOM_KEY is set and comes before the key in the config file", err=True)
