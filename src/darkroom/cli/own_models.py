"""`darkroom models add | check | remove | pull`: the models that people own come, are looked at, and go."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from darkroom.bootstrap import settings_of_process
from darkroom.bootstrap.models import Checked, add, check, entry_to_try, own_registry, pull, remove
from darkroom.bootstrap.trial import Tried, try_model
from darkroom.cli.plain import plain
from darkroom.core.capabilities import AdapterSource, ModelCapabilities, ModelSource
from darkroom.core.errors import ModelError, WeightsError

GIB = 1024**3
MIB = 1024**2
NATIVE_PX = (64, 4096)  # that any network draws
LATER = "A server that runs already sees it after its next start."
_NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")


@click.command("add")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--lora",
    "loras",
    multiple=True,
    metavar="FILE[=WEIGHT]",
    help="Lay LoRA weights over it; may be given more than once.",
)
@click.option("--title", default="", help="What people read about it.")
@click.option("--licence", default="", help="The licence of its weights.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
    default="auto",
    help="What it computes in.",
)
@click.option("--steps", type=click.IntRange(1, 1000), help="Steps at --quality 1 (default: its family's).")
@click.option("--guidance", type=click.FloatRange(-100, 100), help="Guidance (default: its family's).")
@click.option("--sampler", help="Sampler (default: what its folder says).")
@click.option(
    "--native-px",
    type=click.IntRange(*NATIVE_PX),
    help="Side of a square picture (default: what its folder says).",
)
@click.option("--default", "default", is_flag=True, help="Draw with it where a prompt names no model.")
def add_command(
    name: str,
    folder: Path,
    loras: Sequence[str],
    title: str,
    licence: str,
    precision: str,
    steps: int | None,
    guidance: float | None,
    sampler: str | None,
    native_px: int | None,
    default: bool,
) -> None:
    """List the model in FOLDER (diffusers' layout) under NAME."""
    source = ModelSource(
        adapters=tuple(_adapter(each) for each in loras),
        precision=precision,
        steps=steps,
        guidance=guidance,
        sampler=sampler,
    )
    sizes = {"native_px": native_px, "large_px": round(native_px * 1.25) if native_px else None}
    settings = settings_of_process()
    model = add(settings, name, folder, source=source, title=title, licence=licence, default=default, **sizes)
    _welcome(model, own_registry(settings))


@click.command("check")
@click.argument("target", metavar="NAME|FOLDER")
@click.option("--draw", is_flag=True, help="Load it, and take a step of a tiny picture.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check_command(target: str, draw: bool, as_json: bool) -> None:
    """Say whether a model, or a folder that may be one, can be drawn with, and all that is wrong with it."""
    settings = settings_of_process()
    found, tried = check(settings, target), None
    if draw and not found.problems:
        try:
            tried = try_model(settings, entry_to_try(settings, found))
        except (ModelError, WeightsError) as error:
            found = replace(found, problems=(error.message,))
    lines = [*_lines(found, tried), *(f"  wrong: {plain(problem)}" for problem in found.problems)]
    click.echo(json.dumps(_as_object(found, tried)) if as_json else "\n".join(lines))
    if found.problems:
        raise click.exceptions.Exit(1)


@click.command("remove")
@click.argument("name")
@click.option("--files", is_flag=True, help="Delete its folder too, if `darkroom models pull` fetched it.")
def remove_command(name: str, files: bool) -> None:
    """Take a model that you added off the list. Its files stay."""
    done = remove(settings_of_process(), name, files=files)
    stay = "its files stay" + (f": {done.kept}" if done.kept else "")
    click.echo(f"{name} is no longer listed; {f'{done.deleted} is deleted' if done.deleted else stay}")
    click.echo(f"  {LATER}")


@click.command("pull")
@click.argument("hub", metavar="OWNER/NAME")
@click.option("--name", default="", help="What to call it (default: the second half of its name on the hub).")
@click.option("--revision", default="", help="A branch, tag or commit of it.")
def pull_command(hub: str, name: str, revision: str) -> None:
    """Fetch a model from the hub, safetensors only, and list it."""
    settings = settings_of_process()
    if hub.count("/") != 1 or not all(hub.split("/")):
        raise click.UsageError(f"a model on the hub is named OWNER/NAME, not {hub!r}")
    called = name or _NOT_IN_NAMES.sub("-", hub.split("/")[1].lower()).strip("-.")
    _welcome(pull(settings, hub, name=called, revision=revision), own_registry(settings))


def _adapter(text: str) -> AdapterSource:
    """`FILE`, or `FILE=WEIGHT`."""
    file, separator, weight = text.rpartition("=")
    path = Path(file if separator else text).expanduser().absolute()
    try:
        return AdapterSource(file=str(path), weight=float(weight) if separator else 1.0)
    except ValueError:
        raise click.UsageError(f"--lora is FILE or FILE=WEIGHT with a number, not {text!r}") from None


def _welcome(model: ModelCapabilities, listed_in: Path) -> None:
    click.echo(f"{model.name} is listed in {listed_in}: {model.family}, {model.native_px} px")
    click.echo(f'  darkroom imagine "a lighthouse at night --v {model.name}"')
    click.echo(f"  {LATER}")


def _as_object(found: Checked, tried: Tried | None) -> dict[str, object]:
    report = found.report
    return {
        "name": found.name,
        "folder": str(found.folder) if found.folder else None,
        "family": report.family if report else None,
        "class": report.class_name if report else None,
        "bytes": dict(report.bytes_by_dtype) if report else {},
        "problems": list(found.problems),
        "drawn": tried and asdict(tried),
    }


def _lines(found: Checked, tried: Tried | None) -> list[str]:
    if found.problems:
        lines = [f"{found.name} cannot be drawn with"]
    elif tried:
        lines = [f"{found.name} can be drawn with: {_trial(tried)}"]
    elif found.report is None:
        return [f"{found.name} is built in, or on the hub: there is nothing to look at here; --draw tries it"]
    else:
        lines = [f"{found.name} looks right; --draw tries it"]
    if found.report is None:
        return lines
    if found.report.family:
        lines.append(f"  family     {found.report.family} ({found.report.class_name})")
    for component in found.report.components:
        kinds = ", ".join(sorted(component.bytes_by_dtype))
        size = sum(component.bytes_by_dtype.values())
        lines += [f"  {component.name:<16} {_size(size):>10}  {kinds}"] if size else []
    return lines


def _trial(tried: Tried) -> str:
    needs = f"{_size(tried.needed_bytes)} of memory"
    return (
        f"loaded and tried in {tried.seconds:.1f} s on {tried.device} in {tried.precision}; it needs {needs}"
    )


def _size(size: int) -> str:
    return f"{size / GIB:.2f} GiB" if size >= GIB else f"{size / MIB:.2f} MiB"
