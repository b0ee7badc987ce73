"""What a failed call says of the storage: only one that is away is left alone, whatever a client asks for.

The library puts all that it has no name for into one class; which it was stands in its words alone: an error's number of the
system, or S3's status. tests/app/storage/test_failures.py would notice other words.
"""

import errno
import re
from enum import Enum, auto
from http import HTTPStatus
from typing import Final

from obstore.exceptions import BaseError, GenericError, InvalidPathError

_SYSTEM: Final = re.compile(r"\(os error (\d+)\)\Z")
_STATUS: Final = re.compile(r"Server returned non-2xx status code: (\d{3})\b")

# The name is what is wrong: it goes through a file, in circles, or is none that this file system takes.
_NAME: Final = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})
# A file stands where a folder would have to, or a folder where the file would.
_OBSTRUCTED: Final = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# Nothing is to be had from such a disk or server, for whomever: it is broken, gone, or on the other end of a dead line.
_AWAY: Final = frozenset(
    {
        errno.EIO,
        errno.ENXIO,
        errno.ENODEV,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ENOTCONN,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
    }
)
# S3 takes its time, or asks to be left alone. Of the rest above 499 it cannot do what it is asked (501), or is full (507).
_BUSY: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class Failure(Enum):
    MISSING = auto()
    """No such file, and none can be there."""
    OBSTRUCTED = auto()
    """Something of that name, or of a part of it, is there: a file is not to be had, nor to be made."""
    FULL = auto()
    """What is there can still be read."""
    DENIED = auto()
    """It answers, and refuses us: an operator has to see to it. It may be about one file alone."""
    AWAY = auto()
    """It does not answer, or only that it cannot now."""


def failure(error: BaseError | OSError) -> Failure:
    """Of those errors that the library, or the system, has no better name for."""
    if isinstance(error, OSError):
        # Our own look at the folder itself: no client's name is in it.
        return Failure.AWAY if error.errno in _AWAY else Failure.DENIED
    if isinstance(error, InvalidPathError):
        return Failure.MISSING
    line = first_line(error)
    if system := _SYSTEM.search(line):
        return _of_system(int(system[1]))
    if status := _STATUS.search(line):
        return _of_s3(int(status[1]))
    # Neither: the server was not reached, or the line broke. What has a class of its own is no such thing.
    return Failure.AWAY if type(error) is GenericError else Failure.DENIED


def first_line(error: Exception) -> str:
    """Below it the library tells of its own insides."""
    return (str(error) or type(error).__name__).partition("\n")[0]


def _of_system(number: int) -> Failure:
    if number in _NAME:
        return Failure.MISSING
    if number in _OBSTRUCTED:
        return Failure.OBSTRUCTED
    if number in _FULL:
        return Failure.FULL
    return Failure.AWAY if number in _AWAY else Failure.DENIED


def _of_s3(status: int) -> Failure:
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return Failure.MISSING  # the bytes of the version that was looked at
    if status == HTTPStatus.INSUFFICIENT_STORAGE:
        return Failure.FULL
    return Failure.AWAY if status in _BUSY else Failure.DENIED
