"""Expected failures of learning."""

from app.errors import DomainError, ErrorCode


class NotFound(DomainError):
    """Also for what the actor may not see."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, what: str, *path: str) -> None:
        super().__init__(f"There is no such {what}.", path=("input", *path))


class NotEnrolled(DomainError):
    """It is for those who are enrolled, and the actor is not."""

    code = ErrorCode.INVALID_STATE

    def __init__(self, *path: str) -> None:
        super().__init__("Enrol in the course first.", path=("input", *path))


class NameTaken(DomainError):
    """The course has a cohort of that name."""

    code = ErrorCode.CONFLICT

    def __init__(self) -> None:
        super().__init__("The course has a cohort of this name already.", path=("input", "name"))


class LimitReached(DomainError):
    code = ErrorCode.LIMIT_REACHED

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message, path=("input", *path))


class InvalidState(DomainError):
    code = ErrorCode.INVALID_STATE

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message, path=("input", *path))
