"""`darkroom models`: what is installed, and which prompt parameters each model honours; and the commands below it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from darkroom.bootstrap import settings_of_process
from darkroom.bootstrap.models import open_catalogue
from darkroom.cli.own_models import add_command, check_command, pull_command, remove_command
from darkroom.core.capabilities import ModelCapabilities, ModelCatalogue, ModelSource


@click.group("models", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def models_command(context: click.Context, as_json: bool) -> None:
    """List the models that are installed and what each can do; add your own."""
    if context.invoked_subcommand is not None:
        return
    catalogue = open_catalogue(settings_of_process())
    if as_json:
        click.echo(json.dumps(_as_object(catalogue)))
        return
    for model in sorted(catalogue.models.values(), key=lambda model: (not model.default, model.name)):
        click.echo("\n".join(_lines(model, catalogue)))


for command in (add_command, check_command, remove_command, pull_command):
    models_command.add_command(command)


def _as_object(catalogue: ModelCatalogue) -> dict[str, object]:
    models = sorted(catalogue.models.values(), key=lambda model: model.name)
    return {"models": [_model_object(model) for model in models], "aliases": dict(catalogue.aliases)}


def _model_object(model: ModelCapabilities) -> dict[str, object]:
    return {
        "name": model.name,
        "title": model.title,
        "family": model.family,
        "default": model.default,
        "honours": sorted(model.honours),
        "native_px": model.native_px,
        "large_px": model.large_px,
        "widest_aspect": model.widest_aspect,
        "widest_aspect_hd": model.widest_aspect_hd,
        "max_image_prompts": model.max_image_prompts,
        "letters": model.letters,
        "licence": model.licence,
        "source": model.source and (model.source.folder or model.source.hub),
        "driven": asdict(model.source) if model.source else None,
    }


def _driven(source: ModelSource) -> dict[str, str]:
    """Where the weights are, and what the entry says in place of the family's defaults."""
    asked = {
        "lora": ", ".join(f"{Path(each.file).name} at {each.weight:g}" for each in source.adapters),
        "steps": "" if source.steps is None else str(source.steps),
        "guidance": "" if source.guidance is None else f"{source.guidance:g}",
        "rule": source.guidance_rule or "",
        "sampler": source.sampler or "",
        "precision": "" if source.precision == "auto" else source.precision,
    }
    return {"weights": source.folder or source.hub} | {name: value for name, value in asked.items() if value}


def _lines(model: ModelCapabilities, catalogue: ModelCatalogue) -> list[str]:
    answers_to = sorted(alias for alias, name in catalogue.aliases.items() if name == model.name)
    facts = {
        "size": f"{model.native_px} px, at most {model.widest_aspect}:1",
        "honours": ", ".join(sorted(model.honours)),
        "answers to": ", ".join([model.name, *answers_to]),
        "licence": model.licence or "not stated",
        **(_driven(model.source) if model.source else {}),
    }
    mark = "  (default)" if model.default else ""
    return [
        f"{model.name}{mark}",
        f"  {model.title}",
        *(f"  {name:<11} {value}" for name, value in facts.items()),
    ]
