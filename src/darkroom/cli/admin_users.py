"""`darkroom admin users ...` and `plans`: accounts and what they may use."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from darkroom.cli.account import account_row, balance_facts, plan_words, tell_account
from darkroom.cli.address import open_client
from darkroom.cli.ids import SEARCHED, is_whole, matching
from darkroom.cli.jobs import json_option, limit_option
from darkroom.cli.tables import duration, print_facts, print_table
from darkroom.core.accounts import Role

if TYPE_CHECKING:
    from darkroom.cli.client import Client

USERS = "/api/v1/admin/users"
COLUMNS = ("ID", "ROLE", "PLAN", "AVAILABLE", "RUNNING", "WAITING", "STATE", "NAME")
UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000}
AMOUNT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(s|min|h)")

account_option = click.option(
    "--account", metavar="USER", default="", help="Only of this account: its id, one end of it, or its name."
)


@click.group("users")
def users_group() -> None:
    """Accounts. USER is an account's id, one end of it, or its name."""


def add_user_commands(group: click.Group) -> None:
    """Adds them to `darkroom admin`."""
    group.add_command(users_group)
    group.add_command(plans_command)


@users_group.command("list")
@limit_option
@json_option
def list_users_command(limit: int, as_json: bool) -> None:
    """List accounts, oldest first."""
    with open_client() as client:
        found = list(client.pages(USERS, "users", most=limit))
    if as_json:
        click.echo(json.dumps({"users": found}))
    else:
        print_table(COLUMNS, map(account_row, found), none="no accounts")


@users_group.command("show")
@click.argument("user")
@json_option
def show_user_command(user: str, as_json: bool) -> None:
    """Show an account with its plan and balance."""
    with open_client() as client:
        account = client.get(f"{USERS}/{find_user(client, user)}")
    tell_account(account, as_json)


@users_group.command("add")
@click.argument("name")
@click.option("--plan", help="A name of `darkroom admin plans` (default: the default plan).")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.MEMBER.value)
@json_option
def add_user_command(name: str, plan: str | None, role: str, as_json: bool) -> None:
    """Make an account called NAME. Its first way in is `darkroom admin users login-link`."""
    body = {"name": name, "role": role} | ({"plan": plan} if plan else {})
    with open_client() as client:
        account = client.post(USERS, body)
    tell_account(account, as_json)


@users_group.command("set")
@click.argument("user")
@click.option("--plan", help="Its plan; the new plan's time comes with its next month.")
@click.option("--role", type=click.Choice([role.value for role in Role]))
@click.option("--block", metavar="REASON", help="Block it; the person reads the reason.")
@click.option("--unblock", is_flag=True, help="Let it in again.")
@json_option
def set_user_command(
    user: str, plan: str | None, role: str | None, block: str | None, unblock: bool, as_json: bool
) -> None:
    """Change an account's plan or role, block or unblock it."""
    if block is not None and (unblock or not block.strip()):
        raise click.UsageError("--block takes a reason and does not go with --unblock")
    reason = "" if unblock else block
    wanted = {"plan": plan, "role": role, "blocked_reason": reason}
    given = {name: value for name, value in wanted.items() if value is not None}
    if not given:
        raise click.UsageError("say what to change: --plan, --role, --block or --unblock")
    with open_client() as client:
        account = client.patch(f"{USERS}/{find_user(client, user)}", given)
    tell_account(account, as_json)


@users_group.command("login-link")
@click.argument("user")
@json_option
def login_link_command(user: str, as_json: bool) -> None:
    """Make a link that logs an account in, once: the studio in a browser, or a command line by `darkroom login`."""
    with open_client() as client:
        made = client.post(f"{USERS}/{find_user(client, user)}/login-link")
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(
        f"good once, for {duration(made['expires_in_s'])}: open it in a browser, or give it to another command line: "
        'darkroom login "LINK"',
        err=True,
    )
    click.echo(made["url"])


@users_group.command("grant")
@click.argument("user")
@click.argument("amount")
@click.option("--note", default="", help="Why; the person reads it in the statement.")
@json_option
def grant_command(user: str, amount: str, note: str, as_json: bool) -> None:
    """Give an account more GPU time: AMOUNT is like 90s, 30min or 2h."""
    body = {"amount_gpu_ms": gpu_ms(amount), "note": note}
    with open_client() as client:
        balance = client.post(f"{USERS}/{find_user(client, user)}/grants", body)
    if as_json:
        click.echo(json.dumps(balance))
    else:
        print_facts(balance_facts(balance))


@click.command("plans")
@json_option
def plans_command(as_json: bool) -> None:
    """List the plans that accounts can be on."""
    with open_client() as client:
        found = client.get("/api/v1/admin/plans")
    if as_json:
        click.echo(json.dumps(found))
        return
    rows = [
        (
            plan["name"] + (" (default)" if plan["name"] == found["default"] else ""),
            plan["title"],
            ",".join(["fast", *(lane for lane in ("turbo", "relax") if plan[lane])]),
            plan["stealth"],
            plan_words(plan),
        )
        for plan in found["plans"]
    ]
    print_table(("NAME", "TITLE", "LANES", "STEALTH", "GIVES"), rows, none="no plans")


def find_user(client: Client, text: str) -> str:
    """The whole id of an account that is named by it, by one end of it, or by its exact name."""
    if is_whole(text):
        return text.lower()
    users = list(client.pages(USERS, "users", most=SEARCHED))
    named = [user["id"] for user in users if user["name"] == text]
    return (
        str(named[0]) if len(named) == 1 else matching(text, (user["id"] for user in users), what="account")
    )


def gpu_ms(text: str) -> int:
    """An amount of GPU time as milliseconds. UsageError says how one is written."""
    found = AMOUNT.fullmatch(text.strip())
    amount = Decimal(found[1]) * UNITS_MS[found[2]] if found else Decimal(0)
    if amount < 1:
        raise click.BadParameter("write a number and its unit: 90s, 30min or 2h", param_hint="AMOUNT")
    return int(amount)
