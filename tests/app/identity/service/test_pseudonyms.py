"""Accounts of people known by a number: made once, nobody signs in to them, nobody writes to them."""

import pytest

from app.database import Database
from app.identity.errors import InvalidCredentials
from app.identity.service import sign_in
from app.identity.service.pseudonyms import ensure_pseudonyms
from app.identity.throttling.throttle import Throttle
from app.notifications.kinds import NotificationKind
from app.notifications.service.notifying import notify
from app.resources import Resources
from app.settings import AuthenticationSettings
from app.telemetry import Metrics
from tests.factories.catalog import run
from tests.factories.identity import make_user

ADDRESSES = ["learner-1@school.invalid", "learner-2@school.invalid"]


async def ensure(database: Database, *addresses: str) -> tuple[dict[str, int], int]:
    async with database.transaction() as tx:
        return await ensure_pseudonyms(tx, addresses, [f"Learner {place}" for place in range(len(addresses))])


async def test_made_once(database: Database) -> None:
    ids, made = await ensure(database, *ADDRESSES)
    assert (list(ids), made) == (ADDRESSES, 2)
    assert await ensure(database, *ADDRESSES) == (ids, 0)
    rows = await run(
        database, "SELECT email, role, password_hash, email_verified_at IS NOT NULL FROM users ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [(address, "student", None, True) for address in ADDRESSES]


async def test_only_where_no_mail_arrives(database: Database) -> None:
    with pytest.raises(ValueError, match="no mail reaches"):
        await ensure(database, "learner-1@school.test")
    assert await run(database, "SELECT FROM users") == []


async def test_nobody_signs_in(resources: Resources) -> None:
    await ensure(resources.database, *ADDRESSES)
    for password in ("", "x", "learner-1"):
        with pytest.raises(InvalidCredentials):
            await sign_in.login(
                resources.database,
                resources.metrics,
                Throttle(AuthenticationSettings(), Metrics()),
                email=ADDRESSES[0],
                password=password,
            )


async def test_what_tells_everybody_writes_them_no_mail(resources: Resources) -> None:
    database = resources.database
    ids, _ = await ensure(database, ADDRESSES[0])
    other = await make_user(database)
    async with database.transaction() as tx:
        told = await notify(
            tx,
            resources.notifier,
            kind=NotificationKind.INSTRUCTOR_ADDED,
            recipients=[*ids.values(), other.number],
            key="test",
            payload={"course_id": 1, "course_title": "A"},
        )
    assert told == 2
    assert await run(database, "SELECT recipient_id FROM notification_mails") == [(other.number,)]
