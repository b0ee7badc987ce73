"""What comes by the clock for notifications, and the job that sends their mails."""

import asyncio
from typing import Any

from app.errors import Unavailable
from app.notifications import reads
from app.notifications.service import Choice, housekeeping, mailing, update_preferences
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import make_user
from tests.factories.notifications import ADDED, tell
from tests.support.mailbox import mails
from workers import notifications
from workers.notifications import forget_notifications, look_for_due_mails, send_digests


async def test_what_is_due_is_looked_for(resources: Resources) -> None:
    assert await look_for_due_mails(resources) == 0
    assert await run(resources.database, "SELECT id FROM jobs") == []
    ann = await make_user(resources.database)
    await tell(resources, ann.number)
    # As after an attempt that was lost, or told to come again.
    await run(resources.database, "DELETE FROM jobs")
    assert await look_for_due_mails(resources) == 1
    assert len(await mails(resources)) == 1
    assert await look_for_due_mails(resources) == 0


async def test_what_comes_while_a_batch_is_sent_is_sent_after_it(
    resources: Resources, monkeypatch: Any
) -> None:
    """Whoever tells asks for no second sender while one runs: it asks itself before it ends."""
    ann = await make_user(resources.database)
    await tell(resources, ann.number)
    send_batch, batches = mailing.send_batch, 0

    async def interrupted(sending: mailing.Sending) -> None:
        nonlocal batches
        await send_batch(sending)
        batches += 1
        if batches < 3:
            await tell(resources, ann.number)
            assert len(await run(resources.database, "SELECT id FROM jobs")) == 1

    monkeypatch.setattr(mailing, "send_batch", interrupted)
    assert len(await mails(resources)) == 3
    assert batches == 3
    assert await run(resources.database, "SELECT id FROM jobs") == []


def gauges(resources: Resources) -> tuple[float, float]:
    values = [
        resources.metrics.registry.get_sample_value(f"lectern_notification_mails_{name}")
        for name in ("due", "oldest_seconds")
    ]
    return values[0] or 0.0, values[1] or 0.0


async def test_what_waits_is_measured(resources: Resources, monkeypatch: Any) -> None:
    ann = await make_user(resources.database)
    await tell(resources, ann.number)
    await run(resources.database, "UPDATE notification_mails SET due_at = now() - interval '5 minutes'")
    monkeypatch.setattr(notifications, "INTERVAL", 0.01)
    outage, looks = True, asyncio.Queue[None]()
    measured = reads.mails_waiting

    async def waiting(connection: Any) -> Any:
        nonlocal outage
        looks.put_nowait(None)
        if outage:
            outage = False
            raise Unavailable("Not now.")
        return await measured(connection)

    monkeypatch.setattr(reads, "mails_waiting", waiting)
    task = asyncio.create_task(notifications.watch_mails(resources))
    for _ in range(3):
        await looks.get()
    due, oldest = gauges(resources)
    assert due == 1
    assert oldest >= 300
    await run(resources.database, "UPDATE notification_mails SET state = 'sent'")
    while not looks.empty():
        looks.get_nowait()
    for _ in range(3):
        await looks.get()
    assert gauges(resources) == (0, 0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_digests_are_made_once_a_day(resources: Resources) -> None:
    ann = await make_user(resources.database)
    async with resources.database.transaction() as tx:
        await update_preferences(tx, ann.actor, choices=[Choice(ADDED, mail=False, digest=True)])
    await tell(resources, ann.number)
    assert await mails(resources) == []
    assert await send_digests(resources) == 1
    await tell(resources, ann.number)
    assert await send_digests(resources) == 0
    assert [mail.subject for mail in await mails(resources)] == ["Something new on Lectern"]


async def test_all_steps_of_forgetting_are_taken(resources: Resources, monkeypatch: Any) -> None:
    monkeypatch.setitem(housekeeping.forget_notifications.__kwdefaults__, "rows", 2)
    monkeypatch.setitem(housekeeping.forget_mails.__kwdefaults__, "rows", 2)
    ann = await make_user(resources.database)
    for _ in range(5):
        await tell(resources, ann.number)
    assert len(await mails(resources)) == 5
    for table in ("notifications", "notification_mails"):
        await run(resources.database, f"UPDATE {table} SET id = uuidv7(interval '-400 days')")
    assert await forget_notifications(resources) == 5
    assert await run(resources.database, "SELECT 1 FROM notification_mails") == []
    assert dict((await reads.counters_of_users(resources.database, [ann.number]))[0])["unread"] == 0
