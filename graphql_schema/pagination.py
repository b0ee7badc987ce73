"""Connections as Relay describes them, with keyset cursors: a page starts after a row, not after a count of rows."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any, Generic, Self, TypeVar
from uuid import UUID

import orjson
import strawberry
from graphql import GraphQLError

from graphql_schema.fields import computed, field
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

PAGE_LIMIT = 100
_BIGINT = 2**63

FirstArgument = Annotated[int, strawberry.argument(description="How many to give, 1 to 100.")]
AfterArgument = Annotated[str | None, strawberry.argument(description="A cursor: give what comes after it.")]
Cursor = tuple[Any, ...]
Node = TypeVar("Node")


def check_first(first: int) -> None:
    """Raises for a page size outside 1 to 100: more is an error, never a silent cut."""
    if not 1 <= first <= PAGE_LIMIT:
        raise GraphQLError(
            f"`first` must be between 1 and {PAGE_LIMIT}.", extensions={"code": "BAD_USER_INPUT"}
        )


def encode_cursor(values: Mapping[str, Any]) -> str:
    """Opaque to clients; the columns of a row that its list is ordered by, with their values.

    The names are in it so that a cursor of another order is refused instead of misread.
    """
    return urlsafe_b64encode(orjson.dumps(values, default=_plain)).decode()


def decode_cursor(cursor: str, columns: Mapping[str, type]) -> Cursor:
    """The values of these columns, of these kinds. Raises BAD_USER_INPUT for what no such list gave out."""
    try:
        values = orjson.loads(urlsafe_b64decode(cursor.encode()))
        if not isinstance(values, dict) or values.keys() != columns.keys():
            raise bad_cursor()
        return tuple(_typed(values[name], kind) for name, kind in columns.items())
    except (ValueError, TypeError, OverflowError):
        raise bad_cursor() from None


def _plain(value: object) -> str:
    """The driver's UUIDs are a class of its own."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value))


def _typed(value: object, kind: type) -> Any:
    if kind is datetime and isinstance(value, str):
        # Raises OverflowError at the ends of the calendar, where the database would fail.
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    if kind is UUID and isinstance(value, str):
        return UUID(value)
    if kind is float and type(value) is float and isfinite(value):
        return value
    if kind is int and type(value) is int and abs(value) < _BIGINT:
        return value
    if kind is str and isinstance(value, str) and "\0" not in value:
        return value
    raise TypeError(kind)


def bad_cursor() -> GraphQLError:
    return GraphQLError("`after` is not a cursor of this list.", extensions={"code": "BAD_USER_INPUT"})


@strawberry.type(description="Where a page stands in its list.")
@policy(PUBLIC)
class PageInfo:
    has_next_page: bool = field(description="Whether more comes after this page.")
    has_previous_page: bool = field(description="Whether `after` was given, and so something came before.")
    start_cursor: str | None = field(description="Cursor of the page's first element.")
    end_cursor: str | None = field(description="Cursor of the page's last element: the next page's `after`.")


@strawberry.type(description="One element of a page and where it stands.")
@policy(PUBLIC)
class Edge(Generic[Node]):
    node: Node = field(description="The element.")
    cursor: str = field(description="Give it as `after` to go on behind this element.")


@strawberry.type(description="One page of a list.")
@policy(PUBLIC)
class Connection(Generic[Node]):
    nodes: list[Node] = field(description="The page's elements.")
    rows: strawberry.Private[Sequence[Row]]
    more: strawberry.Private[bool]
    ordered_by: strawberry.Private[Sequence[str]]
    continued: strawberry.Private[bool]
    edges: list[Edge[Node]] = computed(
        lambda page: [
            Edge(node=node, cursor=page.cursor_of(row))
            for node, row in zip(page.nodes, page.rows, strict=True)
        ],
        description="The page's elements, each with its cursor.",
    )
    page_info: PageInfo = computed(
        lambda page: page.make_page_info(), description="Whether and where to go on."
    )

    @classmethod
    def of_rows(
        cls,
        rows: Sequence[Row],
        first: int,
        of: Callable[[Row], Node],
        *,
        ordered_by: Sequence[str],
        continued: bool,
        **more: Any,
    ) -> Self:
        """A page of at most `first` nodes; a row beyond them only tells that there is a next page.

        `ordered_by` names the columns a cursor is made of; `continued` tells whether `after` was given.
        """
        page = rows[:first]
        nodes = [of(row) for row in page]
        return cls(
            nodes=nodes, rows=page, more=len(rows) > first, ordered_by=ordered_by, continued=continued, **more
        )

    def cursor_of(self, row: Row) -> str:
        return encode_cursor({name: row[name] for name in self.ordered_by})

    def make_page_info(self) -> PageInfo:
        rows = self.rows
        return PageInfo(
            has_next_page=self.more,
            has_previous_page=self.continued,
            start_cursor=self.cursor_of(rows[0]) if rows else None,
            end_cursor=self.cursor_of(rows[-1]) if rows else None,
        )
