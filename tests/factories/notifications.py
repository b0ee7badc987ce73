"""Things that people are told, in transactions as the domains have them."""

from itertools import count
from typing import Any

from app.database import Database
from app.notifications import reads
from app.notifications.kinds import NotificationKind
from app.notifications.service import notify
from app.resources import Resources
from tests.factories.catalog import run

ADDED, REMOVED = NotificationKind.INSTRUCTOR_ADDED, NotificationKind.INSTRUCTOR_REMOVED
_numbers = count(1)


async def tell(
    resources: Resources,
    *recipients: int,
    key: str | None = None,
    kind: NotificationKind = ADDED,
    title: str = "Knitting",
    **facts: Any,
) -> int:
    """Tells them, by default of something new. Returns how many had not been told."""
    async with resources.database.transaction() as tx:
        return await notify(
            tx,
            resources.notifier,
            kind=kind,
            recipients=recipients,
            key=key or f"event {next(_numbers)}",
            payload={"course_title": title, **facts},
        )


async def listed(database: Database, user_id: int, *, unread_only: bool = False) -> list[Any]:
    """Rows of their list, the newest first."""
    return await reads.notifications_page(database, user_id, 1_000, None, unread_only=unread_only)


async def wrong_counters(database: Database) -> list[tuple[Any, ...]]:
    """(user, counted, there) of every account whose counter is not the number of its unread rows: none, always."""
    rows = await run(
        database,
        "SELECT u.id, coalesce(c.unread, 0), count(n.id) FROM users u"
        " LEFT JOIN notification_counters c ON c.recipient_id = u.id"
        " LEFT JOIN notifications n ON n.recipient_id = u.id AND n.read_at IS NULL AND n.position IS NOT NULL"
        " GROUP BY 1, 2 HAVING coalesce(c.unread, 0) <> count(n.id)",
    )
    return [tuple(row) for row in rows]


async def chosen(database: Database, user_id: int, kind: NotificationKind = ADDED) -> tuple[bool, bool, bool]:
    """What somebody wants of a kind: (in the list, by mail, in the digest)."""
    rows = await reads.preferences_of_users(database, [user_id])
    (row,) = [row for row in rows if row["kind"] == kind]
    return row["in_app"], row["mail"], row["digest"]
