"""`darkroom parse`: what a prompt is understood as, job by job, without drawing anything. Loads no torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from darkroom.bootstrap import open_catalogue, settings_of_process
from darkroom.cli.plain import plain
from darkroom.core.errors import PromptError
from darkroom.core.params import GenerationParams
from darkroom.finish.provenance import parameters_of
from darkroom.model.registry import read_registry
from darkroom.prompt import BatchLimits, format_prompt, parse

STDIN_MAX_BYTES = 16 * 1024 * 1024
LABEL_COLUMNS = 18
ALWAYS_SHOWN = ("aspect", "model", "seed")


@click.command("parse")
@click.argument("prompt", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--registry",
    type=click.Path(path_type=Path),
    help="TOML file that lists the models (default: the installed ones).",
)
def parse_command(prompt: tuple[str, ...], as_json: bool, registry: Path | None) -> None:
    """Show how PROMPT is understood: one job for each picture grid that it asks for.

    Put the prompt in quotes and after `--`: darkroom parse -- "a red fox --ar 16:9". A single `-` reads it from standard
    input.
    """
    settings = settings_of_process()
    catalogue = read_registry(registry) if registry else open_catalogue(settings)
    jobs = parse(read_prompt(prompt), catalogue=catalogue, limits=BatchLimits(jobs=settings.max_jobs))
    if as_json:
        click.echo(json.dumps({"jobs": [job_object(job) for job in jobs]}))
    else:
        click.echo("\n\n".join("\n".join(_lines(job, number)) for number, job in enumerate(jobs, start=1)))


def read_prompt(words: Sequence[str]) -> str:
    """The prompt of a command line, its words joined; `-` alone stands for standard input, which may hold any bytes.

    Bytes that are not UTF-8 become lone surrogates, which the prompt language refuses with their place.
    """
    if tuple(words) != ("-",):
        return " ".join(words)
    if sys.stdin is None:
        raise click.UsageError("`-` reads the prompt from standard input, which is closed")
    text = sys.stdin.buffer.read(STDIN_MAX_BYTES).decode("utf-8", errors="surrogateescape")
    return text.removeprefix("\ufeff").rstrip("\r\n")


def read_words(words: Sequence[str]) -> str:
    """The same of a prompt that must say something. PromptError (`empty_prompt`)."""
    text = read_prompt(words)
    if not text.strip():
        raise PromptError(
            "empty_prompt", "The prompt is empty.", hint="Write a few words, such as: a red fox in the snow."
        )
    return text


def job_object(job: GenerationParams) -> dict[str, object]:
    """A job as JSON prints it. `seed`, `lane` and `visibility` are null where the prompt leaves them open."""
    return {
        "prompt": job.text,
        **parameters_of(job),
        "image_prompts": [reference.source for reference in job.image_prompts],
        "canonical": format_prompt(job),
    }


def _lines(job: GenerationParams, number: int) -> Iterator[str]:
    """A job for people: its words, then what differs from the defaults."""
    yield f"job {number}: {plain(format_prompt(job))}"
    for part in job.parts:
        yield f"  {'words':<{LABEL_COLUMNS}} {part.weight:<7.3g} {plain(part.text)}"
    facts = job_object(job)
    unasked = job_object(GenerationParams(parts=(), model=""))
    for name, value in facts.items():
        if name in ALWAYS_SHOWN or (value != unasked[name] and name not in ("prompt", "parts", "canonical")):
            yield f"  {name.replace('_', ' '):<{LABEL_COLUMNS}} {plain(_told(value))}"


def _told(value: object) -> str:
    if value is None:
        return "open"
    if isinstance(value, list):
        return ", ".join(_told(each) for each in value)
    if isinstance(value, dict):
        return " ".join(f"{key}={_told(each)}" for key, each in value.items())
    return "yes" if value is True else "no" if value is False else str(value)
