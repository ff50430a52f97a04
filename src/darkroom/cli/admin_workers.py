"""`darkroom admin workers ...` and `worker-token ...`: who draws, and what lets them in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from darkroom.cli.account import tell_secret
from darkroom.cli.address import open_client
from darkroom.cli.ids import matching
from darkroom.cli.jobs import json_option
from darkroom.cli.tables import moment, print_table, short
from darkroom.core.errors import NotFound, Refused

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

WORKERS = "/api/v1/admin/workers"
TOKENS = "/api/v1/admin/worker-tokens"


@click.group("workers")
def workers_group() -> None:
    """The workers. WORKER is an id, one end of it, or a name that only one of them has."""


@click.group("worker-token")
def tokens_group() -> None:
    """The tokens that let workers in: `darkroom worker --url ... --token ...`."""


def add_worker_commands(group: click.Group) -> None:
    """Adds them to `darkroom admin`."""
    group.add_command(workers_group)
    group.add_command(tokens_group)


@workers_group.command("list")
@json_option
def list_workers_command(as_json: bool) -> None:
    """List every worker that ever registered."""
    with open_client() as client:
        found = client.get(WORKERS)
    if as_json:
        click.echo(json.dumps(found))
        return
    columns = ("ID", "NAME", "STATE", "DEVICE", "SLOTS", "SEEN", "MODELS", "REASON")
    print_table(columns, map(_row, found["workers"]), none="no workers")


@workers_group.command("drain")
@click.argument("worker")
@json_option
def drain_command(worker: str, as_json: bool) -> None:
    """Let a worker finish what it has, and give it nothing new."""
    _order(worker, "drain", as_json)


@workers_group.command("quarantine")
@click.argument("worker")
@json_option
def quarantine_command(worker: str, as_json: bool) -> None:
    """Give a worker nothing until it is readmitted, not even when it registers anew."""
    _order(worker, "quarantine", as_json)


@workers_group.command("readmit")
@click.argument("worker")
@json_option
def readmit_command(worker: str, as_json: bool) -> None:
    """Give a worker jobs again. One of the server's own machine is started anew; it is `gone` until it registers."""
    _order(worker, "readmit", as_json)


@tokens_group.command("create")
@click.argument("name")
@json_option
def create_token_command(name: str, as_json: bool) -> None:
    """Make a token called NAME and print it, once."""
    with open_client() as client:
        made = client.post(TOKENS, {"name": name})
    tell_secret(made, "token", as_json)


@tokens_group.command("list")
@json_option
def list_tokens_command(as_json: bool) -> None:
    """List the tokens, revoked ones too."""
    with open_client() as client:
        found = client.get(TOKENS)
    if as_json:
        click.echo(json.dumps(found))
        return
    rows = [
        (
            short(each["id"]),
            moment(each["created_at"]),
            "revoked" if each["revoked_at"] else "good",
            each["name"],
        )
        for each in found["worker_tokens"]
    ]
    print_table(("ID", "CREATED", "STATE", "NAME"), rows, none="no tokens")


@tokens_group.command("revoke")
@click.argument("token_id", metavar="ID")
@json_option
def revoke_token_command(token_id: str, as_json: bool) -> None:
    """Revoke a token: workers that use it are locked out."""
    with open_client() as client:
        known = (each["id"] for each in client.get(TOKENS)["worker_tokens"])
        token = client.delete(f"{TOKENS}/{matching(token_id, known, what='token')}")
    click.echo(json.dumps(token) if as_json else f"{token['id']} is revoked")


def _order(text: str, order: str, as_json: bool) -> None:
    with open_client() as client:
        worker = client.post(f"{WORKERS}/{quote(_find_worker(client, text), safe='')}/{order}")
    if as_json:
        click.echo(json.dumps(worker))
    else:
        print_table(("ID", "NAME", "STATE"), [(worker["id"], worker["name"], worker["state"])], none="")


def _find_worker(client: Client, text: str) -> str:
    """Its id, whatever a person called it by. NotFound, Refused (several)."""
    workers = client.get(WORKERS)["workers"]
    named = [each["id"] for each in workers if text in (each["id"], each["name"])]
    if len(named) > 1:
        raise Refused(
            f"{len(named)} workers are called {text[:100]!r}.",
            code="ambiguous_id",
            hint=f"Name one by id: {', '.join(named)}",
        )
    if named:
        return str(named[0])
    whole = matching(text, (each["id"] for each in workers), what="worker")
    if whole not in {each["id"] for each in workers}:
        raise NotFound("There is no such worker.")
    return whole


def _row(worker: Object) -> tuple[object, ...]:
    return (
        short(worker["id"]),
        worker["name"],
        worker["state"],
        worker["device"],
        worker["slots"],
        moment(worker["seen_at"]),
        worker["models"],
        worker["reason"],
    )
