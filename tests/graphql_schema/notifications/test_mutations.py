"""Reading and choosing, as clients do it."""

from typing import Any

import pytest

from app.identity.actor import ANONYMOUS
from app.identity.models import Role
from app.notifications.kinds import NotificationKind
from graphql_schema.node import global_id
from tests.factories.catalog import codes, make_course, nothing_written, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.notifications import chosen, listed, tell, wrong_counters
from tests.support.api import Api

READ = "unreadCount viewer { id unreadCount notifications(first: 9, unreadOnly: true) { nodes { id } } }"
CHOICES = (
    "notificationPreferences { kind inApp mail digest } viewer { notificationPreferences { kind mail } }"
)
MARK = (
    "mutation($input: MarkNotificationsReadInput!) { markNotificationsRead(input: $input) { unreadCount } }"
)
CHOOSE = """mutation($input: UpdateNotificationPreferencesInput!) {
    updateNotificationPreferences(input: $input) { userErrors { code } } }"""


@pytest.fixture
async def ann(api: Api) -> MadeUser:
    return await make_user(api.resources.database)


async def told(api: Api, user: MadeUser, number: int) -> list[str]:
    """Ids, the newest first."""
    for _ in range(number):
        await tell(api.resources, user.number)
    return [global_id("Notification", row["id"]) for row in await listed(api.resources.database, user.number)]


async def cursor(api: Api, user: MadeUser, identifier: str) -> str:
    document = "{ viewer { notifications(first: 100) { edges { cursor node { id } } } } }"
    edges = (await api(document, user.actor))["viewer"]["notifications"]["edges"]
    return str(next(edge["cursor"] for edge in edges if edge["node"]["id"] == identifier))


def left(user: MadeUser, *ids: str) -> dict[str, Any]:
    viewer = {
        "id": global_id("Viewer", user.number),
        "unreadCount": len(ids),
        "notifications": {"nodes": [{"id": identifier} for identifier in ids]},
    }
    return {"unreadCount": len(ids), "viewer": viewer, "userErrors": []}


async def test_by_ids_up_to_a_cursor_and_all(api: Api, ann: MadeUser) -> None:
    fifth, fourth, third, second, first = await told(api, ann, 5)
    payload = await api.change("markNotificationsRead", ann.actor, READ, ids=[fourth, second])
    assert payload == left(ann, fifth, third, first)
    payload = await api.change("markNotificationsRead", ann.actor, READ, upTo=await cursor(api, ann, third))
    assert payload == left(ann, fifth)
    payload = await api.change("markNotificationsRead", ann.actor, READ, ids=[third, first])
    assert payload == left(ann, fifth), "again changes nothing"
    assert await api.change("markNotificationsRead", ann.actor, READ, all=True) == left(ann)
    assert await wrong_counters(api.resources.database) == []


async def test_statements_do_not_grow(api: Api, ann: MadeUser) -> None:
    ids = await told(api, ann, 100)
    sent = []
    for some in (ids[:1], ids):
        answer = await api.ask(MARK, ann.actor, input={"ids": some})
        assert not answer.errors
        sent.append(len(answer.statements))
    assert sent == [3, 3]


@pytest.mark.parametrize(
    ("values", "code", "path"),
    [
        ({}, "INVALID_INPUT", ["input"]),
        ({"all": False}, "INVALID_INPUT", ["input"]),
        ({"all": True, "ids": []}, "INVALID_INPUT", ["input"]),
        ({"all": True, "upTo": ""}, "INVALID_INPUT", ["input"]),
        ({"ids": []}, "INVALID_INPUT", ["input", "ids"]),
        ({"ids": ["x"] * 101}, "INVALID_INPUT", ["input", "ids"]),
        ({"ids": ["x"]}, "NOT_FOUND", ["input", "ids"]),
        ({"ids": [global_id("Notification", 1)]}, "NOT_FOUND", ["input", "ids"]),
        ({"upTo": "x"}, "INVALID_INPUT", ["input", "upTo"]),
        ({"upTo": "eyJpZCI6MX0="}, "INVALID_INPUT", ["input", "upTo"]),
    ],
)
async def test_what_is_refused(
    api: Api, ann: MadeUser, values: dict[str, Any], code: str, path: list[str]
) -> None:
    await told(api, ann, 2)
    async with nothing_written(api.resources.database):
        payload = await api.change("markNotificationsRead", ann.actor, "unreadCount viewer { id }", **values)
    assert payload == {"unreadCount": None, "viewer": None, "userErrors": [{"code": code, "path": path}]}


