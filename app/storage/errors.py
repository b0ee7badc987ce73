"""What may become of a call for a stored file."""

from app.errors import DomainError, ErrorCode, Unavailable


class NoSuchFile(DomainError):
    code = ErrorCode.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("There is no such file.")


class AlreadyExists(DomainError):
    """A file of that key was there first; nothing of it has changed. In a folder also: one of a part of the key, or one
    below it, for a name is a file's there or a folder's.
    """

    code = ErrorCode.CONFLICT

    def __init__(self) -> None:
        super().__init__("There is such a file already.")


class FileTooLarge(DomainError):
    """The stream was longer than allowed; nothing was stored."""

    code = ErrorCode.LIMIT_REACHED

    def __init__(self, limit: int) -> None:
        super().__init__(f"The file has more than {limit} bytes.")


class RangeNotSatisfiable(Exception):
    """The wanted bytes begin behind the file's end."""


class Away(Unavailable):
    """The storage did not answer, or only that it cannot now. What else is Unavailable is an answer."""
