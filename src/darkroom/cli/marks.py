"""`darkroom like`, `favourite`, `hide`, `rate`, `pick`, `visibility`, `trash`, `restore`, `delete`: what one thinks of images, and
what one throws away."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from darkroom.cli.address import open_client
from darkroom.cli.ids import is_whole, matching
from darkroom.cli.images import COLUMNS, image_row, mark_words
from darkroom.cli.jobs import json_option, limit_option
from darkroom.cli.pointing import FORMS, IMAGES, LAST, TRASH, find_image, find_images, newest, thrown_away
from darkroom.cli.tables import print_table, short
from darkroom.core.errors import NotFound
from darkroom.core.gallery import RATING_MAX
from darkroom.core.params import Visibility

if TYPE_CHECKING:
    from darkroom.cli.client import Client

images_argument = click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
off_option = click.option("--off", is_flag=True, help="Take it back.")


@click.command("like")
@images_argument
@off_option
@json_option
def like_command(images: Sequence[str], off: bool, as_json: bool) -> None:
    """Like images, yours or anybody's public ones."""
    _mark(images, {"liked": not off}, as_json)


@click.command("favourite")
@images_argument
@off_option
@json_option
def favourite_command(images: Sequence[str], off: bool, as_json: bool) -> None:
    """Keep images among your favourites. Only you see that."""
    _mark(images, {"favourite": not off}, as_json)


@click.command("hide")
@images_argument
@off_option
@json_option
def hide_command(images: Sequence[str], off: bool, as_json: bool) -> None:
    """Leave images out of your lists; `darkroom images --hidden` shows them."""
    _mark(images, {"hidden": not off}, as_json)


@click.command("rate")
@click.argument("image", metavar="IMAGE")
@click.argument("stars", type=click.IntRange(0, RATING_MAX))
@json_option
def rate_command(image: str, stars: int, as_json: bool) -> None:
    """Give an image one to five STARS; 0 takes them back."""
    _mark([image], {"rating": stars}, as_json)


@click.command("visibility")
@click.argument("visibility", type=click.Choice([each.value for each in Visibility]))
@images_argument
@json_option
def visibility_command(visibility: str, images: Sequence[str], as_json: bool) -> None:
    """Make your images public, so that everybody finds them with `darkroom explore`, or stealth."""
    _mark(images, {"visibility": visibility}, as_json)


@click.command("pick")
@click.argument("image", metavar="IMAGE")
@json_option
def pick_command(image: str, as_json: bool) -> None:
    """Say which image of a grid is the best one. It costs nothing, and is remembered as your choice."""
    with open_client() as client:
        found = find_image(client, image)
        told = client.post(f"{IMAGES}/{found['id']}/pick")
    click.echo(json.dumps(told) if as_json else f"{found['id']} is your pick")
    if not as_json:
        click.echo(f"go on with `darkroom upscale {short(found['job_id'])}/{found['index']}`", err=True)


@click.command("trash")
@click.argument("images", metavar="[IMAGE...]", nargs=-1)
@limit_option
@json_option
def trash_command(images: Sequence[str], limit: int, as_json: bool) -> None:
    """Throw images into the trash, from where they can be restored; without any, list what is in it."""
    with open_client() as client:
        if images:
            ids = [image["id"] for image in find_images(client, images, trashed=True)]
            _tell(client.post(f"{IMAGES}/trash", {"ids": ids}), ids, "in the trash", as_json)
            return
        found = list(client.pages(TRASH, "images", most=limit))
    if as_json:
        click.echo(json.dumps({"images": found}))
        return
    print_table(COLUMNS, map(image_row, found), none="the trash is empty")


@click.command("restore")
@images_argument
@json_option
def restore_command(images: Sequence[str], as_json: bool) -> None:
    """Bring images back from the trash."""
    with open_client() as client:
        ids = [find_trashed(client, each) for each in images]
        _tell(client.post(f"{IMAGES}/restore", {"ids": ids}), ids, "back", as_json)


@click.command("delete")
@images_argument
@click.option("--yes", is_flag=True, help="Do not ask whether this is meant.")
@json_option
def delete_command(images: Sequence[str], yes: bool, as_json: bool) -> None:
    """Delete images for good. What was drawn from them stays; in its family tree they are without pixels."""
    with open_client() as client:
        ids = list(dict.fromkeys(_anywhere(client, each) for each in images))
        if not yes:
            if not sys.stdin or not sys.stdin.isatty():
                raise click.UsageError(
                    "nothing brings deleted images back: say --yes where nobody can be asked"
                )
            click.confirm(f"Delete {len(ids)} image{'s' * (len(ids) != 1)} for good?", abort=True, err=True)
        _tell(client.post(f"{IMAGES}/delete", {"ids": ids}), ids, "deleted for good", as_json)


def find_trashed(client: Client, text: str) -> str:
    """The id of an image in the trash, named by one end of it, by JOB/2 or by last/2. A whole id is taken unseen."""
    if is_whole(text):
        return text.lower()
    found = thrown_away(client)
    job, slash, number = text.rpartition("/")
    if not slash:
        return matching(text, found, what="image in the trash")
    if job == LAST:
        job_id = str(newest(client)["id"])
    else:
        known = (image["job_id"] for image in found.values())
        job_id = matching(job, known, what="job with images in the trash")
    for image in found.values():
        if image["job_id"] == job_id and str(image["index"]) == number:
            return str(image["id"])
    raise NotFound(f"The image {text} is not in the trash.", hint="`darkroom trash` lists what is.")


def _anywhere(client: Client, text: str) -> str:
    """The id of an image in the trash or out of it."""
    try:
        return find_trashed(client, text)
    except NotFound:
        try:
            return str(find_image(client, text, trashed=True)["id"])
        except NotFound as unknown:
            raise NotFound(unknown.message, hint=f"{FORMS} `darkroom trash` lists the trash.") from unknown


def _mark(images: Sequence[str], change: dict[str, object], as_json: bool) -> None:
    with open_client() as client:
        found = find_images(client, images)
        told = [client.patch(f"{IMAGES}/{image['id']}", change) for image in found]
    if as_json:
        click.echo(json.dumps({"images": told}))
        return
    for image, each in zip(found, told):
        said = [mark_words(each["marks"]), str(each["image"]["visibility"])]
        likes = f"{each['likes']} like{'s' * (each['likes'] != 1)}" if each.get("likes") else ""
        click.echo(f"{image['id']}  {', '.join(word for word in [*said, likes] if word)}")


def _tell(told: dict[str, object], ids: Sequence[str], where: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(told or {"ids": list(ids)}))
        return
    click.echo(f"{len(ids)} image{'s are' if len(ids) != 1 else ' is'} {where}")
