"""`darkroom folders ...` and `darkroom download`: images in folders, and as one zip file with a manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom.cli.address import open_client
from darkroom.cli.jobs import json_option
from darkroom.cli.plain import plain
from darkroom.cli.pointing import find_images
from darkroom.cli.tables import moment, print_table, short
from darkroom.core.errors import NotFound

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

FOLDERS = "/api/v1/folders"
DOWNLOADS = "/api/v1/downloads"
COLUMNS = ("ID", "IMAGES", "CREATED", "NAME")


@click.group("folders", invoke_without_command=True)
@json_option
@click.pass_context
def folders_group(context: click.Context, as_json: bool) -> None:
    """List your folders. An image may lie in several, and none of them owns it."""
    if context.invoked_subcommand is not None:
        return
    with open_client() as client:
        found = client.get(FOLDERS)
    if as_json:
        click.echo(json.dumps(found))
        return
    rows = [
        (short(each["id"]), each["images"], moment(each["created_at"]), each["name"])
        for each in found["folders"]
    ]
    print_table(COLUMNS, rows, none="no folders")


@folders_group.command("add")
@click.argument("name")
@json_option
def add_folder_command(name: str, as_json: bool) -> None:
    """Make a folder called NAME."""
    with open_client() as client:
        made = client.post(FOLDERS, {"name": name})
    click.echo(
        json.dumps(made) if as_json else f"{plain(made['name'])}: darkroom folders put {name!r} IMAGE..."
    )


@folders_group.command("rename")
@click.argument("folder")
@click.argument("name")
def rename_folder_command(folder: str, name: str) -> None:
    """Call FOLDER by another NAME."""
    with open_client() as client:
        client.patch(f"{FOLDERS}/{find_folder(client, folder)['id']}", {"name": name})
    click.echo(f"{plain(folder)} is now called {plain(name)}")


@folders_group.command("delete")
@click.argument("folder")
def delete_folder_command(folder: str) -> None:
    """Delete FOLDER. The images in it stay."""
    with open_client() as client:
        client.delete(f"{FOLDERS}/{find_folder(client, folder)['id']}")
    click.echo(f"{plain(folder)} is deleted; its images stay")


@folders_group.command("put")
@click.argument("folder")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
def put_command(folder: str, images: Sequence[str]) -> None:
    """Put images into FOLDER."""
    with open_client() as client:
        _change(client, folder, images, "add")


@folders_group.command("take")
@click.argument("folder")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
def take_command(folder: str, images: Sequence[str]) -> None:
    """Take images out of FOLDER. They stay among your images."""
    with open_client() as client:
        _change(client, folder, images, "remove")


@click.command("download")
@click.argument("images", metavar="IMAGE...", nargs=-1)
@click.option(
    "--folder", default="", help="All that lies in the folder of this name, instead of single images."
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The zip file to write.",
)
def download_command(images: Sequence[str], folder: str, out: Path) -> None:
    """Fetch images as one zip file, with a manifest that says where each comes from."""
    if bool(images) == bool(folder):
        raise click.UsageError("say which images, or --folder NAME")
    from darkroom.finish.write import write_pieces

    with open_client() as client:
        if folder:
            body: dict[str, object] = {"folder": find_folder(client, folder)["id"]}
        else:
            body = {"ids": [image["id"] for image in find_images(client, images)]}
        with client.pieces(DOWNLOADS, body) as pieces:
            write_pieces(out, pieces)
    click.echo(os.fsencode(out))


def find_folder(client: Client, name: str) -> Object:
    """The folder of a name, whatever its case, or of an id or one end of it."""
    found: list[Object] = client.get(FOLDERS)["folders"]
    for each in found:
        if name.casefold() == each["name"].casefold() or name in (each["id"], short(each["id"])):
            return each
    names = ", ".join(plain(each["name"]) for each in found)
    hint = f"There are: {names}." if names else "Make it with `darkroom folders add NAME`."
    raise NotFound(f"There is no folder {plain(name)!r}.", hint=hint)


def _change(client: Client, folder: str, images: Sequence[str], way: str) -> None:
    found = find_folder(client, folder)
    ids = [image["id"] for image in find_images(client, images)]
    after = client.post(f"{FOLDERS}/{found['id']}/images", {way: ids})
    count = after.get("images", after.get("folder", {}).get("images"))
    click.echo(f"{plain(found['name'])} has {count} image{'s' * (count != 1)}")
