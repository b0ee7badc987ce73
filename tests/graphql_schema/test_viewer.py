"""The one who asks."""

from app.database import Database
from app.identity.actor import Actor
from app.identity.models import Role
from graphql_schema.node import global_id
from tests.factories.catalog import make_course, run
from tests.factories.identity import make_user
from tests.support.api import Api

VIEWER = "{ viewer { id user { id name email role } taughtCourses(first: 5) { nodes { id status } } } }"


async def test_nobody(api: Api) -> None:
    answer = await api.ask(VIEWER)
    assert (answer.data, answer.errors, answer.statements) == ({"viewer": None}, [], [])


async def test_somebody(api: Api, database: Database) -> None:
    user = await make_user(database, Role.INSTRUCTOR, email="Ines@school.test", name="Ines")
    published = await make_course(database, user.actor)
    draft = await make_course(database, user.actor, published=False)
    answer = await api.ask(VIEWER, user.actor)
    assert answer.errors == []
    assert answer.data["viewer"] == {
        "id": global_id("Viewer", user.number),
        "user": {"id": user.id, "name": "Ines", "email": "Ines@school.test", "role": "INSTRUCTOR"},
        "taughtCourses": {
            "nodes": [{"id": draft.id, "status": "DRAFT"}, {"id": published.id, "status": "PUBLISHED"}]
        },
    }
    assert len(answer.statements) == 2, "the account is read once"


async def test_viewers_have_an_id_each(api: Api, database: Database) -> None:
    # Without it a client's cache would show one viewer's courses to the next.
    users = [await make_user(database) for _ in range(2)]
    found = {(await api("{ viewer { id } }", user.actor))["viewer"]["id"] for user in users}
    assert len(found | {user.id for user in users}) == 4


async def test_an_account_that_is_gone(api: Api, database: Database) -> None:
    user = await make_user(database)
    await run(database, "DELETE FROM users WHERE id = $1", user.number)
    assert await api(VIEWER, user.actor) == {"viewer": None}
    assert await api(VIEWER, Actor(2**63 - 1, Role.ADMIN)) == {"viewer": None}
