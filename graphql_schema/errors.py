"""What clients see of an error: expected ones as they are, limits and bad input with a code, bugs masked.

Codes of top-level errors: those of `app.errors.ErrorCode`, and GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED,
OPERATION_NOT_DETERMINED, LIMIT_EXCEEDED, BAD_USER_INPUT, UNAUTHENTICATED, RATE_LIMITED, UNAVAILABLE, TIMEOUT, INTERNAL.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from graphql import GraphQLError

from app.errors import DomainError, RateLimited, Unavailable
from app.identity.errors import InvalidAccessToken
from app.telemetry import request_id

logger = logging.getLogger("lectern.graphql")

INTERNAL_MESSAGE = "Something went wrong on our side."


class Outcome(IntEnum):
    """How an operation ended, the worst last: with several errors the worst counts."""

    OK = 0
    USER_ERROR = 1
    GRAPHQL_ERROR = 2
    REJECTED = 3
    UNAUTHENTICATED = 4
    UNAVAILABLE = 5
    TIMEOUT = 6
    INTERNAL = 7

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(slots=True)
class ErrorReport:
    """Errors as they are sent, and what they mean for the answer. `retry_after` is in seconds."""

    errors: list[dict[str, Any]] = field(default_factory=list)
    outcome: Outcome = Outcome.OK
    retry_after: int = 0


def report(
    errors: Iterable[GraphQLError], *, operation: str, code: str = "BAD_USER_INPUT", ran: bool = True
) -> ErrorReport:
    """Formats and masks. `code` is for errors of graphql-core's own, which carry none. Before anything `ran`, errors
    are about the client's text and variables alone and nothing is masked.

    Each distinct bug is logged once, with its traceback, however many objects it hit.
    """
    result = ErrorReport()
    logged: set[object] = set()
    for error in errors:
        formatted, outcome, retry_after = _describe(error, code, ran=ran)
        if outcome is Outcome.INTERNAL and (bug := _place(error.original_error)) not in logged:
            logged.add(bug)
            log_bug(error.original_error or error, operation=operation, path=error.path)
        result.errors.append(formatted)
        result.outcome = max(result.outcome, outcome)
        result.retry_after = max(result.retry_after, retry_after)
    return result


def log_bug(error: BaseException, *, operation: str, path: Sequence[str | int] | None = None) -> None:
    """One line with the traceback; the request id is in it, as the client has it."""
    context: dict[str, object] = {"requestId": request_id.get(), "operation": operation}
    if path:
        context["path"] = ".".join(map(str, path))
    logger.error(
        "unforeseen %s in %s, request %s",
        type(error).__name__,
        operation,
        request_id.get(),
        exc_info=error,
        extra={"context": context},
    )


def internal_error() -> dict[str, Any]:
    """The one thing a client learns of a bug."""
    return {
        "message": INTERNAL_MESSAGE,
        "extensions": {"code": "INTERNAL", "requestId": request_id.get()},
    }


def _describe(error: GraphQLError, code: str, *, ran: bool) -> tuple[dict[str, Any], Outcome, int]:
    original = error.original_error
    retry_after = 0
    outcome = Outcome.GRAPHQL_ERROR
    formatted: dict[str, Any]
    if isinstance(original, DomainError):
        formatted = {"message": original.message, "extensions": {"code": original.code.value}}
    elif isinstance(original, InvalidAccessToken):
        outcome = Outcome.UNAUTHENTICATED
        formatted = {"message": str(original), "extensions": {"code": "UNAUTHENTICATED"}}
    elif isinstance(original, Unavailable):
        outcome, retry_after = Outcome.UNAVAILABLE, original.retry_after_seconds
        formatted = {
            "message": str(original),
            "extensions": {"code": "UNAVAILABLE", "retryAfterSeconds": retry_after},
        }
    elif isinstance(original, RateLimited):
        formatted = {
            "message": str(original),
            "extensions": {"code": "RATE_LIMITED", "retryAfterSeconds": original.retry_after_seconds},
        }
    elif ran and _is_bug(original):
        outcome = Outcome.INTERNAL
        formatted = internal_error()
    else:
        extensions: dict[str, Any] = {"code": code, **(error.extensions or {})}
        if extensions["code"] == "TIMEOUT":
            outcome = Outcome.TIMEOUT
        formatted = {"message": error.message, "extensions": extensions}
    if error.locations:
        formatted["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        formatted["path"] = error.path
    return formatted, outcome, retry_after


def _is_bug(original: Exception | None) -> bool:
    if original is None:
        return False
    if not isinstance(original, GraphQLError):
        return True
    if original.nodes or original.extensions:
        # A coercion error names the argument at fault; what resolvers raise on purpose carries a code.
        return False
    # graphql-core also raises this class when *we* returned what a type cannot hold: a null, a number too large.
    trace = original.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return str(module).startswith("graphql.")


def _place(error: BaseException | None) -> object:
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = (trace.tb_frame.f_code, trace.tb_lineno) if trace is not None else None
    return type(error), where
