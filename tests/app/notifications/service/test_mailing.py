"""What becomes of each mail: sent once, refused, tried again with patience, given up, or wanted no more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.jobs import HANDLING, Job
from app.mail import Message, Outcome
from app.notifications.service import Choice, mailing, unsubscribe, update_preferences
from app.notifications.service.mailing import Sending, send_batch
from app.outbox.claims import MARGIN
from app.resources import Resources
from app.settings import MailSettings
from app.telemetry import StatementCount, statements
from tests.factories.catalog import run
from tests.factories.identity import MadeUser, make_user
from tests.factories.notifications import ADDED, tell
from tests.support.mailbox import mails


def sending(resources: Resources, mailer: Any = None) -> Sending:
    return Sending(
        resources.database, mailer or resources.mailer, resources.notification_letters, resources.metrics
    )


class Answering:
    """A mail server of which the test says what it answers."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[Message] = []

    async def send(self, messages: list[Message]) -> list[Outcome]:
        assert len(messages) == 1, "each is recorded before the next is sent"
        self.sent += messages
        return [self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]]


@pytest.fixture
async def ann(resources: Resources) -> MadeUser:
    return await make_user(resources.database, name="Ann")


async def states(resources: Resources) -> list[tuple[str, int]]:
    rows = await run(resources.database, "SELECT state, tries FROM notification_mails ORDER BY id")
    return [tuple(row) for row in rows]


async def due_again(resources: Resources) -> None:
    await run(resources.database, "UPDATE notification_mails SET due_at = now() - interval '1 second'")


def counted(resources: Resources, outcome: str) -> float:
    labels = {"outcome": outcome}
    return resources.metrics.registry.get_sample_value("lectern_notification_mails_total", labels) or 0.0


async def test_a_mail_and_its_words(resources: Resources, ann: MadeUser) -> None:
    await tell(resources, ann.number, title="Knots & <b>ropes</b>\nBcc: all@school.test")
    (mail,) = await mails(resources)
    assert mail.to == ann.email
    assert mail.subject == "You now teach Knots & <b>ropes</b> Bcc: all@school.test"
    assert "the course Knots & <b>ropes</b>" in mail.text
    assert "the course Knots &amp; &lt;b&gt;ropes&lt;/b&gt;" in mail.html
    assert "<b>" not in mail.html
    (row,) = await run(resources.database, "SELECT id FROM notifications")
    assert mail.headers["Message-ID"] == f"<notification-{row['id']}@localhost>"
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail.headers["List-Unsubscribe"].strip("<>")
    assert link in mail.text
    assert link in mail.html
    token = link.partition("?token=")[2]
    assert resources.unsubscribe_tokens.read(token) == (ann.number, "instructor_added")
    assert await states(resources) == [("sent", 1)]


async def test_each_is_sent_once(resources: Resources, ann: MadeUser) -> None:
    ben = await make_user(resources.database)
    for _ in range(2):
        await tell(resources, ann.number, ben.number)
    answering = Answering(Outcome.SENT)
    before = counted(resources, "sent")
    for _ in range(2):
        await send_batch(sending(resources, answering))
    assert sorted(message.to for message in answering.sent) == sorted([ann.email, ben.email] * 2)
    assert len({message.message_id for message in answering.sent}) == 4
    assert await states(resources) == [("sent", 1)] * 4
    assert counted(resources, "sent") == before + 4


async def test_a_refused_one_is_over(resources: Resources, ann: MadeUser) -> None:
    await tell(resources, ann.number)
    await tell(resources, ann.number)
    await send_batch(sending(resources, Answering(Outcome.REFUSED, Outcome.SENT)))
    await due_again(resources)
    assert [state for state, _ in await states(resources)] == ["failed", "sent"]
    answering = Answering(Outcome.SENT)
    await send_batch(sending(resources, answering))
    assert answering.sent == []


async def test_later_and_later_and_then_never(resources: Resources, ann: MadeUser) -> None:
    await tell(resources, ann.number)
    answering = Answering(Outcome.LATER)
    delays = []
    for _ in range(mailing.TRIES + 5):
        await send_batch(sending(resources, answering))
        rows = await run(
            resources.database,
            "SELECT extract(epoch FROM due_at - now())::int AS delay FROM notification_mails WHERE state = 'due'",
        )
        delays += [round(row["delay"] / 60) for row in rows]
        await send_batch(sending(resources, answering))
        await due_again(resources)
    assert delays == [1, 2, 4, 8, 16, 32, 64, *[120] * (mailing.TRIES - 8)]
    assert await states(resources) == [("failed", mailing.TRIES)]
    assert len(answering.sent) == mailing.TRIES
    assert len({message.message_id for message in answering.sent}) == 1


