"""What the core says when it cannot do what it was asked. Each message is plain English and a gettext msgid."""

from __future__ import annotations


class CoreError(Exception):
    """Base of all of them; `str(error)` can be shown to a person."""


class NotFound(CoreError):
    """It is not there, or the asker may not know that it is: the answer is the same on purpose."""

    def __init__(self, message: str = "There is nothing here.") -> None:
        super().__init__(message)


class NotAllowed(CoreError):
    """The asker may see it, but not do this to it."""

    def __init__(self, message: str = "Your role does not allow this.") -> None:
        super().__init__(message)


class Invalid(CoreError):
    """A value that cannot be taken. `field` names it, the message says what would be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Stale(CoreError):
    """Somebody was faster: what was sent builds on an older version. Nothing was changed."""


class RateLimited(CoreError):
    """Too many tries; `seconds` says how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__("Too many tries. Wait a moment, then try again.")
        self.seconds = seconds
