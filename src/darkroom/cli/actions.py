"""`darkroom vary`, `region`, `upscale`, `zoom`, `pan`, `remix`, `reroll`, `enhance`, `hd`, `blend`: an image becomes others.

Each is one request and the jobs that it makes; what an action does to pixels is the service's business.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from darkroom.bootstrap import settings_of_process
from darkroom.cli.bring import SCHEME, mask_id, picture_id
from darkroom.cli.parse import read_prompt, read_words
from darkroom.cli.pointing import IMAGES, find_image
from darkroom.cli.spoken import spoken, typed
from darkroom.cli.styles import undrawn
from darkroom.cli.tables import gpu_time, print_facts
from darkroom.cli.wish import FORMATS, Outcome, Wish, paths, tell_failures
from darkroom.core.errors import PromptError
from darkroom.core.params import Lane
from darkroom.core.recipes import Action

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

BLEND = "/api/v1/blend"
ZOOM_MIN, ZOOM_MAX = 1.0, 2.0
SCALES = ("2", "4")
BLENDED_MIN = 2
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every action takes."""

    out: Path | None
    file_format: str
    lane: str | None
    dry_run: bool
    as_json: bool
    quiet: bool


def drawing_options(command: Command) -> Command:
    """The options that all actions share; they come as keywords that make `Options`."""
    found = (
        click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder for the files (default: out)."),
        click.option(
            "--format", "file_format", type=click.Choice(list(FORMATS)), default="both", help="Default: both."
        ),
        click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Default: the account's."),
        click.option("--dry-run", is_flag=True, help="Say what it would draw and cost; draw nothing."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
        click.option("--quiet", is_flag=True, help="No progress on stderr."),
    )  # fmt: skip
    for option in reversed(found):
        command = option(command)
    return command


Ask = Callable[["Client"], tuple[str, Mapping[str, object]]]
"""Finds what the action is about: the path to post to, and the body but for lane and dry run."""


def act(ask: Ask, options: Options) -> int:
    """Have an action drawn and save what comes, or say what it would cost; the exit code."""
    from darkroom.cli.awaiting import await_jobs, session
    from darkroom.finish.write import check_folder

    settings = settings_of_process()
    out = options.out or settings.out
    wish = Wish(out=out, formats=FORMATS[options.file_format], indices=None, quiet=options.quiet)
    if not options.dry_run:
        check_folder(out)
    outcomes: list[Outcome] = []
    try:
        with session(settings, quiet=options.quiet or options.dry_run) as here:
            path, body = ask(here.client)
            whole = {**body, **({"lane": options.lane} if options.lane else {})}
            cost = here.client.post(path, {**whole, "dry_run": True}) if options.dry_run else None
            if cost is None:
                await_jobs(lambda key: here.client.begin(path, whole, key=key), wish, here, outcomes)
    finally:  # not within the session, whose bars own the terminal
        if not options.as_json:
            for file in paths(outcomes):
                click.echo(os.fsencode(file))
    if cost is not None:
        tell_cost(cost, options.as_json, said=str(body.get("prompt") or body.get("parameters") or ""))
    elif options.as_json:
        click.echo(json.dumps({"jobs": [outcome.object for outcome in outcomes]}))
    return tell_failures(outcomes)


def tell_cost(answer: Object, as_json: bool, *, said: str = "") -> None:
    """What an action would draw, and the most that it can cost. `said` are the words of its own that it was given."""
    if as_json:
        click.echo(json.dumps(answer))
        return
    images, size = answer["images"], f"{answer['width']}x{answer['height']}"
    print_facts(
        {
            "action": str(answer["action"]).replace("_", " "),
            "draws": f"{images} image{'s' * (images != 1)} of {size}",
            "costs at most": gpu_time(answer["cost_gpu_ms"]),
            "prompt": undrawn(answer, said),
            **({"notes": [spoken(note) for note in answer["notes"]]} if answer["notes"] else {}),
        }
    )
    click.echo("nothing was drawn: leave --dry-run away to draw it", err=True)


def on_image(image: str, action: Action | str, **more: object) -> Ask:
    """An action on the image that a person names."""

    def ask(client: Client) -> tuple[str, Mapping[str, object]]:
        found = find_image(client, image)
        body = {name: value for name, value in more.items() if value not in (None, "")}
        return f"{IMAGES}/{found['id']}/actions", {"action": str(action), **body}

    return ask


@click.command("vary")
@click.argument("image", metavar="IMAGE")
@click.option("--strong", is_flag=True, help="Another composition with the same idea.")
@click.option("--subtle", is_flag=True, help="The same composition, other details (the default).")
@drawing_options
def vary_command(image: str, strong: bool, subtle: bool, **options: Any) -> int:
    """Draw four variations of IMAGE."""
    if strong and subtle:
        raise click.UsageError("a variation is --subtle or --strong, not both")
    action = Action.VARY_STRONG if strong else Action.VARY_SUBTLE
    return act(on_image(image, action), Options(**options))


@click.command("region")
@click.argument("image", metavar="IMAGE")
@click.argument("mask", metavar="MASK.png")
@click.argument("prompt", nargs=-1)
@drawing_options
def region_command(image: str, mask: str, prompt: tuple[str, ...], **options: Any) -> int:
    """Draw the white part of MASK.png anew and keep the rest of IMAGE, pixel for pixel.

    The mask is as large as the image: white is drawn again, black stays. One that you uploaded is named upload:ID. PROMPT
    says what to put there; without one it is the image's own.
    """
    text = read_prompt(prompt) if prompt else ""

    def ask(client: Client) -> tuple[str, Mapping[str, object]]:
        path, body = on_image(image, Action.VARY_REGION, prompt=text)(client)
        return path, {**body, "mask": mask_id(client, mask)}

    return act(ask, Options(**options))


@click.command("upscale")
@click.argument("image", metavar="IMAGE")
@click.option("--creative", is_flag=True, help="Draw details anew instead of only sharpening.")
@click.option("--scale", type=click.Choice(SCALES), default="2", show_default=True, help="How much larger.")
@drawing_options
def upscale_command(image: str, creative: bool, scale: str, **options: Any) -> int:
    """Draw IMAGE larger."""
    action = Action.UPSCALE_CREATIVE if creative else Action.UPSCALE_SUBTLE
    return act(on_image(image, action, scale=int(scale)), Options(**options))


@click.command("zoom")
@click.argument("image", metavar="IMAGE")
@click.argument("factor", type=click.FloatRange(ZOOM_MIN, ZOOM_MAX, min_open=True), required=False)
@click.option("--square", is_flag=True, help="Only as much as makes it a square.")
@drawing_options
def zoom_command(image: str, factor: float | None, square: bool, **options: Any) -> int:
    """Draw what lies around IMAGE, FACTOR times as far (1.5 and 2 are usual; default: 2). The image itself stays in its midst."""
    if square and factor is not None:
        raise click.UsageError("--square decides by itself how far to zoom: leave the factor away")
    if square:
        return act(on_image(image, "make_square"), Options(**options))
    return act(on_image(image, Action.ZOOM_OUT, zoom=factor or ZOOM_MAX), Options(**options))


@click.command("pan")
@click.argument("image", metavar="IMAGE")
@click.argument("direction", type=click.Choice(["left", "right", "up", "down"]))
@drawing_options
def pan_command(image: str, direction: str, **options: Any) -> int:
    """Continue IMAGE to one side."""
    return act(on_image(image, Action.PAN, direction=direction), Options(**options))


@click.command("remix")
@click.argument("image", metavar="IMAGE")
@click.argument("prompt", nargs=-1, required=True)
@drawing_options
def remix_command(image: str, prompt: tuple[str, ...], **options: Any) -> int:
    """Draw PROMPT over the structure of IMAGE."""
    return act(on_image(image, Action.REMIX, prompt=read_words(prompt)), Options(**options))


@click.command("reroll")
@click.argument("image", metavar="IMAGE")
@drawing_options
def reroll_command(image: str, **options: Any) -> int:
    """Draw the prompt of IMAGE once more, with another seed."""
    return act(on_image(image, Action.REROLL), Options(**options))


@click.command("enhance")
@click.argument("image", metavar="IMAGE")
@drawing_options
def enhance_command(image: str, **options: Any) -> int:
    """Draw a draft at full size and with all steps, in the same composition."""
    return act(on_image(image, Action.ENHANCE), Options(**options))


@click.command("hd")
@click.argument("image", metavar="IMAGE")
@drawing_options
def hd_command(image: str, **options: Any) -> int:
    """Draw the prompt and the seed of IMAGE at the large size."""
    return act(on_image(image, Action.HD), Options(**options))


@click.command("blend")
@click.argument("pictures", metavar="PICTURE PICTURE...", nargs=-1, required=True)
@click.option("--parameters", default="", help='Of the prompt language, such as "--ar 3:2".')
@drawing_options
def blend_command(pictures: tuple[str, ...], parameters: str, **options: Any) -> int:
    """Draw what two to five pictures have in common: images, files or addresses."""
    if len(pictures) < BLENDED_MIN:
        raise click.UsageError(f"a blend needs {BLENDED_MIN} pictures or more")

    ids: list[str] = []

    def ask(client: Client) -> tuple[str, Mapping[str, object]]:
        ids.extend(picture_id(client, each) for each in pictures)
        return BLEND, {"images": ids} | ({"parameters": parameters} if parameters else {})

    try:
        return act(ask, Options(**options))
    except (
        PromptError
    ) as refusal:  # its place is counted in what the service makes of it: the pictures, then the parameters
        before = sum(len(f"{SCHEME}{each} ") for each in ids)
        raise typed(refusal, before=before, length=len(parameters)) from refusal
