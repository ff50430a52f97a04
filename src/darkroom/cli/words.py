"""`darkroom describe` and `darkroom shorten`: words for a picture, and how much each word of a prompt matters."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from darkroom.cli.address import open_client
from darkroom.cli.bring import SCHEME, UPLOADS, bring, find_upload, is_file
from darkroom.cli.jobs import json_option
from darkroom.cli.parse import read_words
from darkroom.cli.plain import plain
from darkroom.cli.pointing import IMAGES, find_image

BAR_COLUMNS = 24
WORD_COLUMNS = 28
FULL, EIGHTHS = "█", " ▏▎▍▌▋▊▉"


@click.command("describe")
@click.argument("picture", metavar="IMAGE|FILE|ADDRESS")
@json_option
def describe_command(picture: str, as_json: bool) -> None:
    """Print four prompts for a picture, one a line, the best first. A file or an address is uploaded for it."""
    with open_client() as client:
        if is_file(picture):
            path = f"{UPLOADS}/{bring(client, picture)['id']}"
        elif picture.startswith(SCHEME):
            path = f"{UPLOADS}/{find_upload(client, picture)}"
        else:
            path = f"{IMAGES}/{find_image(client, picture)['id']}"
        found = client.post(f"{path}/describe")
    if as_json:
        click.echo(json.dumps(found))
        return
    for prompt in found["prompts"]:
        click.echo(plain(prompt))
    click.echo('go on with `darkroom imagine "..."`, one of them in quotes', err=True)


@click.command("shorten")
@click.argument("prompt", nargs=-1, required=True)
@json_option
def shorten_command(prompt: Sequence[str], as_json: bool) -> None:
    """Show how much each word of PROMPT matters, and shorter prompts that say nearly the same."""
    text = read_words(prompt)
    with open_client() as client:
        found = client.post("/api/v1/shorten", {"prompt": text})
    if as_json:
        click.echo(json.dumps(found))
        return
    for word in found["words"]:
        name = plain(word["word"])
        click.echo(f"{name:<{WORD_COLUMNS}} {bar(word['weight']):<{BAR_COLUMNS}} {word['weight']:.2f}")
    for shorter in found["prompts"]:
        click.echo(plain(shorter))
    for note in found["notes"]:
        click.echo(f"note: {plain(note)}", err=True)


def bar(weight: float) -> str:
    """0 to 1 as a bar, exact to an eighth of a column."""
    eighths = round(max(0.0, min(1.0, weight)) * BAR_COLUMNS * 8)
    whole, rest = divmod(eighths, 8)
    return FULL * whole + (EIGHTHS[rest] if rest else "")
