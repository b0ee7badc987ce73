"""Inviting addresses, taking invitations back, declining them; what an answer tells, and to whom."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.database import Database
from app.learning.service.invitations import ADDRESSES_PER_HOUR
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import (
    MadeCourse,
    Staff,
    codes,
    make_course,
    make_course_of,
    nothing_written,
    run,
)
from tests.factories.identity import make_user
from tests.factories.learning import (
    enrol_rows,
    invitations,
    invite,
    let_a_day_pass,
    let_a_month_pass,
    make_cohort,
)
from tests.support.api import Api
from tests.support.mailbox import mails

INVITE = """mutation ($input: InviteLearnersInput!) { inviteLearners(input: $input) {
    invitations { email message cohort { name } invitedBy { name } } course { id } userErrors { code path } } }"""
NOTHING = global_id("Cohort", 2**63 - 1)


@pytest.fixture
async def course(database: Database, staff: Staff) -> MadeCourse:
    return await make_course_of(database, staff, title="Bread & Salt")


def refused(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"]) for error in payload["userErrors"]]


async def test_addresses_are_invited_with_a_mail_each(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    cohort = await make_cohort(resources.database, staff.lead.actor, course.number)
    payload = await api.change(
        "inviteLearners",
        staff.lead.actor,
        "invitations { email message expiresAt cohort { name } invitedBy { name } course { id } }",
        courseId=course.id,
        emails=[" Ann@School.test", "ann@school.TEST", "bob@straße.de"],
        cohortId=global_id("Cohort", cohort),
        message=" Bring <flour>.\nAnd salt. ",
    )
    assert payload["userErrors"] == []
    shared = {
        "message": "Bring <flour>.\nAnd salt.",
        "cohort": {"name": "Evening"},
        "invitedBy": {"name": "Lea Lead"},
        "course": {"id": course.id},
    }
    ends = [datetime.fromisoformat(made.pop("expiresAt")) for made in payload["invitations"]]
    assert payload["invitations"] == [
        {"email": "Ann@school.test", **shared},
        {"email": "bob@straße.de", **shared},
    ]
    for end in ends:
        assert timedelta(days=29) < end - datetime.now(UTC) <= timedelta(days=30)
    sent = await mails(resources)
    assert sorted(mail.to for mail in sent) == ["Ann@school.test", "bob@straße.de"]
    for mail in sent:
        assert mail.subject == "You are invited to learn: Bread & Salt"
        assert 'Lea Lead invites you to the course "Bread & Salt".' in mail.text
        assert "Bring <flour>.\nAnd salt." in mail.text.replace("\r\n", "\n")
        assert "Bring &lt;flour&gt;.\nAnd salt." in mail.html.replace("\r\n", "\n")
        assert "<flour>" not in mail.html
        assert f"The invitation ends on {ends[0].day} {ends[0]:%B %Y}." in mail.text
    assert len({mail.headers["Message-ID"] for mail in sent}) == 2


async def test_no_answer_tells_who_has_an_account(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    """The same fields, the same statements, the same mail: for an account, an unproved one, a learner, and nobody."""
    database = resources.database
    owner = await make_user(database)
    unproved = await make_user(database, verified=False)
    learner = await make_user(database)
    await enrol_rows(database, course.number, [learner.number])
    # What the cache knows then is the same for all.
    await api.ask(INVITE, staff.lead.actor, input={"courseId": course.id, "emails": ["warm@school.test"]})
    assert len(await mails(resources)) == 1
    answers = []
    for email in (owner.email, unproved.email, learner.email, "nobody@school.test"):
        values = {"courseId": course.id, "emails": [email]}
        answer = await api.ask(INVITE, staff.lead.actor, input=values)
        (made,) = answer.data["inviteLearners"]["invitations"]
        assert made.pop("email") == email
        answers.append((answer.data, answer.statements))
        page = await api(
            "query ($id: ID!) { course(id: $id) { invitations(first: 10) { nodes { email } } } }",
            staff.lead.actor,
            id=course.id,
        )
        assert email in [node["email"] for node in page["course"]["invitations"]["nodes"]]
    assert answers == [answers[0]] * 4
    sent = await mails(resources)
    # Whoever learns already is not bothered; that shows to nobody but them.
    assert sorted(mail.to for mail in sent) == sorted([owner.email, unproved.email, "nobody@school.test"])
    assert len({mail.text for mail in sent}) == 1


async def test_inviting_again_renews_with_a_mail_a_day(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    database = resources.database
    cohort = await make_cohort(database, staff.lead.actor, course.number)
    (first,) = await invite(
        resources, staff.lead.actor, course.number, "ann@school.test", cohort_id=cohort, message="Hello"
    )
    ((before,),) = await run(database, "SELECT expires_at FROM invitations")
    # What is not said again stays.
    assert await invite(resources, staff.colleague.actor, course.number, "ANN@school.test") == [first]
    ((after, kept, said),) = await run(database, "SELECT expires_at, cohort_id, message FROM invitations")
    assert (after > before, kept, said) == (True, cohort, "Hello")
    ids = [mail.headers["Message-ID"] for mail in await mails(resources)]
    assert len(ids) == 1
    # Not by taking it back in between, either.
    payload = await api.change(
        "withdrawInvitation", staff.lead.actor, invitationId=global_id("Invitation", first)
    )
    assert payload["userErrors"] == []
    await invite(resources, staff.lead.actor, course.number, "ann@school.test")
    assert await mails(resources) == []
    await let_a_day_pass(database)
    await invite(resources, staff.lead.actor, course.number, "ann@school.test")
    (again,) = await mails(resources)
    assert again.headers["Message-ID"] not in ids


async def test_no_mail_about_what_is_over(resources: Resources, staff: Staff, course: MadeCourse) -> None:
    database = resources.database
    await invite(resources, staff.lead.actor, course.number, "ann@school.test")
    await let_a_month_pass(database)
    assert await mails(resources) == []
    await invite(resources, staff.lead.actor, course.number, "bob@school.test")
    await run(database, "UPDATE courses SET status = 'archived', archived_at = now()")
    assert await mails(resources) == []
    assert await run(database, "SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize(
    ("values", "code", "path"),
    [
        ({"emails": []}, "INVALID_INPUT", ["emails"]),
        ({"emails": [f"u{n}@school.test" for n in range(101)]}, "INVALID_INPUT", ["emails"]),
        ({"emails": ["ann@school.test", "no address"]}, "INVALID_INPUT", ["emails", "1"]),
        ({"emails": ["a\0b@school.test"]}, "INVALID_INPUT", ["emails", "0"]),
        ({"emails": ["a\r\nBcc: c@d.test@school.test"]}, "INVALID_INPUT", ["emails", "0"]),
        ({"emails": [f"{'a' * 10_000}@school.test"]}, "INVALID_INPUT", ["emails", "0"]),
        ({"message": "x" * 1_001}, "INVALID_INPUT", ["message"]),
        ({"message": "a\0b"}, "INVALID_INPUT", ["message"]),
        ({"cohortId": NOTHING}, "NOT_FOUND", ["cohortId"]),
        ({"cohortId": "Evening"}, "NOT_FOUND", ["cohortId"]),
        ({"courseId": global_id("Course", 2**63 - 1)}, "NOT_FOUND", ["courseId"]),
    ],
)
async def test_refusals(
    *,
    api: Api,
    database: Database,
    staff: Staff,
    course: MadeCourse,
    values: dict[str, Any],
    code: str,
    path: list[str],
) -> None:
    good = {"courseId": course.id, "emails": ["ann@school.test"]}
    async with nothing_written(database):
        payload = await api.change(
            "inviteLearners", staff.lead.actor, "invitations { id } course { id }", **good | values
        )
    assert payload == {
        "invitations": None,
        "course": None,
        "userErrors": [{"code": code, "path": ["input", *path]}],
    }


async def test_a_cohort_of_another_course_and_courses_that_are_not_published(
    api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    draft = await make_course(database, staff.lead.actor, published=False)
    archived = await make_course_of(database, staff)
    await api.change("archiveCourse", staff.lead.actor, courseId=archived.id)
    elsewhere = await make_cohort(database, staff.lead.actor, draft.number)
    emails = ["ann@school.test"]
    async with nothing_written(database):
        for made in (draft, archived):
            payload = await api.change("inviteLearners", staff.lead.actor, courseId=made.id, emails=emails)
            assert refused(payload) == [("INVALID_STATE", ["input", "courseId"])]
        payload = await api.change(
            "inviteLearners",
            staff.lead.actor,
            courseId=course.id,
            emails=emails,
            cohortId=global_id("Cohort", elsewhere),
        )
        assert refused(payload) == [("NOT_FOUND", ["input", "cohortId"])]


async def test_nobody_else_invites_or_withdraws(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    database = resources.database
    (made,) = await invite(resources, staff.lead.actor, course.number, staff.stranger.email)
    draft = await make_course(database, staff.lead.actor, published=False)
    withdraw = """mutation ($input: WithdrawInvitationInput!) { withdrawInvitation(input: $input) {
        userErrors { code path } } }"""
    values = {"courseId": course.id, "emails": ["ann@school.test"]}
    named = {"invitationId": global_id("Invitation", made)}
    async with nothing_written(database):
        for role, code in (
            ("nobody", "UNAUTHENTICATED"),
            ("student", "FORBIDDEN"),
            ("stranger", "FORBIDDEN"),
        ):
            answer = await api.ask(INVITE, staff.actor(role), input=values)
            assert (codes(answer), answer.data) == ([code], {"inviteLearners": None})
        payload = await api.change(
            "inviteLearners", staff.stranger.actor, courseId=draft.id, emails=["ann@school.test"]
        )
        assert refused(payload) == [("NOT_FOUND", ["input", "courseId"])]
        for role, code in (("nobody", "UNAUTHENTICATED"), ("student", "FORBIDDEN")):
            assert codes(await api.ask(withdraw, staff.actor(role), input=named)) == [code]
        # They were invited, and see it; it is not theirs to take back.
        payload = await api.change("withdrawInvitation", staff.stranger.actor, **named)
        assert refused(payload) == [("NOT_FOUND", ["input", "invitationId"])]


async def test_an_invitation_is_withdrawn_once_even_from_an_archived_course(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    (made,) = await invite(resources, staff.lead.actor, course.number, "ann@school.test")
    await api.change("archiveCourse", staff.lead.actor, courseId=course.id)
    identifier = global_id("Invitation", made)
    payload = await api.change(
        "withdrawInvitation",
        staff.colleague.actor,
        "removedInvitationId course { id invitations(first: 1) { nodes { id } } }",
        invitationId=identifier,
    )
    assert payload == {
        "removedInvitationId": identifier,
        "course": {"id": course.id, "invitations": {"nodes": []}},
        "userErrors": [],
    }
    async with nothing_written(resources.database):
        for wrong in (identifier, course.id, "x"):
            payload = await api.change("withdrawInvitation", staff.admin.actor, invitationId=wrong)
            assert refused(payload) == [("NOT_FOUND", ["input", "invitationId"])]


async def test_only_who_has_proved_the_address_declines(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    database = resources.database
    claimant = await make_user(database, email=staff.student.email, verified=False)
    (made,) = await invite(resources, staff.lead.actor, course.number, staff.student.email)
    values = {"invitationId": global_id("Invitation", made)}
    async with nothing_written(database):
        answer = await api.ask(
            "mutation ($input: DeclineInvitationInput!) { declineInvitation(input: $input)"
            " { userErrors { code } } }",
            input=values,
        )
        assert codes(answer) == ["UNAUTHENTICATED"]
        for somebody in (claimant, staff.stranger, staff.lead, staff.admin):
            payload = await api.change("declineInvitation", somebody.actor, **values)
            assert refused(payload) == [("NOT_FOUND", ["input", "invitationId"])]
    payload = await api.change(
        "declineInvitation",
        staff.student.actor,
        "removedInvitationId viewer { invitations { id } }",
        **values,
    )
    assert payload == {
        "removedInvitationId": values["invitationId"],
        "viewer": {"invitations": []},
        "userErrors": [],
    }
    assert await invitations(database, course.number) == []


async def test_an_instructor_invites_five_hundred_addresses_an_hour(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    database = resources.database
    other = await make_course_of(database, staff)
    await invite(resources, staff.lead.actor, course.number, "ann@school.test", "bob@school.test")
    await run(database, "UPDATE invitation_allowances SET addresses = $1", ADDRESSES_PER_HOUR - 1)
    values = {"courseId": other.id, "emails": ["ann@school.test", "bob@school.test"]}
    async with nothing_written(database):
        answer = await api.ask(INVITE, staff.lead.actor, input=values)
    (error,) = answer.errors
    assert codes(answer) == ["RATE_LIMITED"]
    assert 3_500 < error.original_error.retry_after_seconds <= 3_600  # type: ignore[union-attr]
    # One is left, others have theirs, and an hour later it begins anew.
    await invite(resources, staff.lead.actor, other.number, "ann@school.test")
    await invite(resources, staff.colleague.actor, other.number, "ann@school.test", "bob@school.test")
    assert codes(await api.ask(INVITE, staff.lead.actor, input=values)) == ["RATE_LIMITED"]
    await let_a_day_pass(database)
    await invite(resources, staff.lead.actor, other.number, "ann@school.test", "bob@school.test")
    rows = await run(database, "SELECT addresses FROM invitation_allowances ORDER BY user_id")
    assert [row["addresses"] for row in rows] == [2, 2]


async def test_statements_do_not_grow_with_addresses(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    counts = []
    await invite(resources, staff.lead.actor, course.number, "warm@school.test")
    await api("query ($id: ID!) { course(id: $id) { instructor { name } } }", id=course.id)
    for many in (1, 100):
        emails = [f"u{many}.{n}@school.test" for n in range(many)]
        answer = await api.ask(INVITE, staff.lead.actor, input={"courseId": course.id, "emails": emails})
        assert len(answer.data["inviteLearners"]["invitations"]) == many
        counts.append(len(answer.statements))
    assert counts == [counts[0]] * 2
    assert await run(resources.database, "SELECT count(*) FROM jobs WHERE name = 'send_invitation'") == [
        (102,)
    ]


async def test_the_same_addresses_are_invited_at_once(
    crowd_api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    emails = [f"u{n}@school.test" for n in range(10)]

    async def change(order: list[str]) -> None:
        payload = await crowd_api.change("inviteLearners", staff.lead.actor, courseId=course.id, emails=order)
        assert payload["userErrors"] == []

    await asyncio.gather(*(change(emails if n % 2 else emails[::-1]) for n in range(8)))
    assert await invitations(resources.database, course.number) == [(email, None) for email in emails]
    assert sorted(mail.to for mail in await mails(resources)) == emails
