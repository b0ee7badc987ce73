"""What operations refuse, and how their work is told to stop."""

from app.errors import DomainError, ErrorCode


class OperationNotFound(DomainError):
    """Also for what the actor may not see."""

    code = ErrorCode.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("There is no such operation.", path=("input", "operationId"))


class OperationEnded(DomainError):
    """It can no longer be cancelled; and for the work itself: it was given up, nobody waits for it."""

    code = ErrorCode.INVALID_STATE

    def __init__(self) -> None:
        super().__init__("The operation has ended already.", path=("input", "operationId"))


class OperationRefused(DomainError):
    """The work cannot be done as it was asked. The message is what its owner reads."""


class Cancelled(Exception):
    """Its owner wants no more of it. What is recorded stays."""
