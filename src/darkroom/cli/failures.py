"""The one place where an error becomes a sentence (or a JSON object) and an exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import click

from darkroom.cli.spoken import spoken
from darkroom.core.errors import Blocked, Cancelled, DarkroomError, PromptError, Refused

DONE = 0
FAILED = 1
BAD_INPUT = 2
CANCELLED = 130  # 128 + SIGINT, as shells count

QUOTED = {
    "imagine": 'darkroom imagine "a red fox --seed 7" -o out/',
    "parse": 'darkroom parse -- "a red fox --seed 7"',
}
"""The commands that take a prompt, as they are typed."""
OF_THE_PLAN = ("plan_required",)
"""Codes of prompts that are right, and that the account's plan does not allow: a refusal like `lane_not_in_plan`."""
EXPECTED = (DarkroomError, click.ClickException, click.Abort, KeyboardInterrupt, OSError)


def exit_code(error: BaseException) -> int:
    """0 done, 1 failed, 2 bad input, 130 cancelled."""
    if isinstance(error, (Cancelled, KeyboardInterrupt, click.Abort)):
        return CANCELLED
    if type(error) is Refused:  # what a server cannot make sense of; its subclasses were understood
        return BAD_INPUT
    if isinstance(error, PromptError) and error.code in OF_THE_PLAN:
        return FAILED
    return BAD_INPUT if isinstance(error, (PromptError, Blocked, click.UsageError)) else FAILED


def as_object(error: BaseException) -> dict[str, str | int]:
    """An error as the object that `--json` prints: code, message, position (0: nowhere in particular) and hint."""
    if isinstance(error, PromptError):
        return {"code": error.code, "message": error.message, "position": error.position, "hint": error.hint}
    if isinstance(error, DarkroomError):
        hint = error.hint if isinstance(error, Refused) else ""
        return {"code": error.code, "message": error.message, "position": 0, "hint": hint}
    if isinstance(error, click.ClickException):
        return {
            "code": "usage",
            "message": error.format_message(),
            "position": 0,
            "hint": "See darkroom --help.",
        }
    return as_object(Cancelled())


def tell(error: BaseException, *, as_json: bool) -> int:
    """Print an error, JSON on stdout or a sentence on stderr; the exit code that goes with it."""
    if isinstance(error, OSError):
        # The rooms turn theirs into errors of ours: this one is about stdout, as a rule.
        _abandon_stdout()
        if not isinstance(error, BrokenPipeError):
            click.echo(f"darkroom: cannot go on: {error.strerror or error}", err=True)
    elif as_json:
        click.echo(json.dumps({"error": as_object(error)}))
    elif isinstance(error, click.ClickException):
        error.show()
        if isinstance(error, click.NoSuchOption) and error.ctx and error.ctx.info_name in QUOTED:
            click.echo(f"A prompt and its parameters go in quotes: {QUOTED[error.ctx.info_name]}", err=True)
    else:
        click.echo(sentence(as_object(error)), err=True)
    return exit_code(error)


def sentence(error: dict[str, str | int]) -> str:
    """`darkroom: what was wrong`, and what would be right where the message does not say it already."""
    message, hint = spoken(str(error["message"])), spoken(str(error["hint"]))
    return f"darkroom: {message}" if not hint or hint in message else f"darkroom: {message}\n  {hint}"


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON, even one that could not be understood."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def _abandon_stdout() -> None:
    """Nobody can take our output any more: point stdout at nothing, so that flushing it at exit cannot fail again."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
