"""`darkroom replay`: an image is drawn again from its recorded provenance, and the two are compared pixel by pixel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from darkroom.bootstrap import settings_of_process
from darkroom.cli import failures
from darkroom.cli.actions import tell_cost
from darkroom.cli.plain import plain
from darkroom.cli.pointing import IMAGES, JOBS, find_image
from darkroom.cli.wish import Outcome, Wish, tell_failures
from darkroom.core.errors import NotFound, OutputError

if TYPE_CHECKING:
    from PIL import Image

    from darkroom.cli.client import Client, Object

ACTION = "replay"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two pictures of one size: how many of their `pixels` differ in any channel, and by how many of 255 levels at most."""

    pixels: int
    different: int
    levels: int

    @property
    def same(self) -> bool:
        return self.different == 0

    @property
    def words(self) -> str:
        if self.same:
            return "same, pixel by pixel"
        return f"different: {self.different} of {self.pixels} pixels, by at most {self.levels} levels"


def compare(one: Image.Image, other: Image.Image) -> Comparison:
    """OutputError where they are not of one size."""
    from PIL import ImageChops

    if one.size != other.size:
        sizes = [f"{each.width}x{each.height}" for each in (one, other)]
        raise OutputError(f"different: the image has {sizes[0]} pixels, its replay {sizes[1]}")
    first, *rest = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).split()
    for band in rest:
        first = ImageChops.lighter(first, band)
    counts = first.histogram()
    levels = max(level for level, count in enumerate(counts) if count)
    return Comparison(pixels=sum(counts), different=sum(counts[1:]), levels=levels)


@click.command("replay")
@click.argument("image", metavar="IMAGE")
@click.option("--dry-run", is_flag=True, help="Say what it would cost; draw nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def replay_command(image: str, dry_run: bool, as_json: bool, quiet: bool) -> int:
    """Draw IMAGE again as it was drawn, and say whether it is the same, pixel by pixel. Ends with 1 where it is not."""
    from darkroom.cli.awaiting import await_jobs, session

    settings = settings_of_process()
    wish = Wish(out=settings.out, formats=(), indices=None, quiet=quiet)
    outcomes: list[Outcome] = []
    drawn: list[Object] = []
    found: Comparison | None = None
    notes: list[str] = []
    with session(settings, quiet=quiet or dry_run) as here:
        original = find_image(here.client, image)
        path, body = f"{IMAGES}/{original['id']}/actions", {"action": ACTION}
        cost = here.client.post(path, {**body, "dry_run": True}) if dry_run else None
        if cost is None:
            await_jobs(lambda key: here.client.begin(path, body, key=key), wish, here, outcomes, drawn.append)
        if drawn:
            found = compare(pixels(here.client, original), pixels(here.client, drawn[0]["images"][0]))
        if found and not found.same:
            notes = here.client.get(f"{JOBS}/{drawn[0]['id']}/replay")["notes"]
    if cost is not None:
        tell_cost(cost, as_json)
        return failures.DONE
    if found is None:
        if as_json:
            click.echo(json.dumps({"jobs": [outcome.object for outcome in outcomes]}))
        return tell_failures(outcomes)
    tell(found, original, drawn[0], notes, as_json)
    return failures.DONE if found.same else failures.FAILED


def pixels(client: Client, image: Mapping[str, object]) -> Image.Image:
    """The pixels of an image's PNG. NotFound where that is not kept any more."""
    from darkroom.cli.fetch import opened

    files = image["files"]
    assert isinstance(files, Mapping)
    if "png" not in files:
        raise NotFound(
            f"The pixels of the image {image['id']} are not kept any more: there is nothing to compare."
        )
    return opened(client.download(files["png"]["url"], size_bytes=int(files["png"]["size_bytes"])))


def tell(found: Comparison, original: Object, job: Object, notes: Sequence[str], as_json: bool) -> None:
    """The verdict; `notes` are what the service knows to have changed since."""
    if as_json:
        ids = {"original_id": original["id"], "job_id": job["id"], "replay_id": job["images"][0]["id"]}
        click.echo(json.dumps({"same": found.same, **asdict(found), **ids, "notes": notes}))
        return
    click.echo(found.words)
    for note in notes:
        click.echo(f"note: {plain(note)}", err=True)
