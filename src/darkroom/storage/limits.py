"""What every store refuses of pictures and appeals, in the same words. Knows no store."""

from __future__ import annotations

from darkroom.core.appeals import Appeal
from darkroom.core.errors import Conflict, Exhausted, NotFound, Refused
from darkroom.core.gallery import FOLDER_IMAGES_MAX, FOLDERS_MAX, SEARCHES_MAX


def folder_name_taken(name: str) -> Conflict:
    return Conflict(
        f"There is a folder {name!r} already.",
        code="name_taken",
        field="name",
        hint="Choose another name; capitals make no difference.",
    )


def too_many_folders() -> Exhausted:
    return Exhausted(
        f"An account has at most {FOLDERS_MAX} folders.",
        code="too_many_folders",
        hint="Delete one that you do not use: its images stay.",
    )


def folder_full() -> Exhausted:
    return Exhausted(
        f"A folder holds at most {FOLDER_IMAGES_MAX} images.",
        code="folder_full",
        hint="Make another folder.",
        field="add",
    )


def too_many_searches() -> Exhausted:
    return Exhausted(
        f"An account has at most {SEARCHES_MAX} saved searches.",
        code="too_many_searches",
        hint="Delete one that you do not use.",
    )


def no_verdict(verdict_id: object) -> NotFound:
    return NotFound(f"Nothing of yours was refused under the number {verdict_id}.")


def already_appealed(verdict_id: object) -> Conflict:
    return Conflict(
        f"You have appealed against verdict {verdict_id} already.",
        code="already_appealed",
        hint="Each verdict can be appealed against once; an operator's answer will stand beside it.",
    )


def too_many_appeals(open_max: object) -> Exhausted:
    return Exhausted(
        f"{open_max} of your appeals wait for an operator, and no more may.",
        code="too_many_appeals",
        hint="Wait until some are decided.",
    )


def no_appeal(appeal_id: object) -> NotFound:
    return NotFound(f"There is no appeal {appeal_id}.")


def appeal_resolved(appeal: Appeal) -> Conflict:
    return Conflict(
        f"The appeal {appeal.id} is decided already: it was {appeal.state.value}.", code="already_resolved"
    )


def picture_deleted(parent_id: str) -> Refused:
    return Refused(
        f"The picture {parent_id}, which this needs, was deleted meanwhile.",
        code="inputs_gone",
        hint="Use another picture.",
    )
