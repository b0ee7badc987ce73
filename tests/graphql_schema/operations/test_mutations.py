"""cancelOperation: for whom, when, and what the audit log hears."""

from typing import Any

import pytest

from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from graphql_schema.node import global_id
from tests.factories.catalog import nothing_written, run
from tests.factories.identity import make_actor, make_user
from tests.factories.operations import ENDED, begin, make_operations, started
from tests.support.api import Api

SELECTION = "operation { id state cancelRequested finishedAt }"


async def cancel(api: Api, actor: Actor, identifier: str) -> Any:
    return await api.change("cancelOperation", actor, SELECTION, operationId=identifier)


@pytest.mark.parametrize("by", ["owner", "admin"])
@pytest.mark.parametrize("running", [False, True])
async def test_its_owner_and_admins_cancel_it(api: Api, by: str, running: bool) -> None:
    database = api.resources.database
    owner = await make_user(database)
    operation_id = await begin(api.resources, owner.number)
    if running:
        await started(api.resources, operation_id)
    actor = owner.actor if by == "owner" else await make_actor(database, Role.ADMIN)
    payload = await cancel(api, actor, global_id("Operation", operation_id))
    assert payload["userErrors"] == []
    found = payload["operation"]
    assert (found.pop("finishedAt") is None) == running
    assert found == {
        "id": global_id("Operation", operation_id),
        "state": "RUNNING" if running else "CANCELLED",
        "cancelRequested": True,
    }
    (entry,) = await run(database, "SELECT action, outcome, subject, actor_id FROM audit_log")
    assert tuple(entry) == ("cancelOperation", "SUCCESS", f"Operation:{operation_id}", actor.user_id)


@pytest.mark.parametrize("role", [Role.STUDENT, Role.INSTRUCTOR])
async def test_to_others_it_does_not_exist(api: Api, role: Role) -> None:
    operation_id = await begin(api.resources)
    identifier = global_id("Operation", operation_id)
    stranger = await make_actor(api.resources.database, role)
    async with nothing_written(api.resources.database):
        payload = await cancel(api, stranger, identifier)
    assert payload == {
        "operation": None,
        "userErrors": [{"code": "NOT_FOUND", "path": ["input", "operationId"]}],
    }
    # As for one that nobody has, and for what is no id.
    for other in (global_id("Operation", 7), global_id("User", 7), "nonsense"):
        assert await cancel(api, stranger, other) == payload


async def test_one_has_to_sign_in(api: Api) -> None:
    identifier = global_id("Operation", await begin(api.resources))
    document = "mutation ($id: ID!) { cancelOperation(input: {operationId: $id}) { userErrors { code } } }"
    async with nothing_written(api.resources.database):
        assert (await api.ask(document, ANONYMOUS, id=identifier)).codes == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("state", ENDED)
async def test_what_has_ended_stays(api: Api, state: str) -> None:
    owner = await make_user(api.resources.database)
    (operation_id,) = await make_operations(api.resources.database, owner.number, state=state)
    async with nothing_written(api.resources.database):
        payload = await cancel(api, owner.actor, global_id("Operation", operation_id))
    assert payload == {
        "operation": None,
        "userErrors": [{"code": "INVALID_STATE", "path": ["input", "operationId"]}],
    }
