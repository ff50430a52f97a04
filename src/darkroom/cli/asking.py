"""How a prompt becomes files by way of a server: find or start one -> upload what goes with it -> submit -> follow -> fetch.

Imports nothing heavy: a prompt that is wrong is told before a server is started.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.bootstrap import check_drawable, open_catalogue
from darkroom.cli.address import find_server
from darkroom.cli.awaiting import Session, await_jobs, session
from darkroom.cli.bring import reference
from darkroom.cli.spoken import typed
from darkroom.cli.wish import Outcome, Wish
from darkroom.core.errors import DarkroomError, ModelError, PromptError
from darkroom.prompt import BatchLimits, parse

if TYPE_CHECKING:
    from darkroom.cli.client import Object
    from darkroom.settings import Settings

LISTED_SINCE = "It is listed on this machine since the server started: stop the server and start it again."


@dataclass(frozen=True, kw_only=True)
class Company:
    """Pictures that go with a prompt, as they were typed: files, addresses, images. `prompts` stand before its words."""

    prompts: Sequence[str] = ()
    styles: Sequence[str] = ()


ALONE = Company()


def ask(
    text: str, wish: Wish, settings: Settings, outcomes: list[Outcome], company: Company = ALONE
) -> Sequence[Object]:
    """Have a prompt drawn and save what comes; `outcomes` grows as jobs end, and is in the order of the prompt at the end.

    A job that fails, fails alone. Raises what the server refuses; then, as on Ctrl-C, what is not done is cancelled there.
    Returns the jobs as they ended.
    """
    if find_server(settings) is None:
        check_prompt(text, settings)
    from darkroom.finish.write import check_folder

    check_folder(wish.out)
    with session(settings, quiet=wish.quiet) as here:
        before, after = accompanying(company, here)
        whole = f"{before}{text}{after}"

        def submit(key: str) -> Object:
            try:
                return here.client.submit(whole, lane=wish.lane, key=key)
            except PromptError as refusal:
                told = typed(refusal, before=len(before), length=len(text))
                raise _explained(told, text, settings) from refusal

        return await_jobs(submit, wish, here, outcomes)


def accompanying(company: Company, here: Session) -> tuple[str, str]:
    """What stands before a prompt and behind it: its pictures as references. Files are uploaded for it."""
    prompts = [reference(here.client, each) for each in company.prompts]
    styles = [reference(here.client, each) for each in company.styles]
    return "".join(f"{each} " for each in prompts), "".join(
        f" {each}" for each in ["--sref", *styles] if styles
    )


def check_prompt(text: str, settings: Settings) -> None:
    """Raises what a server on this machine would say to a prompt that cannot be understood."""
    catalogue = open_catalogue(settings)
    found = parse(text, catalogue=catalogue, limits=BatchLimits(jobs=settings.max_jobs))
    check_drawable({params.model for params in found}, catalogue)


def _explained(refusal: PromptError, text: str, settings: Settings) -> PromptError:
    """With the reason where a model was refused as unknown that this machine's registry has."""
    if refusal.code != "unsupported_by_model" or "names no model" not in refusal.message:
        return refusal
    hint = LISTED_SINCE
    try:
        check_prompt(text, settings)
    except ModelError as reason:  # it is listed, and this machine cannot draw with it
        hint = f"{reason.message}."
    except DarkroomError:
        return refusal
    return PromptError(refusal.code, refusal.message, position=refusal.position, hint=hint)
