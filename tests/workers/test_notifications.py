"""What comes by the clock for notifications, and the job that sends their mails."""

from typing import Any

from app.notifications import reads
from app.notifications.service import Choice, housekeeping, update_preferences
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import make_user
from tests.factories.notifications import ADDED, tell
from tests.support.mailbox import mails
from workers.notifications import forget_notifications, look_for_due_mails, send_digests


def gauge(resources: Resources, name: str) -> float | None:
    return resources.metrics.registry.get_sample_value(f"lectern_notification_mails_{name}")


async def test_what_is_due_is_looked_for(resources: Resources) -> None:
    assert await look_for_due_mails(resources) == 0
    assert await run(resources.database, "SELECT id FROM jobs") == []
    ann = await make_user(resources.database)
    await tell(resources, ann.number)
    # As after an attempt that was lost, or told to come again.
    await run(resources.database, "DELETE FROM jobs")
    await run(resources.database, "UPDATE notification_mails SET due_at = now() - interval '5 minutes'")
    assert await look_for_due_mails(resources) == 1
    assert gauge(resources, "due") == 1
    oldest = gauge(resources, "oldest_seconds")
    assert oldest is not None
    assert oldest >= 300
    assert len(await mails(resources)) == 1
    assert await look_for_due_mails(resources) == 0
    assert gauge(resources, "due") == 0


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
