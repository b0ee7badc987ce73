"""What a cache holds and for whom. A key carries its audience: what was computed for one viewer has no public key."""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from zlib import crc32

import orjson
from pydantic import TypeAdapter, ValidationError

_PREFIX = "lectern:cache"


class Audience(Protocol):
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Public:
    """For everybody, nobody signed in included."""

    @property
    def text(self) -> str:
        return "public"


@dataclass(frozen=True, slots=True)
class OfRole:
    """The same for all accounts of a role."""

    role: str

    def __post_init__(self) -> None:
        if not self.role.isidentifier():
            raise ValueError("a role is a name")

    @property
    def text(self) -> str:
        return f"role-{self.role}"


@dataclass(frozen=True, slots=True)
class OfViewer:
    """For one account alone."""

    user_id: int

    def __post_init__(self) -> None:
        if self.user_id <= 0:
            raise ValueError("a viewer is an account")

    @property
    def text(self) -> str:
        return f"viewer-{self.user_id}"


PUBLIC = Public()

Scope = TypeVar("Scope", bound=Audience)
Value = TypeVar("Value")


class CacheSpec(Generic[Scope, Value]):
    """One cache: a name, the audience of its keys, what its values are, how long they live (seconds).

    `kind` is plain data that JSON can carry there and back: a TypedDict, a list of numbers. A change of it changes the
    version in the keys by itself; raise `version` when the same fields get another meaning.
    """

    def __init__(self, name: str, *, version: int, scope: type[Scope], kind: type[Value], ttl: float) -> None:
        self.name = name
        self.scope = scope
        self.ttl = ttl
        self._values: TypeAdapter[Value] = TypeAdapter(kind)
        shape = orjson.dumps(self._values.json_schema(), option=orjson.OPT_SORT_KEYS)
        self.version = f"{version}.{crc32(shape):08x}"

    def entry(self, scope: Scope, identifier: int | str) -> str:
        """The entry's name in every release. Raises TypeError for an audience that is not this cache's."""
        if type(scope) is not self.scope:
            raise TypeError(f"{self.name} is a cache of {self.scope.__name__}, not of {type(scope).__name__}")
        return f"{self.name}:{scope.text}:{identifier}"

    def value_key(self, entry: str) -> str:
        return f"{_PREFIX}:value:{self.version}:{entry}"

    def lease_key(self, entry: str) -> str:
        return f"{_PREFIX}:lease:{self.version}:{entry}"

    def encode(self, value: Value) -> bytes:
        return self._values.dump_json(value, warnings="error")

    def decode(self, body: bytes) -> Value | None:
        """None for anything that `encode` has not made."""
        try:
            return self._values.validate_json(body)
        except ValidationError:
            return None


AnySpec = CacheSpec[Any, Any]


def generation_key(entry: str) -> str:
    """Of no release: whoever forgets an entry forgets it for all of them."""
    return f"{_PREFIX}:generation:{entry}"
