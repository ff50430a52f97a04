"""`python -m darkroom.train.composer sheet`: a contact sheet of scenes with their captions."""

from __future__ import annotations

from pathlib import Path

import click
import cv2
from PIL import Image

from darkroom.train.composer.sheet import sampled_sheet
from darkroom.train.composer.spec import Split
from darkroom.train.sprites import Atlas

SCENES = 48


@click.group()
def main() -> None:
    """Compose captioned scenes."""


@main.command()
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of the atlas."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Image to write.")
@click.option("--seed", default=0, show_default=True)
@click.option("--count", default=SCENES, show_default=True)
@click.option("--width", default=96, show_default=True, help="Pixels.")
@click.option("--height", default=96, show_default=True, help="Pixels.")
@click.option(
    "--split", type=click.Choice([s.value for s in Split]), default=Split.TRAIN.value, show_default=True
)
def sheet(data: Path, out: Path, seed: int, count: int, width: int, height: int, split: str) -> None:
    """Write a contact sheet of freshly drawn scenes."""
    cv2.setNumThreads(1)
    page = sampled_sheet(
        Atlas.load(data), seed=seed, count=count, split=Split(split), width=width, height=height
    )
    Image.fromarray(page).save(out)
    click.echo(f"{count} scenes at {width}x{height} in {out}")


if __name__ == "__main__":
    main()
