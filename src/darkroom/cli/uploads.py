"""`darkroom upload` and `darkroom uploads ...`: pictures that one brings along."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from darkroom.cli.address import open_client
from darkroom.cli.bring import UPLOADS, bring, find_upload, is_file, missing_file
from darkroom.cli.jobs import json_option, limit_option
from darkroom.cli.tables import moment, print_table, short
from darkroom.core.uploads import UploadKind

COLUMNS = ("ID", "SIZE", "BYTES", "CREATED", "FROM")


@click.command("upload")
@click.argument("picture", metavar="FILE|ADDRESS")
@click.option("--mask", is_flag=True, help="It is a mask: white is drawn again, black stays.")
@json_option
def upload_command(picture: str, mask: bool, as_json: bool) -> None:
    """Bring a picture along, to draw from it. Prints how prompts name it."""
    if not is_file(picture):
        raise missing_file(picture)
    with open_client() as client:
        found = bring(client, picture, UploadKind.MASK if mask else UploadKind.PICTURE)
    if as_json:
        click.echo(json.dumps(found))
        return
    name = found["reference"]
    click.echo(name)
    size = f"{found['width']}x{found['height']}"
    on = (
        f'go on with `darkroom region IMAGE {name} "a blue bird"`'
        if mask
        else f'go on with `darkroom imagine "{name} a red fox"`, `darkroom describe {name}`, `darkroom blend {name} ...`'
    )
    click.echo(f"{size}; {on}", err=True)


@click.group("uploads", invoke_without_command=True)
@click.option("--masks", is_flag=True, help="Your masks instead of your pictures.")
@limit_option
@json_option
@click.pass_context
def uploads_group(context: click.Context, masks: bool, limit: int, as_json: bool) -> None:
    """List the pictures that you brought along, newest first."""
    if context.invoked_subcommand is not None:
        return
    with open_client() as client:
        kind = UploadKind.MASK if masks else UploadKind.PICTURE
        found = list(client.pages(UPLOADS, "uploads", most=limit, kind=kind.value))
    if as_json:
        click.echo(json.dumps({"uploads": found}))
        return
    rows = [
        (
            short(each["id"]),
            f"{each['width']}x{each['height']}",
            each["size_bytes"],
            moment(each["created_at"]),
            each["source"] or "a file",
        )
        for each in found
    ]
    print_table(COLUMNS, rows, none="no masks" if masks else "no uploads")


@uploads_group.command("delete")
@click.argument("uploads", metavar="ID...", nargs=-1, required=True)
def delete_command(uploads: Sequence[str]) -> None:
    """Delete pictures and masks that you brought along, for good. What was drawn from them stays, and remembers that there was one."""
    with open_client() as client:
        for upload_id in [find_upload(client, each) for each in uploads]:
            client.delete(f"{UPLOADS}/{upload_id}")
            click.echo(f"{upload_id} is deleted")
