"""Global ids and `node(id:)`: one name for every object, opaque to clients, and one way from the name to the object."""

from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import strawberry

from app.errors import DomainError, ErrorCode
from graphql_schema.fields import field
from graphql_schema.permissions import PUBLIC, policy
from loaders import Loaders

Class = TypeVar("Class", bound=type)
_MAXIMUM = 2**63 - 1  # bigint
_DIGITS = 19  # of the largest
_LIST_LIMIT = 1000

node_loaders: dict[str, tuple[Callable[[Loaders], Any], Callable[[Any], Any]]] = {}
_keyed_by_uuid: set[str] = set()
_keyed_by_pair: set[str] = set()

Pair = tuple[int, int]
"""The key of what stands between two objects, such as a person and a course."""
Key = int | UUID | Pair


@strawberry.interface(description="Anything with a global id.")
@policy(PUBLIC)
class Node:
    id: strawberry.ID = field(description="Opaque, unique among all objects, stable.")


def is_node(loader: Callable[[Loaders], Any], *, key: type = int) -> Callable[[Class], Class]:
    """Makes a type reachable through `node(id:)` by the loader that its edges use, and so under the same rules.

    `key`: what its objects are numbered with, int, UUID or tuple (of two numbers).
    """

    def register(cls: Class) -> Class:
        if key is UUID:
            _keyed_by_uuid.add(cls.__name__)
        elif key is tuple:
            _keyed_by_pair.add(cls.__name__)
        node_loaders[cls.__name__] = (loader, cls.of)  # type: ignore[attr-defined]
        return cls

    return register


def global_id(type_name: str, key: Key) -> strawberry.ID:
    """The id of an object, by its number, its UUID or its two numbers."""
    written = f"{key[0]}.{key[1]}" if isinstance(key, tuple) else key
    return global_id_of(f"{type_name}:{written}")


def global_id_of(subject: str) -> strawberry.ID:
    """The id of an object named by its type and key, such as Course:12."""
    return b2a_base64(subject.encode(), newline=False).decode("ascii")  # type: ignore[return-value]


def subject_of(identifier: str) -> str | None:
    """The same name back, for any id of ours; None for anything else."""
    if (session_id := session_of(identifier)) is not None:
        return f"Session:{session_id}"
    return None if node_key(identifier) is None else _subject_in(identifier)


def node_key(identifier: str) -> tuple[str, Key] | None:
    """Type name and key of what `node(id:)` may find; None for any other id."""
    try:
        type_name = _subject_in(identifier).partition(":")[0]
    except ValueError:
        return None
    if type_name not in node_loaders:
        return None
    key: Key | None
    if type_name in _keyed_by_uuid:
        key = uuid_of(type_name, identifier)
    elif type_name in _keyed_by_pair:
        key = pair_of(type_name, identifier)
    else:
        key = number_of(type_name, identifier)
    return None if key is None else (type_name, key)


def uuid_of(type_name: str, identifier: str) -> UUID | None:
    """The UUID behind an id of that very type, as we write it; None for any other id."""
    try:
        key = UUID(_subject_in(identifier).removeprefix(f"{type_name}:"))
    except ValueError:
        return None
    return key if global_id(type_name, key) == identifier else None


def session_of(identifier: str) -> UUID | None:
    """The session behind an id; None for any other id."""
    return uuid_of("Session", identifier)


def parse_global_id(identifier: str) -> tuple[str, int] | None:
    """Type name and number, or None for anything that is no id of ours, as we write it."""
    try:
        type_name, _, digits = _subject_in(identifier).partition(":")
    except ValueError:
        return None
    if not digits.isdigit() or len(digits) > _DIGITS or int(digits) > _MAXIMUM:
        return None
    number = int(digits)
    # Zeros in front, bits to spare at the end: a client that compares ids would take one object for two.
    return (type_name, number) if global_id(type_name, number) == identifier else None


def number_of(type_name: str, identifier: str) -> int | None:
    """The number behind an id of that very type; None for any other, which nothing has."""
    parsed = parse_global_id(identifier)
    return parsed[1] if parsed is not None and parsed[0] == type_name else None


def pair_of(type_name: str, identifier: str) -> Pair | None:
    """The two numbers behind an id of that very type, as we write it; None for any other."""
    try:
        first, _, second = _subject_in(identifier).removeprefix(f"{type_name}:").partition(".")
    except ValueError:
        return None
    if not all(digits.isdigit() and len(digits) <= _DIGITS for digits in (first, second)):
        return None
    pair = int(first), int(second)
    return pair if max(pair) <= _MAXIMUM and global_id(type_name, pair) == identifier else None


def required_number(type_name: str, identifier: str, *path: str) -> int:
    """For inputs. Raises NOT_FOUND at `path`, as for an id of the right type that nothing has."""
    number = number_of(type_name, identifier)
    if number is None:
        raise DomainError(
            f"There is no such {type_name.lower()}.", code=ErrorCode.NOT_FOUND, path=("input", *path)
        )
    return number


def required_numbers(type_name: str, identifiers: list[strawberry.ID], *path: str) -> list[int]:
    """For lists in inputs, at most 1,000 long. Raises NOT_FOUND for an id of anything else."""
    if len(identifiers) > _LIST_LIMIT:
        raise DomainError(f"At most {_LIST_LIMIT:,} entries.", path=("input", *path))
    return [required_number(type_name, identifier, *path) for identifier in identifiers]


def _subject_in(identifier: str) -> str:
    """Type and key as somebody wrote them. Raises ValueError."""
    return b64decode(identifier, validate=True).decode("ascii")
