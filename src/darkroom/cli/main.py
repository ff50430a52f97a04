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
from darkroom.cli import account, admin, failures
from darkroom.cli.imagine import imagine_command
from darkroom.cli.jobs import cancel_command, jobs_command, open_command
from darkroom.cli.login import login_command
from darkroom.cli.models import models_command
from darkroom.cli.parse import parse_command
from darkroom.cli.serve import serve_command
from darkroom.cli.show import show_command
from darkroom.cli.worker import worker_command

EPILOG = """\b
Examples:
  darkroom imagine "a red fox in the snow --seed 7" -o out/
  darkroom imagine "a {red, green} apple --ar 16:9" --json
  echo "a lighthouse at night" | darkroom imagine -
  darkroom show out/a-red-fox-in-the-snow_7_1.png
  darkroom serve
  darkroom login "https://darkroom.example/login?token=dl_..."
  darkroom jobs --state running
  darkroom admin users add ada --plan standard
"""
COMMANDS = (
    *(imagine_command, parse_command, models_command, show_command, jobs_command, cancel_command, open_command),
    *(login_command, account.account_group, admin.admin_group, serve_command, worker_command),
)  # fmt: skip


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="darkroom %(version)s")
def darkroom() -> None:
    """Darkroom: a prompt becomes four pictures, on your own machine."""


for command in COMMANDS:
    darkroom.add_command(command)


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
