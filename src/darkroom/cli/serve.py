"""`darkroom serve`: brings up the whole service on this machine and says where it is. Logs go to stderr."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from darkroom.bootstrap import settings_of_process
from darkroom.settings import PORT_MAX, WORKERS_MAX

if TYPE_CHECKING:
    from darkroom.bootstrap.server import Ready

STDIN = 0
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@click.command("serve")
@click.option("--host", help="The address to listen on (default: DARKROOM_HOST, else 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, PORT_MAX), help="The port; 0 for any that is free.")
@click.option("--workers", type=click.IntRange(0, WORKERS_MAX), help="Workers to start here; 0 for none.")
@click.option("--json", "as_json", is_flag=True, help="Say where it is as one JSON object.")
@click.option("--verbose", is_flag=True, help="Log more.")
@click.option("--until-closed", is_flag=True, hidden=True, help="Stop when standard input is closed.")
def serve_command(
    host: str | None, port: int | None, workers: int | None, as_json: bool, verbose: bool, until_closed: bool
) -> None:
    """Serve: gateway, queue, database and a worker, until Ctrl-C."""
    import uvloop

    from darkroom.bootstrap.server import serve

    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format=LOG_FORMAT)
    settings = settings_of_process()
    settings = replace(
        settings,
        host=host or settings.host,
        port=settings.port if port is None else port,
        workers=settings.workers if workers is None else workers,
    )
    if until_closed:
        threading.Thread(target=_stop_when_closed, name="until-closed", daemon=True).start()
    uvloop.run(serve(settings, tell=_tell_json if as_json else _tell))


def _stop_when_closed() -> None:
    """Whoever started this server holds the other end of its standard input: it ends with them, however they end."""
    with suppress(OSError):
        while os.read(STDIN, 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(ready: Ready) -> None:
    """The address, the owner's login link, and where the data lies."""
    if ready.welcome.first_start:
        click.echo("Welcome to Darkroom. This is its first start: the owner's account was made.")
    click.echo(f"Darkroom is at   {ready.url}")
    click.echo(f"Log in (once)    {ready.login_url}")
    click.echo(f"The data lies in {ready.data}")
    click.echo('Draw with        darkroom imagine "a red fox in the snow"')
    click.echo("Stop with        Ctrl-C")


def _tell_json(ready: Ready) -> None:
    found = {"url": ready.url, "login_url": ready.login_url, "data": str(ready.data), "pid": os.getpid()}
    click.echo(json.dumps(found))
