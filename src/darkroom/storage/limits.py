"""What every store refuses of pictures, in the same words. Knows no store."""

from __future__ import annotations

from darkroom.core.errors import Conflict, Exhausted, Refused
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


def picture_deleted(parent_id: str) -> Refused:
    return Refused(
        f"The picture {parent_id}, which this needs, was deleted meanwhile.",
        code="inputs_gone",
        hint="Use another picture.",
    )
