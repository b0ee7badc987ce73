"""Connections as Relay describes them, with keyset cursors: a page starts after a row, not after a count of rows."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import orjson
import strawberry
from graphql import GraphQLError

from graphql_schema.fields import computed, field
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

PAGE_LIMIT = 100

FirstArgument = Annotated[int, strawberry.argument(description="How many to give, 1 to 100.")]
AfterArgument = Annotated[str | None, strawberry.argument(description="A cursor: give what comes after it.")]
Cursor = tuple[str | int | float, ...]
Node = TypeVar("Node")


def check_first(first: int) -> None:
    """Raises for a page size outside 1 to 100: more is an error, never a silent cut."""
    if not 1 <= first <= PAGE_LIMIT:
        raise GraphQLError(f"`first` must be between 1 and {PAGE_LIMIT}.", extensions={"code": "BAD_USER_INPUT"})


def encode_cursor(values: Sequence[Any]) -> str:
    """Opaque to clients; the values of a row that its list is ordered by."""
    return urlsafe_b64encode(orjson.dumps(values, default=str)).decode()


def decode_cursor(cursor: str) -> Cursor:
    """Raises BAD_USER_INPUT for anything that encode_cursor did not make."""
    try:
        values = orjson.loads(urlsafe_b64decode(cursor.encode()))
    except ValueError:
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str | int | float) for value in values):
        raise bad_cursor()
    return tuple(values)


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
    continued: strawberry.Private[bool] = False
    edges: list[Edge[Node]] = computed(
        lambda page: [
            Edge(node=node, cursor=encode_cursor(row["cursor"])) for node, row in zip(page.nodes, page.rows, strict=True)
        ],
        description="The page's elements, each with its cursor.",
    )
    page_info: PageInfo = computed(lambda page: page.make_page_info(), description="Whether and where to go on.")

    @classmethod
    def of_rows(
        cls, rows: Sequence[Row], first: int, of: Callable[[Row], Node], *, continued: bool = False, **more: Any
    ) -> "Connection[Node]":
        """A page of at most `first` nodes; a row beyond them only tells that there is a next page.

        Rows carry `cursor`, the list of values they are ordered by.
        """
        page = rows[:first]
        return cls(
            nodes=[of(row) for row in page], rows=page, more=len(rows) > first, continued=continued, **more
        )

    def make_page_info(self) -> PageInfo:
        rows = self.rows
        return PageInfo(
            has_next_page=self.more,
            has_previous_page=self.continued,
            start_cursor=encode_cursor(rows[0]["cursor"]) if rows else None,
            end_cursor=encode_cursor(rows[-1]["cursor"]) if rows else None,
        )


