"""The one tree of errors. A class docstring is the default message; a message says what, where, and what would be right.

DarkroomError
├── PromptError            the text of a prompt is wrong          (code, position, hint)
├── RegistryError          the registry of models is wrong or lacks a model
├── WeightsError           a file of weights is missing or is not what it should be
├── ModelError             a model cannot do what a request asks of it
├── OutputError            a result cannot be written or read
└── Cancelled              the caller asked to stop
"""

from __future__ import annotations


class DarkroomError(Exception):
    """Something went wrong in Darkroom."""

    code = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__class__.__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self.args[0])


class PromptError(DarkroomError):
    """The prompt cannot be understood.

    `code` is one of the stable codes of the prompt language, `position` the 1-based character of the fault in the
    text as it was given (0 where no place can be named), `hint` what would be right.
    """

    def __init__(self, code: str, message: str, *, position: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.position = position
        self.hint = hint


class RegistryError(DarkroomError):
    """The registry of models cannot be read."""

    code = "registry_invalid"


class WeightsError(DarkroomError):
    """The weights are missing or damaged."""

    code = "weights_invalid"


class ModelError(DarkroomError):
    """The model cannot do what was asked."""

    code = "model_failed"


class OutputError(DarkroomError):
    """The result cannot be written or read."""

    code = "output_failed"


class Cancelled(DarkroomError):
    """Cancelled."""

    code = "cancelled"