async def test_foreign_ones(api: Api, ann: MadeUser) -> None:
    ben = await make_user(api.resources.database, Role.ADMIN)
    (foreign,) = await told(api, ann, 1)
    (own,) = await told(api, ben, 1)
    async with nothing_written(api.resources.database):
        payload = await api.change("markNotificationsRead", ben.actor, "unreadCount", ids=[own, foreign])
    assert payload["userErrors"] == [{"code": "NOT_FOUND", "path": ["input", "ids"]}]
    # A cursor is a place in one's own list.
    await api.change("markNotificationsRead", ben.actor, upTo=await cursor(api, ann, foreign))
    assert (await listed(api.resources.database, ann.number))[0]["read_at"] is None


async def test_nobody(api: Api) -> None:
    for document, values in ((MARK, {"all": True}), (CHOOSE, {"preferences": []})):
        async with nothing_written(api.resources.database):
            assert codes(await api.ask(document, ANONYMOUS, input=values)) == ["UNAUTHENTICATED"]


async def test_an_account_that_is_gone(api: Api, ann: MadeUser) -> None:
    await run(api.resources.database, "DELETE FROM users WHERE id = $1", ann.number)
    payload = await api.change("markNotificationsRead", ann.actor, "unreadCount viewer { id }", all=True)
    assert payload == {"unreadCount": 0, "viewer": None, "userErrors": []}
    choice = {"kind": "INSTRUCTOR_ADDED", "mail": False}
    payload = await api.change("updateNotificationPreferences", ann.actor, preferences=[choice])
    assert payload == {"userErrors": []}


async def test_choosing(api: Api, ann: MadeUser) -> None:
    payload = await api.change(
        "updateNotificationPreferences",
        ann.actor,
        CHOICES,
        preferences=[
            {"kind": "INSTRUCTOR_REMOVED", "mail": False, "digest": True, "inApp": None},
            {"kind": "INSTRUCTOR_ADDED", "inApp": False},
        ],
    )
    chosen_ones = [
        {"kind": "INSTRUCTOR_ADDED", "inApp": False, "mail": True, "digest": False},
        {"kind": "INSTRUCTOR_REMOVED", "inApp": True, "mail": False, "digest": True},
    ]
    others = [
        {"kind": kind.name, "inApp": True, "mail": True, "digest": False}
        for kind in list(NotificationKind)[2:]
    ]
    assert payload == {
        "notificationPreferences": chosen_ones + others,
        "viewer": {
            "notificationPreferences": [
                {"kind": choice["kind"], "mail": choice["mail"]} for choice in chosen_ones + others
            ]
        },
        "userErrors": [],
    }
    ben = await make_user(api.resources.database)
    assert await chosen(api.resources.database, ben.number) == (True, True, False)


@pytest.mark.parametrize("number", [0, 2, 101])
async def test_too_few_twice_too_many(api: Api, ann: MadeUser, number: int) -> None:
    choices = [{"kind": "INSTRUCTOR_ADDED", "mail": False}] * number
    async with nothing_written(api.resources.database):
        payload = await api.change("updateNotificationPreferences", ann.actor, preferences=choices)
    assert payload["userErrors"] == [{"code": "INVALID_INPUT", "path": ["input", "preferences"]}]


async def test_who_teaches_a_course_is_told(api: Api) -> None:
    database = api.resources.database
    lead, other = await make_user(database, Role.INSTRUCTOR), await make_user(database, Role.INSTRUCTOR)
    admin = await make_user(database, Role.ADMIN)
    course = await make_course(database, lead.actor, title="Knots")

    async def change(verb: str, user: MadeUser, actor: MadeUser = lead) -> None:
        payload = await api.change(verb, actor.actor, courseId=course.id, userId=user.id)
        assert payload == {"userErrors": []}

    for _ in range(2):
        for verb in ("addCourseInstructor", "removeCourseInstructor"):
            await change(verb, other)
            # Again changes nothing, and tells nothing.
            await change(verb, other)
    rows = await listed(database, other.number)
    kinds = ["instructor_removed", "instructor_added"] * 2
    assert [row["kind"] for row in rows] == kinds
    assert {tuple(row["payload"].items()) for row in rows} == {
        (("course_id", course.number), ("course_title", "Knots"))
    }
    # Nobody is told what they do themselves.
    await change("addCourseInstructor", admin, admin)
    await change("removeCourseInstructor", admin, admin)
    assert await listed(database, admin.number) == []
    assert await listed(database, lead.number) == []
