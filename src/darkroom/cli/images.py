"""`darkroom images`, `explore` and `searches`: lists of pictures, one's own and everybody's, and filters that are kept by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import click

from darkroom.cli.address import open_client
from darkroom.cli.folders import find_folder
from darkroom.cli.jobs import action_words, json_option, limit_option
from darkroom.cli.plain import plain
from darkroom.cli.pointing import IMAGES, find_image
from darkroom.cli.tables import moment, print_facts, print_table, short
from darkroom.core.errors import NotFound
from darkroom.core.gallery import RATING_MAX, FeedOrder
from darkroom.core.params import Visibility

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

EXPLORE = "/api/v1/explore"
SEARCHES = "/api/v1/searches"
COLUMNS = ("IMAGE", "ID", "ACTION", "SIZE", "MODEL", "CREATED", "PROMPT")
EXPLORE_COLUMNS = ("ID", "SIZE", "MODEL", "CREATED", "PROMPT")
Command = TypeVar("Command", bound=Callable[..., Any])


def filter_options(command: Command) -> Command:
    """What a list of images is narrowed to; the keywords are those of `query_of`."""
    found = (
        click.option("--search", "q", default="", help="Only prompts with all of these words."),
        click.option("--folder", default="", help="Only what lies in the folder of this name."),
        click.option("--liked", is_flag=True, help="Only what you like."),
        click.option("--favourite", is_flag=True, help="Only your favourites."),
        click.option("--hidden", is_flag=True, help="Only what you hid."),
        click.option(
            "--rating", type=click.IntRange(1, RATING_MAX), help="Only what you gave so many stars or more."
        ),
        click.option("--model", default="", help="Only what this model drew."),
        click.option(
            "--visibility", type=click.Choice([each.value for each in Visibility]), help="Only these."
        ),
    )
    for option in reversed(found):
        command = option(command)
    return command


def query_of(client: Client, filters: Mapping[str, Any]) -> dict[str, object]:
    """Filters as the API's query; a folder by its id."""
    query: dict[str, object] = {
        "q": filters["q"],
        "folder": find_folder(client, filters["folder"])["id"] if filters["folder"] else None,
        "rating_min": filters["rating"],
        "model": filters["model"],
        "visibility": filters["visibility"],
        **{name: True for name in ("liked", "favourite", "hidden") if filters[name]},
    }
    return {name: value for name, value in query.items() if value not in (None, "")}


@click.command("images")
@click.argument("image", metavar="[IMAGE]", required=False)
@filter_options
@click.option("--saved", metavar="NAME", default="", help="With the filters that were kept under this name.")
@limit_option
@json_option
def images_command(image: str | None, saved: str, limit: int, as_json: bool, **filters: Any) -> None:
    """List your images, newest first; or show the one that IMAGE names, with links to its files."""
    with open_client() as client:
        if image is not None:
            _show(client.get(f"{IMAGES}/{find_image(client, image, trashed=True)['id']}"), as_json)
            return
        kept = dict(parse_qsl(find_search(client, saved)["query"])) if saved else {}
        query = {**kept, **query_of(client, filters)}
        found = list(client.pages(IMAGES, "images", most=limit, **query))
    if as_json:
        click.echo(json.dumps({"images": found}))
        return
    print_table(COLUMNS, map(image_row, in_order(found)), none="no images")


@click.command("explore")
@click.option(
    "--order",
    type=click.Choice([each.value for each in FeedOrder]),
    default=FeedOrder.NEW.value,
    show_default=True,
    help="Newest, most liked of late, or shuffled.",
)
@click.option("--seed", type=click.IntRange(0), help="Of the shuffle: the same seed gives the same order.")
@click.option("--search", default="", help="Only prompts with all of these words.")
@limit_option
@json_option
def explore_command(order: str, seed: int | None, search: str, limit: int, as_json: bool) -> None:
    """List the public images of everybody. Whole ids, because they are somebody else's: `darkroom remix ID "..."`."""
    with open_client() as client:
        found = list(client.pages(EXPLORE, "images", most=limit, order=order, seed=seed, q=search))
    if as_json:
        click.echo(json.dumps({"images": found}))
        return
    rows = [
        (
            each["id"],
            f"{each['width']}x{each['height']}",
            each["model"],
            moment(each["created_at"]),
            each["prompt"],
        )
        for each in found
    ]
    print_table(EXPLORE_COLUMNS, rows, none="no public images")


