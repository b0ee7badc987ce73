"""What a domain may say to a client. Everything that is not a DomainError is masked at the edge."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class ErrorCode(StrEnum):
    """Machine-readable outcomes. The list grows; clients keep a default branch."""

    INVALID_INPUT = "INVALID_INPUT"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 - a name, no secret
    EMAIL_TAKEN = "EMAIL_TAKEN"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"
    INVALID_STATE = "INVALID_STATE"
    LIMIT_REACHED = "LIMIT_REACHED"
    ENROLLMENT_NOT_OPEN = "ENROLLMENT_NOT_OPEN"
    ENROLLMENT_CLOSED = "ENROLLMENT_CLOSED"
    INVITATION_REQUIRED = "INVITATION_REQUIRED"
    PREREQUISITES_MISSING = "PREREQUISITES_MISSING"


class DomainError(Exception):
    """An expected failure: safe to show, answered as data in `userErrors`.

    `path` names the input field at fault, outermost first: ("input", "title").
    """

    code: ErrorCode = ErrorCode.INVALID_INPUT
    account_id: int | None = None
    """Whose account was tried, for the audit log: never shown to the client."""
    audit_outcome: str = ""
    """What the audit log says where it may say more than `code` does."""
    payload: Mapping[str, Any] = MappingProxyType({})
    """Fields of the mutation's payload that tell more than the message does, by their names in Python."""

    def __init__(self, message: str, *, code: ErrorCode | None = None, path: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = tuple(path)
        if code is not None:
            self.code = code


class Forbidden(DomainError):
    """The viewer lacks the right. Answered as a top-level error, not as data."""

    code = ErrorCode.FORBIDDEN

    def __init__(self, message: str = "You may not do this.") -> None:
        super().__init__(message)


class RateLimited(Exception):
    """Too many attempts: a top-level error, and the client may try again after that time."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"Too many attempts. Please try again in {retry_after_seconds} seconds.")
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Exception):
    """A service we depend on did not answer in time: 503, and the client may try again."""

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
