"""A request that does not fit its schema: which field, what is wrong with it, what would be right. And what text may hold.

Never echoes more than a name of what was sent: a value may be a secret.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

FIELD_MAX_CHARACTERS = 100  # of a field's path in a message
DEPTH_MAX = 32  # objects and lists within each other in a body


class Body(BaseModel):
    """A JSON body of a request: nothing unknown, no text that a database cannot keep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: object) -> object:
        check_storable(data)
        return data


def check_storable(data: object, *, depth: int = 0) -> None:
    """ValueError where a text, at any depth, holds NUL or half a character (a lone surrogate)."""
    if depth > DEPTH_MAX:
        raise ValueError(f"Must not be nested deeper than {DEPTH_MAX} levels")
    if isinstance(data, str):
        storable(data)
    elif isinstance(data, Mapping):
        for key, value in data.items():
            check_storable(key, depth=depth + 1)
            check_storable(value, depth=depth + 1)
    elif isinstance(data, list):
        for value in data:
            check_storable(value, depth=depth + 1)


def storable(text: str) -> str:
    """The text itself. ValueError where PostgreSQL or UTF-8 would refuse it."""
    if "\0" in text:
        raise ValueError("Must not hold the character NUL")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("Must not hold half of a surrogate pair") from None
    return text


def plain_name(text: str) -> str:
    """A name without space around it. ValueError where nothing is left, or where it holds a control character."""
    name = text.strip()
    if not name:
        raise ValueError("Must have a letter at least")
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        raise ValueError("Must not hold control characters, such as a line break")
    return name


_HINTS: Mapping[str, str] = {
    "missing": "Add it.",
    "extra_forbidden": "Leave it away; /openapi.json lists the fields.",
    "model_attributes_type": "Send one JSON object.",
    "uuid_parsing": "Use an id as it was given.",
    "uuid_type": "Use an id as it was given.",
    "string_pattern_mismatch": "/openapi.json says how it is written.",
}


_SENTENCES: Mapping[str, str] = {
    "missing": "{field} is missing.",
    "extra_forbidden": "{field} is no field of this request.",
    "model_attributes_type": "The body must be a JSON object.",
    "string_type": "{field} must be a text.",
    "string_too_long": "{field} is too long: it may have {max_length:,} characters.",
    "string_too_short": "{field} is too short: it needs {min_length:,} characters.",
    "string_pattern_mismatch": "{field} has not the form that is expected there.",
    "list_type": "{field} must be a list.",
    "too_long": "{field} has {actual_length:,} entries, and may have {max_length:,}.",
    "too_short": "{field} has {actual_length:,} entries, and needs at least {min_length:,}.",
    "greater_than": "{field} must be more than {gt:g}.",
    "greater_than_equal": "{field} must be at least {ge:,}.",
    "less_than": "{field} must be less than {lt:g}.",
    "less_than_equal": "{field} must be at most {le:,}.",
    "finite_number": "{field} must be a finite number.",
    "int_type": "{field} must be a whole number.",
    "int_parsing": "{field} must be a whole number.",
    "int_parsing_size": "{field} is too large a number.",
    "int_from_float": "{field} must be a whole number.",
    "float_type": "{field} must be a number.",
    "float_parsing": "{field} must be a number.",
    "bool_type": "{field} must be true or false.",
    "bool_parsing": "{field} must be true or false.",
    "enum": "{field} must be {expected}.",
    "literal_error": "{field} must be {expected}.",
    "uuid_type": "{field} must be an id.",
    "uuid_parsing": "{field} must be an id.",
}
"""What pydantic's kinds of faults mean, with the numbers of its context; all else is told in its own words."""


def told(fault: Mapping[str, Any]) -> tuple[str, str, str]:
    """One fault that pydantic found: the field's name, a sentence, a hint."""
    place, *path = [str(step) for step in fault["loc"]]
    field = ".".join(path)[:FIELD_MAX_CHARACTERS] or place
    kind = str(fault["type"])
    reason = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
    context = fault.get("ctx", {})
    try:
        sentence = "{field} is empty." if context.get("min_length") == 1 else _SENTENCES[kind]
        message = sentence.format_map({**context, "field": field})
    except (KeyError, ValueError):  # a kind that is new to us, or one whose numbers are no numbers
        message = f"{field}: {reason}."
    return field, message, _HINTS.get(kind, "")