@click.group("searches", invoke_without_command=True)
@json_option
@click.pass_context
def searches_group(context: click.Context, as_json: bool) -> None:
    """List the filters of images that you kept by name."""
    if context.invoked_subcommand is not None:
        return
    with open_client() as client:
        found = client.get(SEARCHES)
    if as_json:
        click.echo(json.dumps(found))
        return
    print_table(
        ("NAME", "FILTERS"), [(each["name"], each["query"]) for each in found["searches"]], none="no searches"
    )


@searches_group.command("add")
@click.argument("name")
@filter_options
def add_search_command(name: str, **filters: Any) -> None:
    """Keep filters under a NAME, for `darkroom images --saved NAME`."""
    with open_client() as client:
        query = query_of(client, filters)
        if not query:
            raise click.UsageError("say what to look for, for example --search fox or --liked")
        text = urlencode(
            {key: str(value).lower() if value is True else value for key, value in query.items()}
        )
        client.post(SEARCHES, {"name": name, "query": text})
    click.echo(f"kept as {name}: darkroom images --saved {name!r}")


@searches_group.command("delete")
@click.argument("name")
def delete_search_command(name: str) -> None:
    """Forget filters. The images stay."""
    with open_client() as client:
        client.delete(f"{SEARCHES}/{find_search(client, name)['id']}")
    click.echo(f"{name} is forgotten")


def find_search(client: Client, name: str) -> Object:
    """The saved search of a name, whatever its case."""
    found: list[Object] = client.get(SEARCHES)["searches"]
    for each in found:
        if each["name"].casefold() == name.casefold():
            return each
    names = ", ".join(plain(each["name"]) for each in found)
    raise NotFound(
        f"No filters are kept as {plain(name)!r}.",
        hint=f"There are: {names}." if names else "There are none.",
    )


def in_order(images: Sequence[Object]) -> list[Object]:
    """A list with the images of each grid in the order of the grid: their ids are of one moment and have none."""
    grids = (group for _, group in groupby(images, key=lambda image: image["job_id"]))
    return [image for grid in grids for image in sorted(grid, key=lambda image: image["index"] or 0)]


def image_row(image: Object) -> Sequence[object]:
    """An image as a line of a table; its first cell is what commands take."""
    return (
        f"{short(image['job_id'])}/{image['index']}",
        short(image["id"]),
        action_words(image),
        f"{image['width']}x{image['height']}",
        image["model"],
        moment(image["created_at"]),
        image["prompt"],
    )


def _show(image: Object, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(image))
        return
    marks = image.get("marks") or {}
    print_facts(
        {
            "id": image["id"],
            "image": f"{short(image['job_id'])}/{image['index'] or 'grid'}",
            "action": action_words(image),
            "prompt": image["prompt"],
            "seed": image["seed"],
            "model": image["model"],
            "size": f"{image['width']}x{image['height']}",
            "visibility": image["visibility"],
            "created": moment(image["created_at"]),
            **({"in the trash": f"since {moment(image['trashed_at'])}"} if image.get("trashed_at") else {}),
            **({"marks": mark_words(marks)} if mark_words(marks) else {}),
            **({"made from": list(image["parents"])} if image.get("parents") else {}),
            "files": [f"{kind:<10} {file['url']}" for kind, file in image["files"].items()],
        }
    )


def mark_words(marks: Mapping[str, Any]) -> str:
    """`liked, 4 stars`"""
    said = [name for name in ("liked", "favourite", "hidden") if marks.get(name)]
    stars = marks.get("rating")
    return ", ".join([*said, *([f"{stars} star{'s' * (stars != 1)}"] if stars else [])])
