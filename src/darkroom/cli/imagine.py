"""`darkroom imagine`: a prompt becomes files. Paths go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import click

from darkroom.bootstrap import settings_of_process
from darkroom.cli.here import draw_here, plan
from darkroom.cli.parse import read_prompt
from darkroom.cli.wish import FORMATS, Outcome, Wish, paths, tell_failures
from darkroom.core.params import IMAGES_PER_JOB, Lane


@click.command("imagine")
@click.argument("prompt", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder for the files (default: out).")
@click.option(
    "--format", "file_format", type=click.Choice(list(FORMATS)), default="both", help="Default: both."
)
@click.option(
    "--image", type=click.IntRange(1, IMAGES_PER_JOB), help="Keep only this image; with --here, draw only it."
)
@click.option(
    "--with",
    "pictures",
    multiple=True,
    metavar="PICTURE",
    help="An image prompt: a file, an address or an image; several times.",
)
@click.option(
    "--style", "styles", multiple=True, metavar="PICTURE", help="A style reference (--sref), given likewise."
)
@click.option(
    "--lane",
    type=click.Choice([lane.value for lane in Lane]),
    help="Default: the prompt's, else the account's.",
)
@click.option("--here", is_flag=True, help="Draw in this process: no server, no account, no queue.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.pass_context
def imagine_command(
    context: click.Context,
    prompt: tuple[str, ...],
    out: Path | None,
    file_format: str,
    image: int | None,
    pictures: tuple[str, ...],
    styles: tuple[str, ...],
    lane: str | None,
    here: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Draw PROMPT: four images and their grid, as PNG and WebP.

    Put the prompt in quotes, because it may have parameters of its own: "a red fox --ar 16:9 --seed 7". A single `-`
    reads it from standard input. The server that runs draws it; where none runs, one is started for this command.
    """
    started = context.obj if isinstance(context.obj, float) else time.monotonic()
    settings = settings_of_process()
    wish = Wish(
        out=out or settings.out,
        formats=FORMATS[file_format],
        indices=None if image is None else (image - 1,),
        quiet=quiet,
        lane=lane,
    )
    text = read_prompt(prompt)
    outcomes: list[Outcome] = []
    if here and (pictures or styles):
        raise click.UsageError("--with and --style need a server: leave --here away")
    try:
        if here:
            draw_here(plan(text, settings), wish, settings, started, outcomes)
        else:
            from darkroom.cli.asking import Company, ask

            ask(text, wish, settings, outcomes, Company(prompts=pictures, styles=styles))
    finally:
        if not as_json:
            for path in paths(outcomes):
                click.echo(os.fsencode(path))
    if as_json:
        click.echo(json.dumps({"jobs": [outcome.object for outcome in outcomes]}))
    return tell_failures(outcomes)
