"""`darkroom worker`: this machine draws for a Darkroom service, here or elsewhere, until it is told to leave."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import click

from darkroom.bootstrap import open_catalogue, open_studio, settings_of_process
from darkroom.settings import SLOTS_MAX, Settings

if TYPE_CHECKING:
    from darkroom.worker.developing import Developing
    from darkroom.worker.drawing import EngineGenerator


@click.command("worker")
@click.option("--url", default="", help="Address of the service (default: DARKROOM_URL).")
@click.option("--token", default="", help="What lets a worker in (default: DARKROOM_WORKER_TOKEN).")
@click.option(
    "--name",
    default="",
    help="What it is called, as no other worker is (default: the name of this machine and the number of its process).",
)
@click.option("--device", help="What to say that it draws on (default: what it finds).")
@click.option(
    "--slots", type=click.IntRange(1, SLOTS_MAX), help="Jobs at once (default: DARKROOM_WORKER_SLOTS)."
)
@click.option("--watch-parent", type=int, help="End when the process with this id, its parent, ends.")
def worker_command(
    url: str, token: str, name: str, device: str | None, slots: int | None, watch_parent: int | None
) -> int:
    """Draw for the service at URL: pull jobs, draw them, upload the pictures.

    SIGTERM lets it finish what it has; a second one, or Ctrl-C, makes it hand its jobs back and leave at once.
    """
    from darkroom.fleet.parent import die_with_parent
    from darkroom.worker.main import run_worker

    if watch_parent is not None:
        die_with_parent(watch_parent)
    settings = settings_of_process()
    url, token = url or settings.url, token or settings.worker_token
    if not url or not token:
        missing, variable = ("--token", "DARKROOM_WORKER_TOKEN") if url else ("--url", "DARKROOM_URL")
        raise click.UsageError(f"a worker needs {missing}, or {variable} in its environment")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    generator, finisher = _open(settings, device)
    return run_worker(
        url, token, generator, finisher, name=name, slots=settings.worker_slots if slots is None else slots
    )


def _open(settings: Settings, device: str | None) -> tuple[EngineGenerator, Developing]:
    """Everything that draws and finishes, loaded and tested. DarkroomError where a part is not what it should be."""
    from darkroom.classifiers.pixels import NsfwScorer
    from darkroom.worker.developing import Developing
    from darkroom.worker.drawing import EngineGenerator

    catalogue = open_catalogue(settings)
    generator = EngineGenerator(open_studio(settings, catalogue, beside=True), catalogue, device=device)
    generator.verify()
    return generator, Developing(NsfwScorer.load())
