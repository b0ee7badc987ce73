"""What the viewer is told, page by page, and that nobody else sees it."""

from typing import Any

import pytest

from app.database import Query
from app.identity.actor import ANONYMOUS
from app.identity.models import Role
from app.notifications.kinds import NotificationKind
from graphql_schema.node import global_id
from tests.factories.catalog import codes, make_course, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.notifications import listed, tell
from tests.support import cache
from tests.support.api import Api

LIST = """query ($first: Int!, $after: String, $unreadOnly: Boolean! = false) { viewer { id unreadCount
    notifications(first: $first, after: $after, unreadOnly: $unreadOnly) {
      nodes { id kind title body createdAt readAt }
      edges { cursor node { id } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
ALL = Query("SELECT id FROM notifications", (), {})
NODES = "query ($id: ID!, $ids: [ID!]!) { node(id: $id) { id } nodes(ids: $ids) { id } }"


@pytest.fixture
async def ann(api: Api) -> MadeUser:
    return await make_user(api.resources.database)


async def page(api: Api, user: MadeUser, first: int, **more: Any) -> Any:
    return (await api(LIST, user.actor, first=first, **more))["viewer"]["notifications"]


async def test_words_are_made_of_facts(api: Api, ann: MadeUser) -> None:
    await tell(api.resources, ann.number, title="Knots & <b>")
    viewer = (await api(LIST, ann.actor, first=5))["viewer"]
    (row,) = await listed(api.resources.database, ann.number)
    assert viewer["unreadCount"] == 1
    assert viewer["notifications"]["nodes"] == [
        {
            "id": global_id("Notification", row["id"]),
            "kind": "INSTRUCTOR_ADDED",
            "title": "You now teach Knots & <b>",
            "body": "You were added to the instructors of the course Knots & <b>.",
            "createdAt": row["created_at"].isoformat(),
            "readAt": None,
        }
    ]


async def test_what_another_release_has_told_hides_nothing(api: Api, ann: MadeUser) -> None:
    for number in range(3):
        await tell(api.resources, ann.number, title=str(number))
    rows = await listed(api.resources.database, ann.number)
    await run(
        api.resources.database, "UPDATE notifications SET kind = 'of_tomorrow' WHERE id = $1", rows[1]["id"]
    )
    await run(
        api.resources.database,
        "UPDATE notifications SET payload = payload - 'course_title' WHERE id = $1",
        rows[2]["id"],
    )
    shown = [(node["kind"], node["title"]) for node in (await page(api, ann, 5))["nodes"]]
    assert shown == [
        ("INSTRUCTOR_ADDED", "You now teach 2"),
        (None, "Something new"),
        ("INSTRUCTOR_ADDED", "Something new"),
    ]


async def test_nothing(api: Api, ann: MadeUser) -> None:
    viewer = (await api(LIST, ann.actor, first=5))["viewer"]
    assert (viewer["unreadCount"], viewer["notifications"]["nodes"]) == (0, [])


@pytest.mark.parametrize("unread_only", [False, True])
async def test_pages_meet_without_gap_or_overlap(api: Api, ann: MadeUser, unread_only: bool) -> None:
    for number in range(7):
        await tell(api.resources, ann.number, title=str(number))
    seen, after = [], None
    while True:
        found = await page(api, ann, 3, after=after, unreadOnly=unread_only)
        seen += [node["title"].rsplit(" ", 1)[1] for node in found["nodes"]]
        assert [edge["cursor"] for edge in found["edges"]][-1] == found["pageInfo"]["endCursor"]
        assert found["pageInfo"]["hasPreviousPage"] == (after is not None)
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
        # What is new comes before the first page: it moves nobody's place.
        await tell(api.resources, ann.number, title="new")
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


async def test_unread_only(api: Api, ann: MadeUser) -> None:
    for number in range(3):
        await tell(api.resources, ann.number, title=str(number))
    nodes = (await page(api, ann, 5))["nodes"]
    await api.change("markNotificationsRead", ann.actor, ids=[nodes[1]["id"]])
    found = (await page(api, ann, 5, unreadOnly=True))["nodes"]
    assert [node["id"] for node in found] == [nodes[0]["id"], nodes[2]["id"]]
    assert [node["readAt"] is None for node in (await page(api, ann, 5))["nodes"]] == [True, False, True]


async def test_statements_do_not_grow(api: Api) -> None:
    teacher = await make_user(api.resources.database, Role.INSTRUCTOR)
    document = """{ viewer { unreadCount notificationPreferences { kind mail }
        notifications(first: 100) { nodes { title course { title instructor { name } } } } } }"""
    sent = []
    for number in (1, 99):
        for _ in range(number):
            course = await make_course(api.resources.database, teacher.actor)
            await tell(api.resources, teacher.number, course_id=course.number)
        # Whatever is cached would be a statement less.
        await cache.renew(api.resources)
        answer = await api.ask(document, teacher.actor)
        assert not answer.errors
        sent.append(len(answer.statements))
    assert len(answer.data["viewer"]["notifications"]["nodes"]) == 100
    assert sent == [6, 6], answer.statements


@pytest.mark.parametrize("first", [0, -1, 101])
async def test_pages_are_bounded(api: Api, ann: MadeUser, first: int) -> None:
    assert codes(await api.ask(LIST, ann.actor, first=first)) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("after", ["", "x", "eyJpZCI6MX0=", "eyJwb3NpdGlvbiI6IjEifQ=="])
async def test_wrong_cursors(api: Api, ann: MadeUser, after: str) -> None:
    assert codes(await api.ask(LIST, ann.actor, first=1, after=after)) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("role", [*Role, None])
async def test_nobody_else_sees_it(api: Api, ann: MadeUser, role: Role | None) -> None:
    await tell(api.resources, ann.number)
    (row,) = await listed(api.resources.database, ann.number)
    identifier = global_id("Notification", row["id"])
    own = await api(NODES, ann.actor, id=identifier, ids=[identifier, ann.id])
    assert own == {"node": {"id": identifier}, "nodes": [{"id": identifier}, {"id": ann.id}]}
    actor = ANONYMOUS if role is None else (await make_user(api.resources.database, role)).actor
    assert await api(NODES, actor, id=identifier, ids=[identifier]) == {"node": None, "nodes": [None]}
    if role is not None:
        viewer = (await api(LIST, actor, first=5))["viewer"]
        assert (viewer["unreadCount"], viewer["notifications"]["nodes"]) == (0, [])


async def test_what_is_not_listed_is_not_found_by_its_id(api: Api, ann: MadeUser) -> None:
    choice = {"kind": "INSTRUCTOR_ADDED", "inApp": False}
    await api.change("updateNotificationPreferences", ann.actor, preferences=[choice])
    await tell(api.resources, ann.number)
    rows = await api.resources.database.fetch(ALL)
    identifier = global_id("Notification", rows[0]["id"])
    assert await api(NODES, ann.actor, id=identifier, ids=[]) == {"node": None, "nodes": []}


async def test_ids_of_the_wrong_shape(api: Api, ann: MadeUser) -> None:
    await tell(api.resources, ann.number)
    (row,) = await listed(api.resources.database, ann.number)
    wrong = [
        global_id("Notification", 1),
        global_id("Course", row["id"]),
        global_id("User", row["id"]),
        global_id("Session", row["id"]),
    ]
    assert await api(NODES, ann.actor, id=wrong[0], ids=wrong) == {"node": None, "nodes": [None] * 4}


async def test_a_course_that_the_viewer_may_not_see(api: Api, ann: MadeUser) -> None:
    teacher = await make_user(api.resources.database, Role.INSTRUCTOR)
    draft = await make_course(api.resources.database, teacher.actor, published=False)
    for user in (ann, teacher):
        await tell(api.resources, user.number, course_id=draft.number)
    document = "{ viewer { notifications(first: 1) { nodes { course { id } } } } }"
    found = {
        user.role: (await api(document, user.actor))["viewer"]["notifications"]["nodes"]
        for user in (ann, teacher)
    }
    assert found == {Role.STUDENT: [{"course": None}], Role.INSTRUCTOR: [{"course": {"id": draft.id}}]}


async def test_preferences_name_every_kind(api: Api, ann: MadeUser) -> None:
    document = "{ viewer { notificationPreferences { id kind inApp mail digest } } }"
    found = (await api(document, ann.actor))["viewer"]["notificationPreferences"]
    assert [preference.pop("id") for preference in found] == [
        f"{global_id('NotificationPreference', ann.number)}.{kind}" for kind in NotificationKind
    ]
    assert found == [
        {"kind": kind.name, "inApp": True, "mail": True, "digest": False} for kind in NotificationKind
    ]
