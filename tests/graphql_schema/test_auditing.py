"""Every attempt at a mutation leaves one entry: done, refused, turned away, broken, cut off; and never a secret."""

import asyncio
from typing import Any

import pytest

from app.database import Database, Query
from app.errors import Unavailable
from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from app.identity.service import audit
from app.resources import Resources
from graphql_schema.context import Context
from tests.factories.catalog import make_course, make_staff, run
from tests.factories.identity import PASSWORD, make_user
from tests.support.api import SCHEMA, Api

ENTRIES = Query("SELECT *, id::text AS text FROM audit_log ORDER BY id", (), {})


async def entries(database: Database) -> list[tuple[Any, ...]]:
    names = ("action", "outcome", "actor_id", "subject")
    return [tuple(row[name] for name in names) for row in await database.fetch(ENTRIES)]


async def test_what_was_done_names_its_object(api: Api, database: Database) -> None:
    staff = await make_staff(database)
    course = await make_course(database, staff.lead.actor, lessons=(1,), published=False)
    await api.change("publishCourse", staff.lead.actor, "course { id }", courseId=course.id)
    # The payload is null where the client does not ask for the object: the entry names it all the same.
    await api.change("unpublishCourse", staff.lead.actor, courseId=course.id)
    made = await api.change("createCourse", staff.lead.actor, "course { id }", title="Another")
    number = (await database.fetch(Query("SELECT max(id) AS id FROM courses", (), {})))[0]["id"]
    assert made["course"] is not None
    subject = f"Course:{course.number}"
    assert await entries(database) == [
        ("publishCourse", "SUCCESS", staff.lead.number, subject),
        ("unpublishCourse", "SUCCESS", staff.lead.number, subject),
        ("createCourse", "SUCCESS", staff.lead.number, f"Course:{number}"),
    ]


async def test_refusals_name_what_they_were_meant_for(api: Api, database: Database) -> None:
    staff = await make_staff(database)
    student = await make_user(database)
    course = await make_course(database, staff.lead.actor, lessons=(), published=False)
    subject = f"Course:{course.number}"
    document = "mutation($input: PublishCourseInput!) { publishCourse(input: $input) { course { id } } }"
    for actor in (staff.lead.actor, student.actor, ANONYMOUS, staff.stranger.actor):
        await api.ask(document, actor, input={"courseId": course.id})
    await api.ask(document, staff.lead.actor, input={"courseId": "no id at all" * 100})
    assert await entries(database) == [
        ("publishCourse", "INVALID_STATE", staff.lead.number, subject),
        ("publishCourse", "FORBIDDEN", student.number, subject),
        ("publishCourse", "UNAUTHENTICATED", None, subject),
        ("publishCourse", "NOT_FOUND", staff.stranger.number, subject),
        ("publishCourse", "NOT_FOUND", staff.lead.number, None),
    ]


async def test_sign_ins_name_the_account_and_never_the_password(api: Api, database: Database) -> None:
    user = await make_user(database, email="ann@school.test", password=PASSWORD)
    await api.change("login", ANONYMOUS, email=user.email, password="a wrong password")
    await api.change("login", ANONYMOUS, email="nobody@school.test", password=PASSWORD)
    await api.change("login", ANONYMOUS, email=user.email, password=PASSWORD)
    subject = f"User:{user.number}"
    assert await entries(database) == [
        ("login", "INVALID_CREDENTIALS", None, subject),
        ("login", "INVALID_CREDENTIALS", None, None),
        ("login", "SUCCESS", user.number, subject),
    ]
    everything = repr([tuple(row) for row in await database.fetch(ENTRIES)])
    assert "school.test" not in everything
    assert "password" not in everything
    assert PASSWORD not in everything


@pytest.mark.parametrize("verb", ["requestPasswordReset", "requestEmailVerification"])
async def test_requests_for_mails_name_the_account_to_administrators_alone(
    api: Api, database: Database, verb: str
) -> None:
    user = await make_user(database, email="ann@school.test")
    document = (
        f"mutation ($email: String!) {{ {verb}(input: {{email: $email}}) {{ email userErrors {{ code }} }} }}"
    )
    known, unknown = [
        await api.ask(document, email=email) for email in ("ANN@school.test", "nobody@school.test")
    ]
    assert known.sent == unknown.sent
    assert known.data == {verb: {"email": "ANN@school.test", "userErrors": []}}
    assert unknown.data == {verb: {"email": "nobody@school.test", "userErrors": []}}
    assert await entries(database) == [
        (verb, "SUCCESS", None, f"User:{user.number}"),
        (verb, "SUCCESS", None, None),
    ]


