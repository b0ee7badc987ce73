"""Who sees an operation, on every path that leads to one; and pages of them."""

from typing import Any

import pytest

from app.database import Database
from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from graphql_schema.node import global_id
from tests.factories.catalog import codes, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.operations import ENDED, make_operations
from tests.support.api import Api

FIELDS = """id kind state progress message createdAt startedAt finishedAt cancelRequested
    result { name count } error { code message }"""
# A document in which ID stands for the operation's id, and the steps from its answer to the operation.
PATHS: dict[str, tuple[str, list[str | int]]] = {
    "operation": ("{ operation(id: ID) { id state } }", ["operation"]),
    "node": ("{ node(id: ID) { ... on Operation { id state } } }", ["node"]),
    "nodes": ("{ nodes(ids: [ID]) { ... on Operation { id state } } }", ["nodes", 0]),
}
PAGE = """query Page($first: Int!, $after: String) { viewer { operations(first: $first, after: $after) {
    nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""


async def acting(database: Database, viewer: str, owner: MadeUser) -> Actor:
    if viewer == "anonymous":
        return ANONYMOUS
    return owner.actor if viewer == "owner" else (await make_user(database, Role(viewer))).actor


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("viewer", ["anonymous", "owner", "student", "instructor", "admin"])
async def test_seen_by_its_owner_and_admins_alone(
    api: Api, database: Database, viewer: str, path: str
) -> None:
    owner = await make_user(database, Role.INSTRUCTOR)
    (operation_id,) = await make_operations(database, owner.number)
    identifier = global_id("Operation", operation_id)
    document, steps = PATHS[path]
    found: Any = await api(
        document.replace("ID)", f'"{identifier}")').replace("[ID]", f'["{identifier}"]'),
        await acting(database, viewer, owner),
    )
    for step in steps:
        found = found[step]
    seen = viewer in {"owner", "admin"}
    assert found == ({"id": identifier, "state": "QUEUED"} if seen else None)


@pytest.mark.parametrize("viewer", ["student", "instructor", "admin"])
async def test_a_viewer_has_their_own_alone(api: Api, database: Database, viewer: str) -> None:
    owner = await make_user(database)
    await make_operations(database, owner.number, 3)
    other = await make_user(database, Role(viewer))
    (own,) = await make_operations(database, other.number)
    data = await api(PAGE, other.actor, first=100)
    assert [node["id"] for node in data["viewer"]["operations"]["nodes"]] == [global_id("Operation", own)]


@pytest.mark.parametrize(
    "identifier",
    [
        global_id("Operation", 7),
        global_id("Course", 7),
        "nonsense",
        "T3BlcmF0aW9uOg==",
    ],
)
@pytest.mark.parametrize("field", ["operation", "node"])
async def test_an_id_of_no_operation_is_nothing(api: Api, field: str, identifier: str) -> None:
    answer = await api.ask(f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}", id=identifier)
    assert (answer.data, answer.errors) == ({field: None}, [])


async def test_an_operation_has_one_id(api: Api, database: Database) -> None:
    owner = await make_user(database)
    (operation_id,) = await make_operations(database, owner.number)
    for other in (operation_id.hex, str(operation_id).upper(), f"{{{operation_id}}}"):
        identifier = global_id("Operation", other)  # type: ignore[arg-type]
        data = await api(
            "query ($id: ID!) { operation(id: $id) { id } node(id: $id) { id } }", owner.actor, id=identifier
        )
        assert data == {"operation": None, "node": None}


@pytest.mark.parametrize("state", ["queued", "running", *ENDED])
async def test_every_field(api: Api, database: Database, state: str) -> None:
    owner = await make_user(database)
    (operation_id,) = await make_operations(database, owner.number, state=state)
    answer = await api.ask(
        f"query ($id: ID!) {{ operation(id: $id) {{ {FIELDS} }} }}",
        owner.actor,
        id=global_id("Operation", operation_id),
    )
    assert not answer.errors
    found = answer.data["operation"]
    assert found.pop("createdAt")
    assert (found.pop("finishedAt") is not None) == (state in ENDED)
    assert found == {
        "id": global_id("Operation", operation_id),
        "kind": "IMPORT_CATALOG",
        "state": state.upper(),
        "progress": None,
        "message": None,
        "startedAt": None,
        "cancelRequested": False,
        "result": [{"name": "created", "count": 3}] if state == "succeeded" else None,
        "error": {"code": "REFUSED", "message": "No such file."} if state == "failed" else None,
    }
    assert len(answer.statements) == 1


async def test_a_kind_of_another_release_is_null(api: Api, database: Database) -> None:
    owner = await make_user(database)
    await make_operations(database, owner.number)
    await run(database, "UPDATE operations SET kind = 'grow_trees'")
    data = await api("{ viewer { operations(first: 1) { nodes { kind state } } } }", owner.actor)
    assert data["viewer"]["operations"]["nodes"] == [{"kind": None, "state": "QUEUED"}]


async def test_every_operation_once_the_latest_first(api: Api, database: Database) -> None:
    owner = await make_user(database)
    made = await make_operations(database, owner.number, 25)
    seen: list[str] = []
    after = None
    while True:
        page = (await api(PAGE, owner.actor, first=10, after=after))["viewer"]["operations"]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        # What comes meanwhile moves nothing.
        await make_operations(database, owner.number)
    assert seen == [global_id("Operation", operation_id) for operation_id in reversed(made)]


@pytest.mark.parametrize("count", [1, 100])
async def test_statements_do_not_grow_with_the_list(api: Api, database: Database, count: int) -> None:
    owner = await make_user(database)
    await make_operations(database, owner.number, count, "succeeded")
    answer = await api.ask(
        f"{{ viewer {{ operations(first: 100) {{ nodes {{ {FIELDS} }} }} }} }}", owner.actor
    )
    assert len(answer.data["viewer"]["operations"]["nodes"]) == count
    assert len(answer.statements) == 2


@pytest.mark.parametrize("count", [1, 100])
async def test_nodes_are_one_batch(api: Api, database: Database, count: int) -> None:
    owner = await make_user(database)
    made = await make_operations(database, owner.number, count)
    ids = [global_id("Operation", operation_id) for operation_id in made]
    answer = await api.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", owner.actor, ids=ids)
    assert [node["id"] for node in answer.data["nodes"]] == ids
    assert len(answer.statements) == 1


@pytest.mark.parametrize(("first", "after"), [(0, None), (101, None), (1, "nonsense"), (1, "eyJpZCI6MX0=")])
async def test_a_page_that_cannot_be(api: Api, database: Database, first: int, after: str | None) -> None:
    owner = await make_user(database)
    answer = await api.ask(PAGE, owner.actor, first=first, after=after)
    assert codes(answer) == ["BAD_USER_INPUT"]
