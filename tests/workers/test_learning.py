"""Jobs of learning: mails of invitations, and what is swept."""

from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest

from app.learning.service import housekeeping
from app.outbox import claim_job
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, Staff, make_course_of, make_staff, run
from tests.factories.learning import enrol_rows, invitations, invite
from tests.support.api import Api
from tests.support.jobs import run_waiting_jobs
from tests.support.mail_server import mail_server
from tests.support.mailbox import mails
from tests.workers.test_identity import answering
from workers.learning import forget_invitations, send_invitation


@pytest.fixture
async def staff(resources: Resources) -> Staff:
    return await make_staff(resources.database)


@pytest.fixture
async def course(resources: Resources, staff: Staff) -> MadeCourse:
    return await make_course_of(resources.database, staff)


def counted(resources: Resources, outcome: str) -> float:
    return float(resources.metrics.invitations.labels(outcome)._value.get())


async def waiting(resources: Resources) -> list[Any]:
    return await run(resources.database, "SELECT id, payload, tries, due_at > now() AS later FROM jobs")


async def test_a_mail_that_the_server_takes_later_is_the_same_mail(
    resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    mailed = counted(resources, "mailed")
    await invite(resources, staff.lead.actor, course.number, "ann@school.test")
    with mail_server() as (url, server):
        server.answers = ["450 Come again"]
        async with answering(resources, url) as with_server:
            assert await run_waiting_jobs(with_server) == ["again"]
            ((job_id, payload, tries, later),) = await waiting(resources)
            assert payload == {"course_id": course.number, "email_key": "ann@school.test"}
            assert (tries, later) == (1, True)
            await run(resources.database, "UPDATE jobs SET due_at = now()")
            assert await run_waiting_jobs(with_server) == ["succeeded"]
    (envelope,) = server.received
    assert envelope.rcpt_tos == ["ann@school.test"]
    assert f"Message-ID: <{job_id}@".encode() in envelope.content
    assert counted(resources, "mailed") == mailed + 1


async def test_a_worker_that_dies_when_the_mail_was_taken_sends_the_same_again(
    resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    await invite(resources, staff.lead.actor, course.number, "ann@school.test", "bob@school.test")
    with mail_server() as (url, server):
        async with answering(resources, url) as with_server:
            for job_id, *_ in await waiting(resources):
                claim = await claim_job(resources.database, job_id)
                assert claim is not None
                # Dies here: nothing records the end, and the job counts as lost in time.
                await send_invitation(with_server, claim)
            await run(resources.database, "UPDATE jobs SET due_at = now()")
            assert await run_waiting_jobs(with_server) == ["succeeded"] * 2
            assert await run_waiting_jobs(with_server) == []
    ids = {(envelope.rcpt_tos[0], message_id(envelope.content)) for envelope in server.received}
    assert (len(server.received), len(ids)) == (4, 2)


def message_id(content: bytes) -> str:
    return str(message_from_bytes(content)["Message-ID"])


async def test_a_mail_that_is_refused_is_not_tried_again(
    resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    mailed = counted(resources, "mailed")
    await invite(resources, staff.lead.actor, course.number, "ann@school.test")
    with mail_server() as (url, server):
        server.answers = ["550 No such user"]
        async with answering(resources, url) as with_server:
            assert await run_waiting_jobs(with_server) == ["succeeded"]
    assert (server.received, await waiting(resources)) == ([], [])
    assert counted(resources, "mailed") == mailed


@pytest.mark.parametrize("end", ["withdrawn", "declined", "enrolled"])
async def test_nobody_is_written_to_who_is_invited_no_longer(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse, end: str
) -> None:
    (made,) = await invite(resources, staff.lead.actor, course.number, staff.student.email)
    named = {"invitationId": global_id("Invitation", made)}
    if end == "withdrawn":
        await api.change("withdrawInvitation", staff.lead.actor, **named)
    elif end == "declined":
        await api.change("declineInvitation", staff.student.actor, **named)
    else:
        await enrol_rows(resources.database, course.number, [staff.student.number])
    assert await run_waiting_jobs(resources) == ["succeeded"]
    assert await mails(resources) == []


async def test_what_has_expired_is_swept(
    resources: Resources, staff: Staff, course: MadeCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (housekeeping.forget_invitations, housekeeping.forget_invitation_records):
        monkeypatch.setitem(step.__kwdefaults__ or {}, "rows", 2)
    database = resources.database
    expired = counted(resources, "expired")
    emails = [f"u{n}@school.test" for n in range(6)]
    await invite(resources, staff.lead.actor, course.number, *emails)
    await invite(resources, staff.colleague.actor, course.number, "new@school.test")
    await run(
        database,
        "UPDATE invitations SET expires_at = now() WHERE email_key = ANY($1::text[])",
        emails[:5],
    )
    await run(
        database,
        "UPDATE invitation_mails SET mailed_at = now() - $2::interval WHERE email_key = ANY($1::text[])",
        emails,
        timedelta(days=1),
    )
    await run(
        database,
        "UPDATE invitation_allowances SET hour_began = now() - interval '1 hour' WHERE user_id = $1",
        staff.lead.number,
    )
    assert await forget_invitations(resources) == 5
    assert await invitations(database, course.number) == [("new@school.test", None), (emails[5], None)]
    assert await run(database, "SELECT email_key FROM invitation_mails") == [("new@school.test",)]
    assert await run(database, "SELECT user_id FROM invitation_allowances") == [(staff.colleague.number,)]
    assert counted(resources, "expired") == expired + 5
    assert await forget_invitations(resources) == 0
