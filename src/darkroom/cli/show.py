"""`darkroom show FILE`: where a picture comes from, as it is written inside the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from darkroom.cli.plain import plain
from darkroom.core.fingerprints import short_of
from darkroom.core.params import IMAGES_PER_JOB
from darkroom.finish.read import read_provenance

LABEL_COLUMNS = 12


@click.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show_command(file: Path, as_json: bool) -> None:
    """Print where a picture comes from: prompt, parameters, seed, model, engine."""
    provenance = read_provenance(file).as_object()
    click.echo(json.dumps(provenance) if as_json else "\n".join(_lines(provenance)))


def _lines(provenance: Mapping[str, object]) -> list[str]:
    """One fact a line. Control characters of a hostile file are shown escaped: they must not steer a terminal."""
    image = provenance["image"]
    facts = {
        "prompt": provenance["canonical"],
        "seed": provenance["seed"],
        "image": f"the grid of {IMAGES_PER_JOB}" if image is None else f"{image} of {IMAGES_PER_JOB}",
        "model": provenance["model"],
        "weights": provenance["weights"],
        "fingerprint": _short(provenance["engine"]),
        "engine": provenance["engine"],
        "software": provenance["software"],
        "created": provenance["created"],
        "parameters": provenance["parameters"],
    }
    return [line for name, value in facts.items() for line in _fact(name, value)]


def _short(engine: object) -> str:
    """Pictures of one fingerprint can be made again bit by bit where it is the same."""
    told = engine if isinstance(engine, Mapping) else {}
    return short_of({name: value for name, value in told.items() if name != "exact"})


def _fact(name: str, value: object) -> list[str]:
    if isinstance(value, dict):
        return [
            name,
            *(
                f"  {plain(key):<20} {plain(json.dumps(entry, ensure_ascii=False))}"
                for key, entry in value.items()
            ),
        ]
    return [f"{name:<{LABEL_COLUMNS}} {plain(str(value))}"]
