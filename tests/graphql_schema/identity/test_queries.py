"""The audit log as administrators read it, and as nobody else does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.database import Database, Query
from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from graphql_schema.node import global_id
from tests.factories.catalog import codes
from tests.factories.identity import make_actor, make_user
from tests.support.api import Api

PAGE = """query Page($first: Int!, $after: String, $filter: AuditFilter) {
    auditLog(first: $first, after: $after, filter: $filter) {
        nodes { id at action outcome subjectId clientAddress device requestId actor { id name } }
        pageInfo { hasNextPage endCursor }
    }
}"""
INSERT = Query(
    "INSERT INTO audit_log (id, actor_id, action, outcome, subject)"
    " SELECT uuidv7(n * interval '-1 minute'), $1, $2, $3, $4 FROM generate_series(1, $5::int) AS n",
    ("actor_id", "action", "outcome", "subject", "count"),
    {},
)


async def fill(database: Database, **values: Any) -> None:
    entry = {"actor_id": None, "action": "login", "outcome": "SUCCESS", "subject": None, "count": 1}
    await database.fetch(INSERT, **(entry | values))


async def page(api: Api, admin: Actor, first: int = 100, after: str | None = None, **narrow: Any) -> Any:
    return (await api(PAGE, admin, first=first, after=after, filter=narrow))["auditLog"]


async def test_every_entry_once_the_latest_first(api: Api, database: Database) -> None:
    admin = await make_user(database, Role.ADMIN)
    await fill(database, actor_id=admin.number, subject="Course:7", count=25)
    seen: list[Any] = []
    after = None
    while True:
        answer = await page(api, admin.actor, 10, after)
        seen += answer["nodes"]
        after = answer["pageInfo"]["endCursor"]
        if not answer["pageInfo"]["hasNextPage"]:
            break
    times = [datetime.fromisoformat(entry["at"]) for entry in seen]
    assert times == sorted(times, reverse=True)
    assert len({entry["id"] for entry in seen}) == 25
    now = datetime.now(UTC)
    assert timedelta(0) < now - times[0] < timedelta(minutes=5)
    assert seen[0] | {"id": "", "at": ""} == {
        "id": "",
        "at": "",
        "action": "login",
        "outcome": "SUCCESS",
        "subjectId": global_id("Course", 7),
        "clientAddress": None,
        "device": None,
        "requestId": None,
        "actor": {"id": admin.id, "name": admin.name},
    }


async def test_filters(api: Api, database: Database) -> None:
    admin = await make_actor(database, Role.ADMIN)
    ann = await make_user(database)
    await fill(database, actor_id=ann.number, action="enroll", subject="Course:7")
    await fill(database, actor_id=ann.number, action="enroll", outcome="FORBIDDEN", subject="Course:8")
    await fill(database, action="login", outcome="INVALID_CREDENTIALS", subject=f"User:{ann.number}")

    async def found(**narrow: Any) -> list[tuple[str, str]]:
        nodes = (await page(api, admin, **narrow))["nodes"]
        return sorted((entry["action"], entry["outcome"]) for entry in nodes)

    done, refused = ("enroll", "SUCCESS"), ("enroll", "FORBIDDEN")
    sign_in = ("login", "INVALID_CREDENTIALS")
    assert await found() == [refused, done, sign_in]
    assert await found(actorId=ann.id) == [refused, done]
    assert await found(subjectId=global_id("Course", 7)) == [done]
    assert await found(subjectId=ann.id) == [sign_in]
    assert await found(action="enroll") == [refused, done]
    assert await found(failed=True) == [refused, sign_in]
    assert await found(failed=False) == [done]
    assert await found(actorId=ann.id, action="enroll", failed=True) == [refused]
    for nothing in (
        {"actorId": "nobody"},
        {"subjectId": "nothing"},
        {"action": "no\ud800thing"},
        {"action": ""},
    ):
        assert await found(**nothing) == []


async def test_spans_of_time(api: Api, database: Database) -> None:
    admin = await make_actor(database, Role.ADMIN)
    await fill(database, count=10)
    now = datetime.now(UTC)

    async def count(**narrow: Any) -> int:
        return len((await page(api, admin, **narrow))["nodes"])

    middle = (now - timedelta(minutes=5, seconds=30)).isoformat()
    assert await count(since=middle) == 5
    assert await count(until=middle) == 5
    assert await count(since="0001-01-01T00:00:00+14:00", until="9999-12-31T23:59:59-14:00") == 10
    # By default the last 31 days before `until`.
    assert await count(until=(now + timedelta(days=32)).isoformat()) == 0
    answer = await api.ask(PAGE, admin, first=1, filter={"since": now.isoformat(), "until": now.isoformat()})
    assert codes(answer) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("after", ["", "nonsense", "eyJpZCI6MX0=", "eyJpZCI6Im5vIHV1aWQifQ=="])
async def test_cursors_of_other_lists_are_refused(api: Api, database: Database, after: str) -> None:
    answer = await api.ask(PAGE, await make_actor(database, Role.ADMIN), first=1, after=after)
    assert codes(answer) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("role", [None, Role.STUDENT, Role.INSTRUCTOR])
async def test_nobody_else_reads_it(api: Api, database: Database, role: Role | None) -> None:
    await fill(database)
    actor = ANONYMOUS if role is None else await make_actor(database, role)
    answer = await api.ask(PAGE, actor, first=1)
    assert answer.data == {"auditLog": None}
    assert codes(answer) == ["UNAUTHENTICATED" if role is None else "FORBIDDEN"]
    assert answer.statements == []


@pytest.mark.parametrize("count", [1, 100])
async def test_statements_are_two_for_any_number(api: Api, database: Database, count: int) -> None:
    admin = await make_user(database, Role.ADMIN)
    for _ in range(count):
        await fill(database, actor_id=(await make_user(database)).number)
    answer = await api.ask(PAGE, admin.actor, first=100)
    assert len(answer.data["auditLog"]["nodes"]) == count
    assert len(answer.statements) == 2
