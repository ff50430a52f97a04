"""The command `darkroom`: runs the subcommand, and turns whatever it raises into a sentence and an exit code.

The modules of the commands import nothing heavy: torch, Pillow and rich are loaded by what needs them, when it runs.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import NoReturn, TextIO

import click

from darkroom import __version__
from darkroom.cli import (
    account,
    actions,
    admin,
    failures,
    folders,
    images,
    lineage,
    marks,
    replay,
    uploads,
    words,
)
from darkroom.cli.imagine import imagine_command
from darkroom.cli.jobs import cancel_command, jobs_command, open_command
from darkroom.cli.login import login_command
from darkroom.cli.models import models_command
from darkroom.cli.parse import parse_command
from darkroom.cli.sections import Sectioned
from darkroom.cli.serve import serve_command
from darkroom.cli.show import show_command
from darkroom.cli.worker import worker_command

EPILOG = """\b
Examples:
  darkroom imagine "a red fox in the snow --seed 7" -o out/
  darkroom imagine "a {red, green} apple --ar 16:9" --json
  echo "a lighthouse at night" | darkroom imagine -
  darkroom vary last/2
  darkroom upscale last/2 --scale 4
  darkroom show out/a-red-fox-in-the-snow_7_1.png
  darkroom serve
  darkroom login "https://darkroom.example/login?token=dl_..."
  darkroom jobs --state running
  darkroom admin users add ada --plan standard
"""
SECTIONS: tuple[tuple[str, Sequence[click.Command]], ...] = (
    ("Draw", (imagine_command, parse_command, words.shorten_command, models_command)),
    (
        "Steer an image",
        (
            *(actions.vary_command, actions.region_command, actions.remix_command, actions.upscale_command),
            *(actions.zoom_command, actions.pan_command, actions.reroll_command, actions.enhance_command),
            *(actions.hd_command, actions.blend_command, words.describe_command),
            *(uploads.upload_command, uploads.uploads_group),
        ),
    ),
    ("Look where it comes from", (lineage.lineage_command, replay.replay_command, show_command)),
    (
        "Keep and find",
        (
            *(jobs_command, cancel_command, open_command, images.images_command, images.explore_command),
            *(images.searches_group, folders.folders_group, folders.download_command, marks.like_command),
            *(marks.favourite_command, marks.rate_command, marks.pick_command, marks.hide_command),
            *(marks.visibility_command, marks.trash_command, marks.restore_command, marks.delete_command),
        ),
    ),
    ("Serve", (serve_command, worker_command, login_command, account.account_group, admin.admin_group)),
)


@click.group(cls=Sectioned, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="darkroom %(version)s")
def darkroom() -> None:
    """Darkroom: a prompt becomes four pictures, on your own machine."""


for heading, commands in SECTIONS:
    darkroom.add_section(heading, commands)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code: 0 done, 1 failed, 2 bad input, 130 cancelled."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: its idle threads must not spin
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being told to stop is being cancelled
    for stream in (sys.stdout, sys.stderr):
        _print_anything(stream)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code. Every error of ours ends here, and nowhere else."""
    started = time.monotonic()
    try:
        code = darkroom.main(list(arguments), prog_name="darkroom", standalone_mode=False, obj=started)
        if sys.stdout is not None:  # as it is where the parent has closed it
            sys.stdout.flush()
    except failures.EXPECTED as error:
        return failures.tell(error, as_json=failures.wants_json(arguments))
    return code if isinstance(code, int) else failures.DONE


def _print_anything(stream: TextIO) -> None:
    """What a stream cannot encode (lone surrogates, say) is printed escaped instead of failing."""
    if reconfigure := getattr(stream, "reconfigure", None):
        reconfigure(errors="backslashreplace")
