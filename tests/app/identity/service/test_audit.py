import asyncpg
import pytest

from app.database import Database, Query
from app.identity.service import audit
from app.identity.service.audit import Attempt
from app.telemetry import Metrics

ROWS = Query("SELECT * FROM audit_log ORDER BY id", (), {})
ATTEMPT = Attempt(action="createCourse", outcome="SUCCESS", actor_id=1)


async def test_a_rolled_back_entry_is_none(database: Database) -> None:
    async def fails() -> None:
        async with database.transaction() as tx:
            await audit.record(tx, ATTEMPT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await database.fetch(ROWS) == []


async def test_long_and_strange_origins_are_cut(database: Database) -> None:
    attempt = Attempt(
        "login", "SUCCESS", client_address="a" * 5000, user_agent="b\x00\n" * 5000, request_id="r" * 64
    )
    await audit.record_refusal(database, Metrics(), attempt)
    row = (await database.fetch(ROWS))[0]
    assert (len(row["client_address"]), row["device"]) == (64, "b" * 200)


@pytest.mark.parametrize("part", ["log", "month"])
@pytest.mark.parametrize(
    "change",
    ["UPDATE {} SET outcome = 'SUCCESS'", "DELETE FROM {}", "TRUNCATE {}", "TRUNCATE users, {} CASCADE"],
)
async def test_nobody_changes_what_was_written(database: Database, change: str, part: str) -> None:
    await audit.record_refusal(database, Metrics(), ATTEMPT)
    month = (await database.fetch(Query("SELECT tableoid::regclass::text AS name FROM audit_log", (), {})))[0]
    table = "audit_log" if part == "log" else month["name"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await database.fetch(Query(change.format(table), (), {}))
    assert len(await database.fetch(ROWS)) == 1
