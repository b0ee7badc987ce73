"""The schema, put together from the domains' parts. `python -m graphql_schema.schema` writes its snapshot."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from graphql_schema.binding import bind
from graphql_schema.catalog.mutations import CatalogMutations
from graphql_schema.catalog.queries import CatalogQueries
from graphql_schema.context import Info
from graphql_schema.identity.mutations import IdentityMutations
from graphql_schema.identity.queries import IdentityQueries
from graphql_schema.learning.mutations import LearningMutations
from graphql_schema.node import Node, node_key, node_loaders
from graphql_schema.notifications.mutations import NotificationsMutations
from graphql_schema.operations.mutations import OperationMutations
from graphql_schema.operations.queries import OperationQueries
from graphql_schema.pagination import PAGE_LIMIT
from graphql_schema.permissions import PUBLIC
from graphql_schema.scalars import DateTime
from graphql_schema.viewer import ViewerQuery

SNAPSHOT = Path(__file__).with_name("schema.graphql")


async def _load(info: Info, identifier: str) -> Node | None:
    parsed = node_key(identifier)
    if parsed is None:
        return None
    loader, of = node_loaders[parsed[0]]
    row = await loader(info.context.loaders).load(parsed[1])
    return None if row is None else of(row)


async def _node(
    info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
) -> Node | None:
    return await _load(info, id)


def _nodes(
    info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="Up to 100 global ids.")]
) -> list[Node | None]:
    if len(ids) > PAGE_LIMIT:
        raise GraphQLError(f"At most {PAGE_LIMIT} ids.", extensions={"code": "BAD_USER_INPUT"})
    # Awaited by the executor, all at once: their keys meet in one batch a type.
    return [_load(info, identifier) for identifier in ids]  # type: ignore[misc]


@strawberry.type(description="Reading.")
class Query(CatalogQueries, IdentityQueries, OperationQueries, ViewerQuery):
    node: Node | None = strawberry.field(
        resolver=_node,
        description="Any object by its global id; null when there is none, or none for you.",
        metadata={"policy": PUBLIC},
    )
    nodes: list[Node | None] | None = strawberry.field(
        resolver=_nodes,
        description="The same for many, in the order of the ids.",
        metadata={"policy": PUBLIC},
    )


@strawberry.type(
    description="Writing. Root fields run one after the other, each in a transaction of its own."
)
class Mutation(
    IdentityMutations, OperationMutations, NotificationsMutations, CatalogMutations, LearningMutations
):
    pass


def build_schema() -> strawberry.Schema:
    """The schema with our resolvers laid on it. Raises UndeclaredPolicyError when a field states no policy."""
    schema = strawberry.Schema(
        query=Query, mutation=Mutation, config=StrawberryConfig(scalar_map={datetime: DateTime})
    )
    bind(schema._schema)  # noqa: SLF001 - the executor runs the graphql-core schema itself
    return schema


def main() -> None:
    """Writes the snapshot; with --check only compares, and exits 1 when it is not up to date."""
    printed = f"{build_schema().as_str()}\n"
    if "--check" not in sys.argv:
        SNAPSHOT.write_text(printed)
    elif not SNAPSHOT.exists() or SNAPSHOT.read_text() != printed:
        sys.exit("graphql_schema/schema.graphql is not up to date. Run: python -m graphql_schema.schema")


if __name__ == "__main__":
    main()
