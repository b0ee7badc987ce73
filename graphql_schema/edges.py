"""Relations between types, declared in one line and nowhere else: this is what lets an executor batch a whole list.

    instructor: User = edge(lambda l: l.identity.user, key="instructor_id", description="...")

The loader is named, the key is an attribute of the parent. Rows become objects with the `of` of the field's type.
"""

from asyncio import shield
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import GraphQLResolveInfo, get_named_type

from graphql_schema.pagination import (
    AfterArgument,
    Connection,
    FirstArgument,
    check_first,
    decode_cursor,
)
from graphql_schema.permissions import Policy
from loaders import Loaders

Choose = Callable[[Loaders], Any]


@dataclass(frozen=True, slots=True)
class Edge:
    """A declared relation, as binding.py and an executor find it in a field's metadata."""

    loader: Choose
    key: str
    resolve: Callable[..., Any]
    gate: Choose | None = None


def edge(
    loader: Choose,
    *,
    key: str,
    description: str,
    policy: Policy | None = None,
    list_size: int | None = None,
    gate: Choose | None = None,
) -> Any:
    """To one object, or to all of a short list (at most 100 by rule): as the loader gives a row or a list of rows.

    `list_size`: how many objects the node limit counts for a list, where that is known better than its assumption.
    `gate`: a loader that gives a row for those keys whose relation the actor may see; for others it is null.
    """
    sized = {} if list_size is None else {"list_size": list_size}
    of: Callable[[Any], Any] | None = None

    async def convert(future: Awaitable[Any], info: GraphQLResolveInfo[Any]) -> Any:
        nonlocal of
        found = await shield(future)
        if found is None:
            return None
        if of is None:
            of = get_named_type(info.return_type).extensions["strawberry-definition"].origin.of
        return [of(row) for row in found] if isinstance(found, list) else of(found)

    def resolve(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
        value = getattr(source, key)
        if value is None:
            return None
        if gate is not None:
            return through(gate, value, info)
        return convert(loader(info.context.loaders).load(value), info)

    async def through(gate: Choose, value: Any, info: GraphQLResolveInfo[Any]) -> Any:
        loaders = info.context.loaders
        if await shield(gate(loaders).load(value)) is None:
            return None
        return await convert(loader(loaders).load(value), info)

    return strawberry.field(
        description=description,
        default=None,
        metadata={"policy": policy, "edge": Edge(loader, key, resolve, gate), **sized},
    )


def loaded(
    loader: Choose,
    *,
    key: str,
    of: Callable[[Any], Any],
    description: str,
    known: str | None = None,
    policy: Policy | None = None,
) -> Any:
    """A value out of the row that a loader gives; null where it gives none.

    `known` names an attribute that holds the value already, where it is not None.
    """

    async def convert(future: Awaitable[Any]) -> Any:
        found = await shield(future)
        return None if found is None else of(found)

    def resolve(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
        if known is not None and (value := getattr(source, known)) is not None:
            return value
        value = getattr(source, key)
        return None if value is None else convert(loader(info.context.loaders).load(value))

    return strawberry.field(
        description=description, default=None, metadata={"policy": policy, "resolve": resolve}
    )


def connection_edge(
    pages: Choose,
    *,
    key: str,
    of: Callable[[], Callable[[Any], Any]],
    cursor: Mapping[str, type],
    description: str,
    policy: Policy | None = None,
    gate: Choose | None = None,
    arguments: Callable[..., Any] | None = None,
    page: Callable[[int, Any, Mapping[str, Any]], Any] | None = None,
) -> Any:
    """To a list of any length, in pages: adds `first` (1 to 100) and `after`.

    `of` names what makes a node of a row; `cursor` the columns, and their kinds, that the read orders by; `gate` is as of
    `edge`. A list that takes more arguments gives a function with all of them as `arguments`, as `_page_arguments` is, and
    `page`, which makes the read's one parameter of them: page(first, after, others), those by their names in GraphQL.
    """
    ordered_by = tuple(cursor)

    async def convert(future: Awaitable[Any], first: int, *, continued: bool) -> Any:
        return Connection.of_rows(
            await shield(future), first, of(), ordered_by=ordered_by, continued=continued
        )

    def resolve(
        source: Any, info: GraphQLResolveInfo[Any], first: int, after: str | None = None, **others: Any
    ) -> Any:
        check_first(first)
        start = None if after is None else decode_cursor(after, cursor)
        # One row more than asked for tells whether there is a next page.
        chosen = (first + 1, start) if page is None else (page(first + 1, start, others),)
        if gate is not None:
            return through(gate, getattr(source, key), info, chosen, first, continued=start is not None)
        loader = pages(info.context.loaders)(*chosen)
        return convert(loader.load(getattr(source, key)), first, continued=start is not None)

    async def through(
        gate: Choose,
        value: Any,
        info: GraphQLResolveInfo[Any],
        chosen: tuple[Any, ...],
        first: int,
        *,
        continued: bool,
    ) -> Any:
        loaders = info.context.loaders
        if await shield(gate(loaders).load(value)) is None:
            return None
        return await convert(pages(loaders)(*chosen).load(value), first, continued=continued)

    return strawberry.field(
        resolver=arguments or _page_arguments,
        description=description,
        metadata={"policy": policy, "edge": Edge(pages, key, resolve, gate)},
    )


# Strawberry reads the arguments from this signature; binding.py puts the edge's own function in its place.
async def _page_arguments(first: FirstArgument, after: AfterArgument = None):  # type: ignore[no-untyped-def]  # noqa: ANN202, ARG001
    raise RuntimeError("binding.py has not run")
