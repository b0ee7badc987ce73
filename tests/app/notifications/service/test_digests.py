"""One mail for each recipient and day, of what is unread and was not told at once."""

from datetime import date

import pytest

from app.database import Transaction
from app.notifications.service import (
    Choice,
    digests,
    mark_all_read,
    mark_read,
    unsubscribe,
    update_preferences,
)
from app.notifications.service.digests import collect_digests
from app.notifications.unsubscribing import DIGEST
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import MadeUser, make_user
from tests.factories.notifications import ADDED, REMOVED, listed, tell, wrong_counters
from tests.support.mailbox import Mail, mails
from tests.support.meeting import meet
from workers.notifications import look_for_due_mails

TODAY, TOMORROW = date(2026, 11, 23), date(2026, 11, 24)


async def reader(resources: Resources, *, verified: bool = True) -> MadeUser:
    """Somebody who wants to hear of additions once a day."""
    user = await make_user(resources.database, verified=verified)
    await want(resources, user, Choice(ADDED, mail=False, digest=True))
    return user


async def want(resources: Resources, user: MadeUser, choice: Choice) -> None:
    async with resources.database.transaction() as tx:
        await update_preferences(tx, user.actor, choices=[choice])


async def collected(resources: Resources, day: date = TODAY) -> int:
    async with resources.database.transaction() as tx:
        made, after = await collect_digests(tx, day=day)
    assert after is None
    return made


async def received(resources: Resources) -> list[Mail]:
    await look_for_due_mails(resources)
    return await mails(resources)


async def test_one_mail_tells_of_all(resources: Resources) -> None:
    ann, ben = await reader(resources), await reader(resources)
    for title in ("Knots", "Sails & <b>"):
        await tell(resources, ann.number, title=title)
    await tell(resources, ben.number, title="Knots")
    assert await collected(resources) == 2
    first, second = sorted(await received(resources), key=lambda mail: len(mail.text), reverse=True)
    assert (first.to, first.subject) == (ann.email, "2 things that are new on Lectern")
    assert (second.to, second.subject) == (ben.email, "Something new on Lectern")
    assert first.text.index("Sails & <b>") < first.text.index("Knots"), "the newest first"
    assert "Sails &amp; &lt;b&gt;" in first.html
    link = first.headers["List-Unsubscribe"].strip("<>")
    assert link in first.text
    assert link in first.html
    assert resources.unsubscribe_tokens.read(link.partition("?token=")[2]) == (ann.number, DIGEST)
    (row,) = await run(
        resources.database, "SELECT id FROM notification_mails WHERE recipient_id = $1", ann.number
    )
    assert first.headers["Message-ID"] == f"<notification-{row['id']}@localhost>"


async def test_nothing_new_no_mail(resources: Resources) -> None:
    await reader(resources)
    assert await collected(resources) == 0
    assert await received(resources) == []


async def test_what_was_told_at_once_or_read_is_left_out(resources: Resources) -> None:
    ann = await reader(resources)
    await want(resources, ann, Choice(REMOVED, digest=True))
    await tell(resources, ann.number)
    async with resources.database.transaction() as tx:
        await mark_all_read(tx, ann.actor)
    await tell(resources, ann.number, kind=REMOVED, title="Told at once")
    assert len(await mails(resources)) == 1
    assert await collected(resources) == 0
    await tell(resources, ann.number, title="Left")
    assert await collected(resources) == 1
    (mail,) = await received(resources)
    assert mail.subject == "Something new on Lectern"
    assert "Left" in mail.text


async def test_what_comes_later_that_day_waits_for_the_next(resources: Resources) -> None:
    ann = await reader(resources)
    await tell(resources, ann.number, title="First")
    assert [await collected(resources) for _ in range(3)] == [1, 0, 0]
    await tell(resources, ann.number, title="Second")
    assert await collected(resources) == 0
    assert [mail.subject for mail in await received(resources)] == ["Something new on Lectern"]
    assert await collected(resources, TOMORROW) == 1
    (mail,) = await received(resources)
    assert "Second" in mail.text
    assert "First" not in mail.text


async def test_who_wants_none_any_more(resources: Resources) -> None:
    before, meanwhile = await reader(resources), await reader(resources)
    await tell(resources, before.number, meanwhile.number)
    await want(resources, before, Choice(ADDED, digest=False))
    assert await collected(resources) == 1
    async with resources.database.transaction() as tx:
        await unsubscribe(tx, user_id=meanwhile.number, scope=DIGEST)
    assert await received(resources) == []
    assert await collected(resources, TOMORROW) == 0


async def test_no_mail_to_an_unproven_address(resources: Resources) -> None:
    eve = await reader(resources, verified=False)
    await tell(resources, eve.number)
    assert await collected(resources) == 0
    assert await received(resources) == []


async def test_a_long_one_counts_the_rest(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "ITEMS", 2)
    ann = await reader(resources)
    for number in range(5):
        await tell(resources, ann.number, title=f"course {number}")
    assert await collected(resources) == 1
    (mail,) = await received(resources)
    assert mail.subject == "5 things that are new on Lectern"
    assert "And 3 more." in mail.text
    assert "And 3 more." in mail.html
    assert [number for number in range(5) if f"course {number}" in mail.text] == [3, 4]


async def test_steps_reach_everybody(resources: Resources) -> None:
    users = [await reader(resources) for _ in range(5)]
    await tell(resources, *(user.number for user in users))
    made, steps = 0, 0
    after: int | None = 0
    while after is not None:
        async with resources.database.transaction() as tx:
            more, after = await collect_digests(tx, day=TODAY, after=after, rows=2)
        made += more
        steps += 1
    assert (made, steps) == (5, 3)
    assert {mail.to for mail in await received(resources)} == {user.email for user in users}


async def test_whoever_collects_waits_for_who_reads(crowd: Resources) -> None:
    """They may come by different ways: who reads has marked the later one, who collects begins with the earlier."""
    ann = await reader(crowd)
    for title in ("Earlier", "Later"):
        await tell(crowd, ann.number, title=title)
    later, earlier = await listed(crowd.database, ann.number)

    async def read_both(tx: Transaction) -> int:
        await mark_read(tx, ann.actor, ids=[later["id"]])
        return await mark_read(tx, ann.actor, ids=[earlier["id"]])

    unread, (made, _) = await meet(
        crowd.database, read_both, lambda tx: collect_digests(tx, day=TODAY), before="WITH seen", turn=2
    )
    assert (unread, made) == (0, 0)
    assert await wrong_counters(crowd.database) == []
