"""The one tree of errors. The first line of a class docstring is the default message; a message says what, where, and what would be right.

DarkroomError
├── PromptError            the text of a prompt is wrong          (code, position, hint)
├── RegistryError          the registry of models is wrong or lacks a model
├── WeightsError           a file of weights is missing or is not what it should be
├── ModelError             a model cannot do what a request asks of it
├── OutputError            a result cannot be written or read
├── Cancelled              the caller asked to stop
├── Refused                the service says no to a request      (code, hint, field)
│   ├── NotFound           there is no such thing, or it is somebody else's
│   ├── NotAllowed         who asks may not do this
│   ├── Conflict           it contradicts what is there
│   ├── Exhausted          a quota, a cap or a rate is used up   (retry_after_s)
│   └── Blocked            moderation says no                    (category)
└── Unavailable            a part of the service cannot answer now; asking again later may help
    ├── StoreUnavailable   the database or the object store
    ├── ModerationUnavailable
    ├── Overloaded         more submissions are at hand than can be taken
    └── NotActive          another process dispatches            (url)
"""

from __future__ import annotations


class DarkroomError(Exception):
    """Something went wrong in Darkroom."""

    code = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__class__.__doc__ or "").strip().partition("\n")[0])

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


class Refused(DarkroomError):
    """The request cannot be granted.

    `code` is stable and machine-readable, `hint` says what would be right, `field` where in the request the fault is.
    """

    code = "refused"

    def __init__(
        self, message: str | None = None, *, code: str | None = None, hint: str = "", field: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.hint = hint
        self.field = field


class NotFound(Refused):
    """There is no such thing here."""

    code = "not_found"


class NotAllowed(Refused):
    """This is not allowed."""

    code = "not_allowed"


class Conflict(Refused):
    """The request contradicts what is already there."""

    code = "conflict"


class Exhausted(Refused):
    """A limit is reached.

    `retry_after_s` says when asking again may help; None where waiting alone does not.
    """

    code = "exhausted"

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        hint: str = "",
        field: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, field=field)
        self.retry_after_s = retry_after_s


class Blocked(Refused):
    """The content policy does not allow this.

    `category` names the part of the policy.
    """

    code = "prompt_blocked"

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        hint: str = "",
        field: str | None = None,
        category: str = "",
    ) -> None:
        super().__init__(message, code=code, hint=hint, field=field)
        self.category = category


class Unavailable(DarkroomError):
    """A part of the service cannot answer at the moment. Nothing was changed; try again."""

    code = "unavailable"


class StoreUnavailable(Unavailable):
    """The store cannot be reached at the moment. Nothing was lost or charged; try again."""

    code = "store_unavailable"


class ModerationUnavailable(Unavailable):
    """The content check is not working, so nothing is accepted or delivered until it does."""

    code = "moderation_unavailable"


class Overloaded(Unavailable):
    """The service has more submissions at hand than it can take. Nothing was accepted or charged; try again in a moment."""

    code = "overloaded"


class NotActive(Unavailable):
    """Another process dispatches, or none does yet; try again in a moment.

    `url` is where the other one is found, "" where nobody dispatches.
    """

    code = "not_active"

    def __init__(self, message: str | None = None, *, url: str = "") -> None:
        super().__init__(message)
        self.url = url
