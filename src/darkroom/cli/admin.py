"""`darkroom admin ...`: what operators do. Joins the commands of its parts; the key needs the scope admin."""

from __future__ import annotations

import json

import click

from darkroom.cli.address import open_client
from darkroom.cli.admin_jobs import add_job_commands
from darkroom.cli.admin_users import account_option, add_user_commands, find_user
from darkroom.cli.admin_workers import add_worker_commands
from darkroom.cli.jobs import json_option, limit_option
from darkroom.cli.tables import moment, print_table, short
from darkroom.core.verdicts import Subject

MODERATION = "/api/v1/admin/moderation"


@click.group("admin")
def admin_group() -> None:
    """For operators: accounts, everybody's jobs, workers, the moderation log."""


@admin_group.command("moderation")
@click.option("--blocked", is_flag=True, help="Only what was blocked.")
@account_option
@click.option(
    "--subject",
    type=click.Choice([subject.value for subject in Subject]),
    help="Only prompts, or only pictures.",
)
@limit_option
@json_option
def moderation_command(blocked: bool, account: str, subject: str | None, limit: int, as_json: bool) -> None:
    """List the verdicts on prompts and pictures, newest first."""
    with open_client() as client:
        whose = find_user(client, account) if account else ""
        found = list(
            client.pages(
                MODERATION, "verdicts", most=limit, blocked_only=blocked, account=whose, subject=subject
            )
        )
    if as_json:
        click.echo(json.dumps({"verdicts": found}))
        return
    rows = [
        (
            moment(each["at"]),
            each["decision"],
            each["subject"],
            each["category"],
            each["matched"],
            short(each["account_id"]),
            short(each["job_id"]),
            each["text"],
        )
        for each in found
    ]
    columns = ("AT", "DECISION", "OF", "CATEGORY", "MATCHED", "ACCOUNT", "JOB", "TEXT")
    print_table(columns, rows, none="no verdicts")


for add in (add_user_commands, add_job_commands, add_worker_commands):
    add(admin_group)