async def test_a_day_is_enough(resources: Resources, ann: MadeUser) -> None:
    await tell(resources, ann.number)
    await run(resources.database, "UPDATE notification_mails SET created_at = now() - interval '25 hours'")
    # Even then it is tried: perhaps no worker ran that day.
    answering = Answering(Outcome.LATER)
    await send_batch(sending(resources, answering))
    assert len(answering.sent) == 1
    assert await states(resources) == [("failed", 1)]


async def test_what_kills_its_worker_is_given_up(resources: Resources, ann: MadeUser) -> None:
    await tell(resources, ann.number)
    await run(resources.database, "UPDATE notification_mails SET tries = $1", mailing.TRIES)
    answering = Answering(Outcome.SENT)
    await send_batch(sending(resources, answering))
    assert answering.sent == []
    assert (await states(resources))[0][0] == "failed"


async def test_what_is_taken_is_left_alone_for_a_while(resources: Resources, ann: MadeUser) -> None:
    await tell(resources, ann.number)

    class Dying(Answering):
        async def send(self, messages: list[Message]) -> list[Outcome]:
            await super().send(messages)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await send_batch(sending(resources, Dying(Outcome.SENT)))
    answering = Answering(Outcome.SENT)
    await send_batch(sending(resources, answering))
    assert answering.sent == []
    await due_again(resources)
    await send_batch(sending(resources, answering))
    assert len(answering.sent) == 1
    assert await states(resources) == [("sent", 2)]


async def test_a_slow_server_does_not_hold_what_waits(
    resources: Resources, ann: MadeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await tell(resources, ann.number)
    monkeypatch.setattr(mailing, "PATIENCE", -1.0)
    answering = Answering(Outcome.SENT)
    await send_batch(sending(resources, answering))
    assert answering.sent == []
    assert await states(resources) == [("due", 0)] * 3
    monkeypatch.undo()
    await send_batch(sending(resources, answering))
    assert await states(resources) == [("sent", 1)] * 3


@asynccontextmanager
async def one_due(resources: Resources, user: MadeUser) -> AsyncIterator[None]:
    """What happens in the block happens between the event and the sending: nothing may be sent."""
    await tell(resources, user.number)
    yield
    answering = Answering(Outcome.SENT)
    await send_batch(sending(resources, answering))
    assert answering.sent == []
    assert await states(resources) == [("cancelled", 1)]


async def test_who_has_unsubscribed_meanwhile(resources: Resources, ann: MadeUser) -> None:
    async with one_due(resources, ann), resources.database.transaction() as tx:
        await unsubscribe(tx, user_id=ann.number, scope=ADDED)


async def test_who_has_no_proven_address_any_more(resources: Resources, ann: MadeUser) -> None:
    async with one_due(resources, ann):
        await run(resources.database, "UPDATE users SET email_verified_at = NULL")


async def test_what_was_deleted_meanwhile(resources: Resources, ann: MadeUser) -> None:
    async with one_due(resources, ann):
        await run(resources.database, "DELETE FROM notifications")


async def test_no_mail_to_an_unproven_address(resources: Resources) -> None:
    eve = await make_user(resources.database, verified=False)
    await tell(resources, eve.number)
    assert await states(resources) == []


async def test_a_mail_alone_without_the_list(resources: Resources, ann: MadeUser) -> None:
    async with resources.database.transaction() as tx:
        await update_preferences(tx, ann.actor, choices=[Choice(ADDED, in_app=False)])
    await tell(resources, ann.number)
    assert len(await mails(resources)) == 1


async def test_a_kind_of_another_release_holds_nobody_up(resources: Resources, ann: MadeUser) -> None:
    await tell(resources, ann.number)
    await run(resources.database, "UPDATE notifications SET kind = 'invented'")
    await tell(resources, ann.number)
    answering = Answering(Outcome.SENT)
    await send_batch(sending(resources, answering))
    assert len(answering.sent) == 1
    assert await states(resources) == [("due", 1), ("sent", 1)]


@pytest.mark.parametrize("number", [1, 100])
async def test_reads_do_not_grow(resources: Resources, number: int) -> None:
    for _ in range(number):
        user = await make_user(resources.database)
        await tell(resources, user.number)
    counted = StatementCount()
    token = statements.set(counted)
    try:
        await send_batch(sending(resources, Answering(Outcome.SENT)))
    finally:
        statements.reset(token)
    # Taking, three reads; and a record right after each.
    assert counted.total == 4 + number


async def test_a_batch_is_bounded(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailing, "BATCH", 2)
    ann = await make_user(resources.database)
    for _ in range(5):
        await tell(resources, ann.number)
    answering = Answering(Outcome.SENT)
    await send_batch(sending(resources, answering))
    assert len(answering.sent) == 2
    # The job goes on until nothing is due.
    assert len(await mails(resources)) == 3


def test_the_lease_outlasts_the_job() -> None:
    limit = HANDLING[Job.SEND_NOTIFICATION_MAILS].limit
    assert mailing.LEASE.total_seconds() > limit + MARGIN > mailing.PATIENCE + 6 * MailSettings().mail_timeout