async def test_where_it_came_from(resources: Resources, database: Database) -> None:
    context = Context(
        resources, ANONYMOUS, request_id="r-1", client_address="192.0.2.7", user_agent="Browser\x00 1"
    )
    from graphql import execute, parse

    result: Any = execute(
        SCHEMA, parse("mutation { logout(input: {}) { userErrors { code } } }"), context_value=context
    )
    await result
    row = (await database.fetch(ENTRIES))[0]
    assert (row["client_address"], row["device"], row["request_id"]) == ("192.0.2.7", "Browser 1", "r-1")
    assert (row["action"], row["outcome"]) == ("logout", "UNAUTHENTICATED")


async def test_each_root_field_has_an_entry_of_its_own(api: Api, database: Database) -> None:
    teacher = await make_user(database, Role.INSTRUCTOR)
    await api.ask(
        'mutation { a: createCourse(input: {title: "A"}) { course { id } } b: createCourse(input: {title: ""}) { course { id } } }',
        teacher.actor,
    )
    assert [entry[:2] for entry in await entries(database)] == [
        ("createCourse", "SUCCESS"),
        ("createCourse", "INVALID_INPUT"),
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ZeroDivisionError("a bug"), "INTERNAL"), (Unavailable("Busy."), "UNAVAILABLE")],
    ids=["a bug", "unavailable"],
)
async def test_what_breaks_leaves_an_entry(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception, outcome: str
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("app.catalog.service.create_course", broken)
    teacher = await make_user(database, Role.INSTRUCTOR)
    answer = await api.ask('mutation { createCourse(input: {title: "A"}) { course { id } } }', teacher.actor)
    assert answer.data == {"createCourse": None}
    assert await entries(database) == [("createCourse", outcome, teacher.number, None)]


async def test_what_is_cut_off_leaves_an_entry(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: Any, **__: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr("app.catalog.service.create_course", endless)
    teacher = await make_user(database, Role.INSTRUCTOR)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await api.ask('mutation { createCourse(input: {title: "A"}) { course { id } } }', teacher.actor)
    assert await entries(database) == [("createCourse", "TIMEOUT", teacher.number, None)]


async def test_a_success_and_its_entry_are_one(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(audit, "record", broken)
    teacher = await make_user(database, Role.INSTRUCTOR)
    answer = await api.ask('mutation { createCourse(input: {title: "A"}) { course { id } } }', teacher.actor)
    assert answer.data == {"createCourse": None}
    assert await database.fetch(Query("SELECT id FROM courses", (), {})) == []
    assert await entries(database) == [("createCourse", "INTERNAL", teacher.number, None)]


async def test_an_entry_that_cannot_be_written_hides_no_refusal(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("The database cannot be reached.")

    monkeypatch.setattr(Database, "fetch", away)
    lost = api.resources.metrics.audit_entries_lost._value.get()
    answer = await api.ask(
        'mutation { createCourse(input: {title: "A"}) { course { id } } }', Actor(7, Role.STUDENT)
    )
    assert answer.codes == ["FORBIDDEN"]
    record = next(record for record in caplog.records if "audit entry" in record.message)
    assert record.context["action"] == "createCourse"  # type: ignore[attr-defined]
    assert record.context["actor_id"] == 7  # type: ignore[attr-defined]
    assert api.resources.metrics.audit_entries_lost._value.get() == lost + 1


async def test_a_used_refresh_token_is_told_apart(api: Api, database: Database) -> None:
    user = await make_user(database, email="ann@school.test", password=PASSWORD)
    selection = "session { refreshToken }"
    first = (await api.change("login", ANONYMOUS, selection, email=user.email, password=PASSWORD))["session"]
    await api.change("refreshSession", ANONYMOUS, **first)
    await run(database, "UPDATE auth_sessions SET rotated_at = rotated_at - interval '1 minute'")
    reused = await api.change("refreshSession", ANONYMOUS, selection, **first)
    again = await api.change("refreshSession", ANONYMOUS, selection, **first)
    assert reused == again  # the client learns nothing of it
    assert (await entries(database))[1:] == [
        ("refreshSession", "SUCCESS", user.number, f"User:{user.number}"),
        ("refreshSession", "TOKEN_REUSED", None, f"User:{user.number}"),
        ("refreshSession", "INVALID_TOKEN", None, None),
    ]
