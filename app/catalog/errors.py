"""Expected failures of the catalogue."""

from app.errors import DomainError, ErrorCode


class NotFound(DomainError):
    """Also for what the actor may not see: a draft of somebody else does not exist for them."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, what: str, *path: str) -> None:
        super().__init__(f"There is no such {what}.", path=("input", *path))


class StaleVersion(DomainError):
    """Somebody else changed it first."""

    code = ErrorCode.CONFLICT

    def __init__(self, current: int) -> None:
        super().__init__(
            f"This was changed meanwhile; it is now version {current}. Load it again and repeat your change.",
            path=("input", "expectedVersion"),
        )


class OrderMismatch(DomainError):
    """The list of a reorder is not what is there now."""

    code = ErrorCode.CONFLICT

    def __init__(self, *path: str) -> None:
        super().__init__(
            "The list must name each of them exactly once, as they are now.", path=("input", *path)
        )


class InvalidState(DomainError):
    code = ErrorCode.INVALID_STATE


class LimitReached(DomainError):
    code = ErrorCode.LIMIT_REACHED
