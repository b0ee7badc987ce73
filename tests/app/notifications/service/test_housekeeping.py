"""What is old goes, step by step, and the counters stay right."""

from typing import Any
from uuid import UUID

import pytest

from app.notifications.service.housekeeping import BEGINNING, forget_mails, forget_notifications
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import MadeUser, make_user
from tests.factories.notifications import tell, wrong_counters

ADD = """
    WITH told AS (
        INSERT INTO notifications (id, recipient_id, position, kind, dedupe_key, payload, read_at)
        SELECT uuidv7(make_interval(days => -$2::int)), $1, CASE WHEN $4 THEN coalesce(max(position), 0) + 1 END,
               'instructor_added', $5, '{}', CASE WHEN $3 THEN now() END
        FROM notifications WHERE recipient_id = $1 RETURNING position, read_at)
    INSERT INTO notification_counters (recipient_id, position, unread)
    SELECT $1, coalesce(position, 0), (position IS NOT NULL AND read_at IS NULL)::int FROM told
    ON CONFLICT (recipient_id) DO UPDATE SET position = greatest(notification_counters.position, excluded.position),
        unread = notification_counters.unread + excluded.unread"""


async def add(resources: Resources, user: MadeUser, days: int, *, read: bool, in_list: bool = True) -> None:
    key = f"{days} {'read' if read else 'unread'} {'listed' if in_list else 'unlisted'}"
    await run(resources.database, ADD, user.number, days, read, in_list, key)


async def left(resources: Resources) -> list[str]:
    rows = await run(resources.database, "SELECT dedupe_key FROM notifications ORDER BY id")
    return [row["dedupe_key"] for row in rows]


async def forget(resources: Resources, rows: int) -> int:
    forgotten = 0
    after: UUID | None = BEGINNING
    while after is not None:
        async with resources.database.transaction() as tx:
            gone, after = await forget_notifications(tx, after=after, rows=rows)
        forgotten += gone
    return forgotten


@pytest.mark.parametrize("rows", [1, 3, 1000])
async def test_what_is_old_goes(resources: Resources, rows: int) -> None:
    ann, ben = await make_user(resources.database), await make_user(resources.database)
    for user in (ann, ben):
        for days in (366, 364, 181, 179, 0):
            await add(resources, user, days, read=False)
        for days in (366, 181, 179):
            await add(resources, user, days, read=True)
        for days in (181, 179):
            await add(resources, user, days, read=False, in_list=False)
    assert await wrong_counters(resources.database) == []
    assert await forget(resources, rows) == 8
    assert await wrong_counters(resources.database) == []
    assert set(await left(resources)) == {
        "364 unread listed",
        "181 unread listed",
        "179 unread listed",
        "179 read listed",
        "179 unread unlisted",
        "0 unread listed",
    }
    assert await forget(resources, rows) == 0


async def test_places_are_not_given_again(resources: Resources) -> None:
    ann = await make_user(resources.database)
    for _ in range(3):
        await tell(resources, ann.number)
    await run(
        resources.database,
        "UPDATE notifications SET id = uuidv7(make_interval(days => -400)), read_at = NULL",
    )
    assert await forget(resources, 1000) == 3
    await tell(resources, ann.number)
    (row,) = await run(resources.database, "SELECT position FROM notifications")
    assert row["position"] == 4
    assert await wrong_counters(resources.database) == []


async def test_settled_mails_go(resources: Resources) -> None:
    ann = await make_user(resources.database)
    states: list[Any] = [("due", 31), ("sent", 31), ("failed", 31), ("cancelled", 31), ("sent", 29)]
    for state, days in states:
        await run(
            resources.database,
            "INSERT INTO notification_mails (id, recipient_id, notification_ids, state)"
            " VALUES (uuidv7(make_interval(days => -$3::int)), $1, '{}', $2)",
            ann.number,
            state,
            days,
        )
    gone = []
    for _ in range(3):
        async with resources.database.transaction() as tx:
            gone.append(await forget_mails(tx, rows=2))
    assert gone == [2, 1, 0]
    rows = await run(resources.database, "SELECT state FROM notification_mails ORDER BY id")
    assert [row["state"] for row in rows] == ["due", "sent"]
