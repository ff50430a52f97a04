"""`darkroom login`: a login link becomes a key in a private config file, and nothing else is left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from tests.cli.service import Running, Service

from darkroom.cli import login
from darkroom.cli.client import Client
from darkroom.cli.login import read_link
from darkroom.cli.main import run
from darkroom.core.accounts import Role

NOWHERE = "http://127.0.0.1:1/login?token=dl_x"


@pytest.fixture
def config(nobody_else: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the config file will be; its folder is not there yet."""
    path = nobody_else / "new" / "config.toml"
    monkeypatch.setenv("DARKROOM_CONFIG", str(path))
    return path


@pytest.fixture
def alone(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that this command line knows nothing of."""
    for name in ("DARKROOM_URL", "DARKROOM_KEY"):
        monkeypatch.delenv(name)
    return service


def new_link(service: Service, running: Running, *, role: Role = Role.MEMBER) -> str:
    """A login link of a new account, made by the owner."""
    person = running.do(service.person("ann", role=role))
    with Client(service.url, service.owner.secret) as client:
        made = client.post(f"/api/v1/admin/users/{person.account.id}/login-link")
    return str(made["url"])


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_link_becomes_a_key(
    alone: Service, running: Running, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["login", new_link(alone, running)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"You are ann (member) at {alone.url}",
        f"Your key (read, write) lies in {config}",
    ]
    assert printed.err == ""
    assert (config.stat().st_mode & 0o777, config.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]
    assert told(capsys, "account")["name"] == "ann"
    keys = told(capsys, "account", "keys", "list")["keys"]
    [name] = [key["name"] for key in keys if key["prefix"] in config.read_text()]
    assert name.startswith("command line of ")


def test_an_operator_gets_an_operators_key(
    alone: Service, running: Running, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, "login", new_link(alone, running, role=Role.ADMIN), "--name", "n" * 150)
    assert set(found) == {"name", "role", "url", "config", "key_id", "scopes"}
    assert (found["role"], found["scopes"]) == ("admin", ["admin", "read", "write"])
    assert told(capsys, "admin", "plans")["plans"]
    keys = {key["id"]: key["name"] for key in told(capsys, "account", "keys", "list")["keys"]}
    assert keys[found["key_id"]] == "n" * 100


def test_the_session_is_over(
    alone: Service, running: Running, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookies: list[httpx.Cookies] = []

    def log_out(client: Client) -> None:
        cookies.append(httpx.Cookies(client._api.cookies))
        leave(client)

    leave = login._log_out
    monkeypatch.setattr(login, "_log_out", log_out)
    assert run(["login", new_link(alone, running)]) == 0
    assert list(cookies[0]) == ["darkroom_session"]
    with httpx.Client(cookies=cookies[0]) as browser:
        assert browser.get(f"{alone.url}/api/v1/account").status_code == 401


def test_a_link_is_good_once(
    alone: Service, running: Running, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = new_link(alone, running)
    assert run(["login", link]) == 0
    kept = config.read_text()
    capsys.readouterr()
    assert run(["login", link]) == 1
    printed = capsys.readouterr().err
    assert "used or expired" in printed and "Ask an operator" in printed and "DARKROOM_KEY" not in printed
    assert config.read_text() == kept


def test_a_config_file_of_another_server_is_kept(
    alone: Service, running: Running, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the link is not spent by trying."""
    config.parent.mkdir()
    config.write_text('url = "https://other.test"\nkey = "dk_other"\n')
    link = new_link(alone, running)
    error = told(capsys, "login", link, code=1)["error"]
    assert error["code"] == "config_exists" and "https://other.test" in error["message"]
    assert "--replace" in error["hint"] and "dk_other" in config.read_text()
    assert told(capsys, "login", link, "--replace")["name"] == "ann"
    assert "dk_other" not in config.read_text() and config.stat().st_mode & 0o777 == 0o600


def test_logging_in_again_needs_no_leave(
    alone: Service, running: Running, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.parent.mkdir()
    config.write_text(f'url = "{alone.url}/"\nkey = "dk_old"\n')
    told(capsys, "login", new_link(alone, running))
    assert "dk_old" not in config.read_text()


def test_a_link_of_the_config_file_is_followed(
    alone: Service, running: Running, config: Path, nobody_else: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """People keep such files elsewhere and link to them."""
    config.parent.mkdir()
    config.symlink_to(nobody_else / "elsewhere.toml")
    told(capsys, "login", new_link(alone, running))
    assert config.is_symlink() and "dk_" in (nobody_else / "elsewhere.toml").read_text()


@pytest.mark.parametrize("replace", [[], ["--replace"]])
def test_a_config_file_that_cannot_be_written_costs_no_link(
    alone: Service, running: Running, config: Path, replace: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    config.mkdir(parents=True)
    link = new_link(alone, running)
    assert run(["login", link, *replace]) == 1
    assert str(config) in capsys.readouterr().err
    config.rmdir()
    assert told(capsys, "login", link)["name"] == "ann"


def test_what_comes_before_the_config_file_is_told(
    alone: Service,
    running: Running,
    config: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DARKROOM_URL", "https://other.test")
    monkeypatch.setenv("DARKROOM_KEY", "dk_other")
    assert run(["login", new_link(alone, running)]) == 0
    notes = capsys.readouterr().err
    assert "DARKROOM_URL names https://other.test" in notes and "DARKROOM_KEY is set" in notes


def test_no_server(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = told(capsys, "login", NOWHERE, code=1)["error"]
    assert error["code"] == "no_server" and "http://127.0.0.1:1." in error["message"]
    assert not config.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dl_x",
        "host:8642/login?token=dl_x",
        "ftp://host/login?token=dl_x",
        "http://host/?token=dl_x",
        "http://host/login",
        "http://host/login?token=",
        "http://host/login?token=a&token=b",
        "http://host:99999/login?token=dl_x",
        "http://[host/login?token=dl_x",
        "http://me:secret@host/login?token=dl_x",
        "http://ho\u202est/login?token=dl_x",
    ],
)
def test_what_is_no_link(text: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.BadParameter, match="no login link"):
        read_link(text)
    assert run(["login", text]) == 2
    assert "login-link" in capsys.readouterr().err


def test_links() -> None:
    assert read_link(" http://Host:8642/login?token=dl_x\n") == ("http://host:8642", "dl_x")
    assert read_link("https://host.test/below/login?token=dl_x") == ("https://host.test/below", "dl_x")
    assert read_link("http://[::1]:80/login?token=dl_x") == ("http://[::1]:80", "dl_x")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://host.test:80", "http://host.test"),
        ("https://host.test:8642/below", "https://host.test:8642"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_a_page_says_where_it_comes_from(url: str, origin: str) -> None:
    """As a browser would: without what goes without saying; and a client with a key says nothing of the kind."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(204)

    for as_page in (True, False):
        with Client(url, "", as_page=as_page, transport=httpx.MockTransport(answer)) as client:
            assert client.post("/api/v1/logout") == {}
    assert [request.headers.get("origin") for request in asked] == [origin, None]
