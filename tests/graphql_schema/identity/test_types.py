"""Who sees what of a user, on every path that leads to one."""

from typing import Any

import pytest

from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from graphql_schema.binding import policies
from graphql_schema.identity.types import EMAIL
from graphql_schema.node import global_id
from graphql_schema.permissions import PUBLIC
from tests.factories.catalog import make_course
from tests.factories.identity import MadeUser, make_user
from tests.support.api import SCHEMA, Api

VIEWERS = ("anonymous", "owner", "student", "instructor", "admin")
# A document in which USER and COURSE stand for ids, and the steps from its answer to the user.
PATHS: dict[str, tuple[str, list[str | int]]] = {
    "node": ("{ node(id: USER) { ... on User { id email } } }", ["node"]),
    "nodes": ("{ nodes(ids: [COURSE, USER]) { ... on User { id email } } }", ["nodes", 1]),
    "course": ("{ course(id: COURSE) { instructor { id email } } }", ["course", "instructor"]),
    "instructors of a course": (
        "{ course(id: COURSE) { instructors { user { id email } } } }",
        ["course", "instructors", 0, "user"],
    ),
    "course as node": (
        "{ node(id: COURSE) { ... on Course { instructor { id email } } } }",
        ["node", "instructor"],
    ),
    "courses": (
        "{ courses(first: 1) { nodes { instructor { id email } } } }",
        ["courses", "nodes", 0, "instructor"],
    ),
    "edges of courses": (
        "{ courses(first: 1) { edges { node { instructor { id email } } } } }",
        ["courses", "edges", 0, "node", "instructor"],
    ),
}


def allowed(viewer: str) -> bool:
    return viewer in {"owner", "admin"}


async def acting(api: Api, viewer: str, owner: MadeUser) -> Actor:
    if viewer == "anonymous":
        return ANONYMOUS
    if viewer == "owner":
        return owner.actor
    return (await make_user(api.resources.database, Role(viewer))).actor


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("viewer", VIEWERS)
async def test_an_email_is_seen_by_its_owner_and_admins_alone(api: Api, viewer: str, path: str) -> None:
    database = api.resources.database
    owner = await make_user(database, Role.INSTRUCTOR)
    course = await make_course(database, owner.actor)
    document, steps = PATHS[path]
    document = document.replace("USER", f'"{owner.id}"').replace("COURSE", f'"{course.id}"')
    found: Any = await api(document, await acting(api, viewer, owner))
    for step in steps:
        found = found[step]
    assert found == {"id": owner.id, "email": owner.email if allowed(viewer) else None}


@pytest.mark.parametrize("viewer", VIEWERS)
async def test_name_and_role_are_seen_by_all(api: Api, viewer: str) -> None:
    owner = await make_user(api.resources.database, Role.INSTRUCTOR)
    actor = await acting(api, viewer, owner)
    data = await api("query ($id: ID!) { node(id: $id) { ... on User { name role } } }", actor, id=owner.id)
    assert data["node"] == {"name": owner.name, "role": "INSTRUCTOR"}


async def test_every_email_has_this_policy() -> None:
    """A type that shows an address some day has to decide who sees it."""
    shown = {place: rule for place, rule in policies(SCHEMA).items() if "email" in place[1].lower()}
    addresses = {place: rule for place, rule in shown.items() if place[0] != "Mutation"}
    assert addresses == {
        ("User", "email"): EMAIL,
        ("User", "emailVerified"): EMAIL,
        # Whoever may not see the address does not see the invitation.
        ("Invitation", "email"): PUBLIC,
        # What the one who asks has just typed.
        ("RequestPasswordResetPayload", "email"): PUBLIC,
        ("RequestEmailVerificationPayload", "email"): PUBLIC,
    }


@pytest.mark.parametrize("number", [0, 2**62])
async def test_an_id_of_nobody_is_null(api: Api, number: int) -> None:
    document = "query ($id: ID!) { node(id: $id) { id } }"
    assert await api(document, id=global_id("User", number)) == {"node": None}


async def test_viewer_is_null_when_anonymous(api: Api) -> None:
    assert await api("{ viewer { id user { id } } }") == {"viewer": None}


@pytest.mark.parametrize("role", Role)
async def test_viewer_is_the_one_who_asks(api: Api, role: Role) -> None:
    user = await make_user(api.resources.database, role)
    await make_user(api.resources.database, role)
    answer = await api.ask("{ viewer { id user { id name email role } } }", user.actor)
    assert not answer.errors
    assert answer.data["viewer"] == {
        "id": global_id("Viewer", user.number),
        "user": {"id": user.id, "name": user.name, "email": user.email, "role": role.name},
    }
    assert len(answer.statements) == 1


async def test_viewer_is_null_once_the_account_is_gone(api: Api) -> None:
    gone = Actor(user_id=2**62, role=Role.ADMIN)
    assert await api("{ viewer { id user { email } } }", gone) == {"viewer": None}


async def test_roles_come_from_the_table_not_from_the_token(api: Api) -> None:
    user = await make_user(api.resources.database, Role.INSTRUCTOR)
    old_token = Actor(user_id=user.number, role=Role.STUDENT)
    assert await api("{ viewer { user { role } } }", old_token) == {
        "viewer": {"user": {"role": "INSTRUCTOR"}}
    }
