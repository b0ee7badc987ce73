"""Who listens hears what a transaction changed, once it is committed, and can do it no harm."""

from collections.abc import AsyncIterator, Iterable

import pytest

from app.database import Database
from app.settings import Settings
from app.telemetry import Metrics


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = Database(settings.database, Metrics())
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def heard(database: Database) -> list[list[str]]:
    told: list[list[str]] = []

    async def hear(names: Iterable[str]) -> None:
        await database.ping()  # the connection has been given back
        told.append(sorted(names))

    database.listen(hear)
    return told


async def test_once_after_the_commit(database: Database, heard: list[list[str]]) -> None:
    async with database.transaction() as tx:
        assert tx.changes(["b", "a"]) == ["a", "b"]
        assert tx.changes(["a", "c", "c"]) == ["c"]
        assert tx.changes(["a"]) == []
        assert heard == []
    assert heard == [["a", "b", "c"]]


async def test_nothing_of_what_was_undone(database: Database, heard: list[list[str]]) -> None:
    async def undone() -> None:
        async with database.transaction() as tx:
            tx.changes(["a"])
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await undone()
    async with database.transaction() as tx:
        tx.changes([])
    assert heard == []


async def test_a_listener_that_fails_fails_alone(
    database: Database, heard: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_names: Iterable[str]) -> None:
        raise ValueError("no")

    database.listen(fail)
    async with database.transaction() as tx:
        tx.changes(["a"])
    assert heard == [["a"]]
    assert "an action after a commit failed" in caplog.text
