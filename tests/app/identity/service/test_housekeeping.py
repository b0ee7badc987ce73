from datetime import timedelta
from uuid import UUID

import pytest

from app.database import Database, Query
from app.identity.service.housekeeping import BEGINNING, forget_sessions
from app.resources import Resources
from tests.factories.identity import make_user

_ADD = Query(
    "INSERT INTO auth_sessions (user_id, seed, generation, token_hash, expires_at, revoked_at) "
    "VALUES ($1, ''::bytea, 1, ''::bytea, now() + $2, now() + $3) RETURNING id",
    ("user_id", "expires", "revoked"),
    {},
)
_IDS = Query("SELECT id FROM auth_sessions ORDER BY id", (), {})
LONG_AGO = -timedelta(days=2)
LATELY = -timedelta(hours=20)
COMING = timedelta(days=7)


async def add(database: Database, expires: timedelta, revoked: timedelta | None = None) -> UUID:
    user = await make_user(database)
    rows = await database.fetch(_ADD, user_id=user.number, expires=expires, revoked=revoked)
    session: UUID = rows[0]["id"]
    return session


async def left(database: Database) -> list[UUID]:
    return [row["id"] for row in await database.fetch(_IDS)]


async def forget(database: Database, **how: int) -> tuple[int, list[int]]:
    """All steps. Returns what was forgotten, in all and in each."""
    after: UUID | None = BEGINNING
    steps = []
    while after is not None:
        async with database.transaction() as tx:
            gone, after = await forget_sessions(tx, after=after, **how)
        steps.append(gone)
    return sum(steps), steps


async def test_only_what_ended_long_ago_goes(database: Database) -> None:
    kept = [
        await add(database, COMING),
        await add(database, LATELY),
        await add(database, COMING, LATELY),
    ]
    await add(database, LONG_AGO)
    await add(database, COMING, LONG_AGO)
    assert await forget(database) == (2, [2])
    assert await left(database) == kept
    assert await forget(database) == (0, [0])


@pytest.mark.parametrize(("rows", "steps"), [(2, [2, 1, 1]), (5, [4, 0]), (6, [4])])
async def test_each_step_looks_at_so_many(database: Database, rows: int, steps: list[int]) -> None:
    for expires in (LONG_AGO, LONG_AGO, COMING, LONG_AGO, LONG_AGO):
        await add(database, expires)
    assert await forget(database, rows=rows) == (4, steps)
    assert len(await left(database)) == 1


async def test_the_first_step_is_enough_where_nothing_is(database: Database) -> None:
    assert await forget(database) == (0, [0])


async def test_what_somebody_has_locked_waits_for_the_next_time(crowd: Resources) -> None:
    """A sign-in throws its account's old sessions away too, in an order of its own: nobody waits for the other."""
    await add(crowd.database, LONG_AGO)
    locked = await add(crowd.database, LONG_AGO)
    async with crowd.database.transaction() as tx:
        await tx.fetch_text("SELECT FROM auth_sessions WHERE id = $1 FOR UPDATE", locked)
        assert await forget(crowd.database) == (1, [1])
    assert await left(crowd.database) == [locked]
    assert await forget(crowd.database) == (1, [1])
