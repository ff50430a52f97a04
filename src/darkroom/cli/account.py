"""`darkroom account ...`: one's own plan, balance and keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from darkroom.cli.address import open_client
from darkroom.cli.ids import matching
from darkroom.cli.jobs import json_option, limit_option
from darkroom.cli.tables import gpu_time, moment, print_facts, print_table, short
from darkroom.core.accounts import EntryKind, Scope
from darkroom.core.params import Lane, Visibility

ACCOUNT = "/api/v1/account"
KEYS = f"{ACCOUNT}/keys"
ENTRIES = {
    EntryKind.GRANT: ("grant", "+"),
    EntryKind.EXPIRE: ("expiry", "-"),
    EntryKind.HOLD: ("hold", "-"),
    EntryKind.RELEASE: ("release", "+"),
    EntryKind.SETTLE: ("charge", "-"),
}
"""What people call the kinds of a statement's entries, and what each does to what is available."""
ONCE = "This is the only time that it is shown."


@click.group("account", invoke_without_command=True)
@json_option
@click.pass_context
def account_group(context: click.Context, as_json: bool) -> None:
    """Your account: by itself its plan, its balance, and what it uses now."""
    if context.invoked_subcommand is None:
        with open_client() as client:
            account = client.get(ACCOUNT)
        tell_account(account, as_json)


@account_group.command("set")
@click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Of jobs that name none.")
@click.option(
    "--visibility", type=click.Choice([each.value for each in Visibility]), help="Of jobs that name none."
)
@json_option
def set_command(lane: str | None, visibility: str | None, as_json: bool) -> None:
    """Change the lane and the visibility that your jobs have unless they say otherwise."""
    wanted = {name: value for name, value in (("lane", lane), ("visibility", visibility)) if value}
    if not wanted:
        raise click.UsageError("say what to change: --lane or --visibility")
    with open_client() as client:
        account = client.patch(ACCOUNT, wanted)
    tell_account(account, as_json)


@account_group.command("statement")
@limit_option
@json_option
def statement_command(limit: int, as_json: bool) -> None:
    """List every grant, hold, release and charge, newest first."""
    with open_client() as client:
        entries = list(client.pages(f"{ACCOUNT}/statement", "entries", most=limit))
        balance = client.get(f"{ACCOUNT}/statement", limit=1)["balance"]
    if as_json:
        click.echo(json.dumps({"entries": entries, "balance": balance}))
        return
    rows = [
        (
            moment(each["at"]),
            *entry_cells(each),
            short(each["job_id"]),
            each["note"],
        )
        for each in entries
    ]
    print_table(("AT", "KIND", "TIME", "JOB", "NOTE"), rows, none="no entries")
    print_facts(balance_facts(balance))


@account_group.group("keys")
def keys_group() -> None:
    """The keys with which programs use your account."""


@keys_group.command("list")
@json_option
def list_keys_command(as_json: bool) -> None:
    """List your keys, oldest first, revoked ones too."""
    with open_client() as client:
        found = client.get(KEYS)
    if as_json:
        click.echo(json.dumps(found))
        return
    rows = [
        (
            short(key["id"]),
            key["prefix"] + "...",
            ",".join(key["scopes"]),
            "revoked" if key["revoked_at"] else "good",
            moment(key["last_used_at"]),
            key["name"],
        )
        for key in found["keys"]
    ]
    print_table(("ID", "KEY", "SCOPES", "STATE", "LAST USED", "NAME"), rows, none="no keys")


@keys_group.command("add")
@click.argument("name")
@click.option(
    "--scopes",
    default="read,write",
    show_default=True,
    help="What it may do, with commas: read, write, admin. No more than yours.",
)
@json_option
def add_key_command(name: str, scopes: str, as_json: bool) -> None:
    """Make a key called NAME and print it, once."""
    wanted = [each.strip() for each in scopes.split(",") if each.strip()]
    known = [scope.value for scope in Scope]
    if not wanted or set(wanted) - set(known):
        raise click.BadParameter(
            f"choose from {', '.join(known)}, with commas between them", param_hint="--scopes"
        )
    with open_client() as client:
        made = client.post(KEYS, {"name": name, "scopes": wanted})
    tell_secret(made, "secret", as_json)


@keys_group.command("revoke")
@click.argument("key_id", metavar="ID")
@json_option
def revoke_key_command(key_id: str, as_json: bool) -> None:
    """Revoke a key: the next request with it is refused."""
    with open_client() as client:
        whole = matching(key_id, (key["id"] for key in client.get(KEYS)["keys"]), what="key")
        key = client.delete(f"{KEYS}/{whole}")
    click.echo(json.dumps(key) if as_json else f"{key['id']} is revoked")


def entry_cells(entry: Mapping[str, Any]) -> tuple[str, str]:
    """The kind and the signed time of an entry; a kind that this version does not know is shown as it comes."""
    name, sign = ENTRIES.get(entry["kind"], (entry["kind"], ""))
    return name, sign + gpu_time(entry["amount_gpu_ms"])


def tell_secret(made: Mapping[str, Any], name: str, as_json: bool) -> None:
    """Something new with its secret: the secret alone on stdout, so that it can be piped."""
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(f"{made['id']}: {ONCE}", err=True)
    click.echo(made[name])


def tell_account(account: Mapping[str, Any], as_json: bool) -> None:
    """An account, anybody's."""
    if as_json:
        click.echo(json.dumps(account))
        return
    plan, usage = account["plan"], account["usage"]
    lanes = ["fast", *(lane for lane in ("turbo", "relax") if plan[lane])]
    print_facts(
        {
            "name": account["name"],
            "id": account["id"],
            "role": account["role"],
            "plan": f"{plan['title']}: {plan_words(plan)}",
            "lanes": f"{', '.join(lanes)}; {account['lane']} unless a job names one",
            "visibility": f"{account['visibility']} unless a job names one",
            "running": f"{usage['running']} of {usage['running_cap']}",
            "waiting": f"{usage['waiting']} of {usage['waiting_cap']}",
            "month ends": moment(usage["period_end"]),
            **({"blocked": account["blocked_reason"]} if account["blocked_reason"] else {}),
        }
    )
    print_facts(balance_facts(account["balance"]))


def plan_words(plan: Mapping[str, Any]) -> str:
    """What a plan gives, in a few words."""
    month = plan["fast_gpu_ms_month"]
    time = "without limit" if month is None else f"{gpu_time(month)} a month"
    waiting = max(plan["waiting"], plan["batch"])  # a whole batch may always wait
    return f"{time}, {plan['running']} at once, {waiting} waiting, batches of {plan['batch']}"


def balance_facts(balance: Mapping[str, Any]) -> dict[str, object]:
    """GPU time: what there is, and where the rest went."""
    available = "without limit" if balance["unlimited"] else gpu_time(balance["available_gpu_ms"])
    return {
        "available": available,
        "granted": gpu_time(balance["granted_gpu_ms"]),
        "used": gpu_time(balance["settled_gpu_ms"]),
        "held": gpu_time(balance["held_gpu_ms"]),
        "expired": gpu_time(balance["expired_gpu_ms"]),
    }


def account_row(account: Mapping[str, Any]) -> Sequence[object]:
    """An account as a line of a table."""
    balance, usage = account["balance"], account["usage"]
    available = "without limit" if balance["unlimited"] else gpu_time(balance["available_gpu_ms"])
    state = f"blocked: {account['blocked_reason']}" if account["blocked_reason"] else "good"
    return (
        short(account["id"]),
        account["role"],
        account["plan"]["name"],
        available,
        usage["running"],
        usage["waiting"],
        state,
        account["name"],
    )
