from datetime import timedelta

import pytest

from app.identity.service import housekeeping
from app.resources import Resources
from tests.app.identity.service.test_housekeeping import COMING, LONG_AGO, add, left
from tests.factories.catalog import run
from tests.factories.identity import make_user
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
