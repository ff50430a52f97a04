"""`python -m darkroom.train.sprites build` makes the sprite atlas; `words` lists tags that the curated list lacks."""

from __future__ import annotations

from pathlib import Path

import click

from darkroom.core.errors import DarkroomError
from darkroom.train.sprites.build import build as build_atlas
from darkroom.train.sprites.concepts import curated
from darkroom.train.sprites.fetch import fetch
from darkroom.train.sprites.words import tags_by_code, unused

DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path(".cache/mini"),
    show_default=True,
    help="The atlas's folder.",
)
NPM = click.option(
    "--npm",
    type=click.Path(path_type=Path),
    default=Path(".cache/npm"),
    show_default=True,
    help="The packages' folder.",
)


@click.group()
def main() -> None:
    """The sprite atlas of the built-in model's data set."""


@main.command()
@DATA
@NPM
def build(data: Path, npm: Path) -> None:
    """Fetch the art, rasterise it, and write atlas.zip, report.json and contact-sheet.png."""
    try:
        build_atlas(data, npm, click.echo)
    except DarkroomError as fault:
        raise click.ClickException(fault.message) from fault


@main.command()
@NPM
def words(npm: Path) -> None:
    """List, for each concept, the tags of emojibase that are not yet among its synonyms."""
    try:
        for name, tags in unused(curated(), tags_by_code(fetch(npm))):
            click.echo(f"{name}: {', '.join(tags)}")
    except DarkroomError as fault:
        raise click.ClickException(fault.message) from fault


if __name__ == "__main__":
    main()
