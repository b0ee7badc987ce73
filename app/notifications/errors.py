"""Expected failures of notifications."""

from app.errors import DomainError, ErrorCode


class NotificationNotFound(DomainError):
    """Also for those of somebody else."""

    code = ErrorCode.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("There is no such notification.", path=("input", "ids"))


class InvalidUnsubscribeToken(Exception):
    """The link of no mail of ours."""
