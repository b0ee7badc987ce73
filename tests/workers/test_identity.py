from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from app.identity.service import account_mails, housekeeping
from app.identity.service.account_mails import AccountMail
from app.mail import open_mailer
from app.resources import Resources
from tests.app.identity.service.test_housekeeping import COMING, LONG_AGO, add, left
from tests.factories.catalog import run
from tests.factories.identity import make_user
from tests.support.jobs import run_waiting_jobs
from tests.support.mail_server import mail_server
from tests.support.mailbox import mails
from tests.support.ports import free_port
from workers.identity import forget_email_tokens, forget_expired_sessions, forget_failures


async def test_all_steps_are_taken(resources: Resources, monkeypatch) -> None:
    defaults = housekeeping.forget_sessions.__kwdefaults__
    monkeypatch.setitem(defaults, "rows", 2)
    for _ in range(5):
        await add(resources.database, LONG_AGO)
    kept = await add(resources.database, COMING)
    assert await forget_expired_sessions(resources) == 5
    assert await left(resources.database) == [kept]


@pytest.mark.parametrize("rows", [2, 5000])
async def test_expired_tokens_of_mails_go(resources: Resources, monkeypatch, rows: int) -> None:
    monkeypatch.setitem(housekeeping.forget_email_tokens.__kwdefaults__, "rows", rows)
    user = await make_user(resources.database)
    add = """INSERT INTO email_tokens SELECT $1, $2, 'verify_email', now() + $3"""
    for number in range(5):
        await run(resources.database, add, bytes([number]), user.number, timedelta(seconds=-1))
    await run(resources.database, add, b"good", user.number, timedelta(hours=1))
    assert await forget_email_tokens(resources) == 5
    kept = await run(resources.database, "SELECT token_hash FROM email_tokens")
    assert [row["token_hash"] for row in kept] == [b"good"]
    assert await forget_email_tokens(resources) == 0


async def test_failures_of_another_day_go(resources: Resources) -> None:
    add = "INSERT INTO attempt_throttles (key, last_failure) SELECT $1, now() - $2::interval"
    for number in range(5):
        await run(resources.database, add, bytes([number]), timedelta(hours=25))
    await run(resources.database, add, b"new", timedelta(hours=23))
    assert await forget_failures(resources) == 5
    kept = await run(resources.database, "SELECT key FROM attempt_throttles")
    assert [row["key"] for row in kept] == [b"new"]


async def ask(resources: Resources, mail: AccountMail, user_id: int) -> None:
    async with resources.database.transaction() as tx:
        await account_mails.ask_by_account(tx, resources.outbox, mail, user_id=user_id)


async def waiting(resources: Resources) -> list[Any]:
    return await run(resources.database, "SELECT id, payload, tries, due_at > now() AS later FROM jobs")


@pytest.mark.parametrize("verified", [False, True])
async def test_an_introduction_to_whoever_has_not_proved_the_address(
    resources: Resources, verified: bool
) -> None:
    user = await make_user(resources.database, verified=verified)
    await ask(resources, AccountMail.INTRODUCTION, user.number)
    ((_, payload, _, _),) = await waiting(resources)
    assert payload == {"mail": "introduction", "user_id": user.number}
    sent = await mails(resources)
    assert [mail.to for mail in sent] == ([] if verified else [user.email])
    assert await waiting(resources) == []


async def test_nobody_is_left_to_write_to(resources: Resources) -> None:
    await ask(resources, AccountMail.PASSWORD_CHANGED, 10**9)
    async with resources.database.transaction() as tx:
        await account_mails.ask_by_address(
            tx, resources.outbox, AccountMail.RESET_PASSWORD, email_key="nobody@school.test"
        )
    assert await run_waiting_jobs(resources) == ["succeeded", "succeeded"]
    assert await mails(resources) == []


async def test_the_link_of_a_mail_is_good_when_it_was_sent_again(resources: Resources) -> None:
    """A server that asks to come again gets the same mail, under the same id; each link works."""
    user = await make_user(resources.database, verified=False)
    await ask(resources, AccountMail.INTRODUCTION, user.number)
    with mail_server() as (url, server):
        server.answers = ["450 Come again"]
        async with answering(resources, url) as with_server:
            assert await run_waiting_jobs(with_server) == ["again"]
            ((job_id, _, tries, later),) = await waiting(resources)
            assert (tries, later) == (1, True)
            await run(resources.database, "UPDATE jobs SET due_at = now()")
            assert await run_waiting_jobs(with_server) == ["succeeded"]
    (envelope,) = server.received
    assert f"Message-ID: <{job_id}@".encode() in envelope.content
    assert await run(resources.database, "SELECT count(*) FROM email_tokens") == [(2,)]


async def test_a_mail_that_is_refused_is_not_tried_again(resources: Resources) -> None:
    user = await make_user(resources.database)
    await ask(resources, AccountMail.PASSWORD_CHANGED, user.number)
    with mail_server() as (url, server):
        server.answers = ["550 No such user"]
        async with answering(resources, url) as with_server:
            assert await run_waiting_jobs(with_server) == ["succeeded"]
    assert server.received == []
    assert await waiting(resources) == []


async def test_a_mail_server_that_stays_away_ends_with_an_operator(resources: Resources) -> None:
    user = await make_user(resources.database)
    await ask(resources, AccountMail.PASSWORD_CHANGED, user.number)
    await run(resources.database, "UPDATE jobs SET tries = 47")
    async with answering(resources, f"smtp://127.0.0.1:{free_port()}") as nowhere:
        assert await run_waiting_jobs(nowhere) == ["dead"]
    assert await waiting(resources) == []
    assert await run(resources.database, "SELECT name, tries FROM dead_letters") == [
        ("send_account_mail", 48)
    ]


@asynccontextmanager
async def answering(resources: Resources, url: str) -> AsyncIterator[Resources]:
    """The same resources, with a mail server at `url`."""
    mail = resources.settings.mail.model_copy(update={"smtp_url": SecretStr(url), "mail_timeout": 2})
    settings = resources.settings.model_copy(update={"mail": mail})
    async with open_mailer(settings, resources.metrics) as mailer:
        yield replace(resources, mailer=mailer)
