"""`darkroom admin jobs`, `cancel` and `dead-letters ...`: everybody's jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from darkroom.cli.address import open_client
from darkroom.cli.admin_users import account_option, find_user
from darkroom.cli.ids import SEARCHED, is_whole, matching
from darkroom.cli.jobs import COLUMNS as OWN_COLUMNS
from darkroom.cli.jobs import (
    find_job,
    history_lines,
    job_facts,
    job_row,
    json_option,
    lane_option,
    limit_option,
    search_option,
    state_option,
    tell_cancelled,
)
from darkroom.cli.tables import gpu_time, moment, print_facts, print_table, short, shown

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

JOBS = "/api/v1/admin/jobs"
LETTERS = "/api/v1/admin/dead-letters"
COLUMNS = ("ACCOUNT", "WORKER", *OWN_COLUMNS)


def add_job_commands(group: click.Group) -> None:
    """Adds them to `darkroom admin`."""
    group.add_command(jobs_command)
    group.add_command(cancel_command)
    group.add_command(letters_group)


@click.command("jobs")
@click.argument("job_id", metavar="[ID]", required=False)
@account_option
@state_option
@lane_option
@search_option
@limit_option
@json_option
def jobs_command(
    job_id: str | None,
    account: str,
    states: Sequence[str],
    lane: str | None,
    search: str,
    limit: int,
    as_json: bool,
) -> None:
    """List everybody's jobs, newest first; or show the one with this ID."""
    with open_client() as client:
        if job_id is not None:
            _show(client.get(f"{JOBS}/{find_job(client, job_id, path=JOBS)}"), as_json)
            return
        whose = find_user(client, account) if account else ""
        found = list(
            client.pages(JOBS, "jobs", most=limit, account=whose, state=list(states), lane=lane, q=search)
        )
    if as_json:
        click.echo(json.dumps({"jobs": found}))
        return
    rows = [(short(each["account_id"]), each["worker_id"], *job_row(each["job"])) for each in found]
    print_table(COLUMNS, rows, none="no jobs")


@click.command("cancel")
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@json_option
def cancel_command(job_ids: Sequence[str], as_json: bool) -> None:
    """Cancel anybody's jobs."""
    with open_client() as client:
        whole = [find_job(client, job_id, path=JOBS) for job_id in job_ids]
        found = [client.delete(f"{JOBS}/{job_id}") for job_id in whole]
    if as_json:
        click.echo(json.dumps({"jobs": found}))
    else:
        tell_cancelled([each["job"] for each in found], as_json=False)


@click.group("dead-letters")
def letters_group() -> None:
    """Jobs that failed for good. ID is that of the job."""


@letters_group.command("list")
@click.option("--all", "with_resolved", is_flag=True, help="Those that were requeued or dropped, too.")
@limit_option
@json_option
def list_letters_command(with_resolved: bool, limit: int, as_json: bool) -> None:
    """List the jobs that failed for good, newest first."""
    with open_client() as client:
        found = list(client.pages(LETTERS, "dead_letters", most=limit, open_only=not with_resolved))
    if as_json:
        click.echo(json.dumps({"dead_letters": found}))
        return
    rows = [
        (
            short(each["job_id"]),
            short(each["account_id"]),
            each["attempts"],
            moment(each["at"]),
            each["resolution"] or "open",
            each["error_message"],
        )
        for each in found
    ]
    print_table(("ID", "ACCOUNT", "ATTEMPTS", "AT", "STATE", "ERROR"), rows, none="no dead letters")


@letters_group.command("show")
@click.argument("job_id", metavar="ID")
@json_option
def show_letter_command(job_id: str, as_json: bool) -> None:
    """Show what was asked for, what went wrong, where, and how often it was tried."""
    with open_client() as client:
        letter = client.get(f"{LETTERS}/{_find_letter(client, job_id)}")
    _tell_letter(letter, as_json)


@letters_group.command("requeue")
@click.argument("job_id", metavar="ID")
@json_option
def requeue_command(job_id: str, as_json: bool) -> None:
    """Make a new job of it with the same prompt and seed, free of charge."""
    with open_client() as client:
        letter = client.post(f"{LETTERS}/{_find_letter(client, job_id)}/requeue")
    _tell_letter(letter, as_json)


@letters_group.command("drop")
@click.argument("job_id", metavar="ID")
@json_option
def drop_command(job_id: str, as_json: bool) -> None:
    """Note that nothing more is to be done about it."""
    with open_client() as client:
        letter = client.post(f"{LETTERS}/{_find_letter(client, job_id)}/drop")
    _tell_letter(letter, as_json)


def _find_letter(client: Client, text: str) -> str:
    if is_whole(text):
        return text.lower()
    known = client.pages(LETTERS, "dead_letters", most=SEARCHED, open_only=False)
    return matching(text, (each["job_id"] for each in known), what="dead letter")


def _tell_letter(letter: Object, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(letter))
        return
    facts = {
        "job": letter["job_id"],
        "account": letter["account_id"],
        "prompt": letter["prompt"],
        "error": letter["error_message"],
        "attempts": letter["attempts"],
        "failed on": letter["avoided"],
        "device": letter["device"],
        "fingerprint": letter["fingerprint"],
        "at": moment(letter["at"]),
        "state": letter["resolution"] or "open",
        "requeued as": letter["successor_id"],
    }
    print_facts({name: value for name, value in facts.items() if shown(value) != "-"})


def _show(found: Object, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    more: dict[str, object] = {
        "account": found["account_id"],
        "worker": found["worker_id"],
        "fence": found["fence"],
        "rejections": found["rejections"],
        "avoids": found["avoid"],
        "measured": gpu_time(found["measured_gpu_ms"]),
    }
    print_facts(job_facts(found["job"]) | more | {"history": history_lines(found["history"])})
