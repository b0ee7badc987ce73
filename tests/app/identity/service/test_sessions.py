import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.database import Database, Query
from app.identity import reads
from app.identity.actor import Actor
from app.identity.errors import InvalidAccessToken, SessionNotFound
from app.identity.service import sessions
from app.identity.service.sessions import Grant, device_of
from app.identity.tokens.refresh_tokens import token_hash
from app.resources import Resources
from tests.factories.identity import make_user

ALL = Query("SELECT * FROM auth_sessions ORDER BY created_at, id", (), {})


async def start(resources: Resources, user_id: int, user_agent: str = "") -> Grant:
    async with resources.database.transaction() as tx:
        return await sessions.start(
            tx, resources.refresh_tokens, resources.ended_sessions, user_id=user_id, user_agent=user_agent
        )


async def living(database: Database, user_id: int) -> list[UUID]:
    return [row["id"] for row in await reads.sessions_of_users(database, [user_id], Actor(user_id))]


async def test_a_session_is_stored_without_its_token(resources: Resources) -> None:
    user = await make_user(resources.database)
    grant = await start(resources, user.number, "Browser 1")
    row = dict((await resources.database.fetch(ALL))[0])
    assert (row["id"], row["user_id"], row["device"]) == (grant.session_id, user.number, "Browser 1")
    assert row["id"].version == 7
    assert row["token_hash"] == token_hash(grant.refresh_token)
    assert grant.refresh_token not in str(row)
    assert (row["expires_at"] - row["created_at"]).total_seconds() == 7 * 24 * 3600
    assert row["revoked_at"] is None


async def test_an_account_has_at_most_100_and_the_least_used_ends(
    resources: Resources,
) -> None:
    user, other = await make_user(resources.database), await make_user(resources.database)
    kept = await start(resources, other.number)
    grants = [await start(resources, user.number) for _ in range(sessions.MAX_SESSIONS)]
    assert len(await living(resources.database, user.number)) == 100
    newest = await start(resources, user.number)
    found = await living(resources.database, user.number)
    assert found == [newest.session_id, *(grant.session_id for grant in reversed(grants[1:]))]
    assert await living(resources.database, other.number) == [kept.session_id]
    with pytest.raises(InvalidAccessToken):
        await resources.ended_sessions.check(grants[0].session_id)


async def test_sign_ins_at_once_keep_to_the_limit(crowd: Resources) -> None:
    user = await make_user(crowd.database)
    await asyncio.gather(*(start(crowd, user.number) for _ in range(120)))
    assert len(await living(crowd.database, user.number)) == 100


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
async def test_the_next_sign_in_forgets_what_ended_long_ago(resources: Resources, column: str) -> None:
    user = await make_user(resources.database)
    old, recent, new = [(await start(resources, user.number)).session_id for _ in range(3)]
    for session_id, hours in ((old, 25), (recent, 23)):
        await resources.database.fetch(
            Query(
                f"UPDATE auth_sessions SET {column} = now() - make_interval(hours => $2) WHERE id = $1",
                ("id", "hours"),
                {},
            ),
            id=session_id,
            hours=hours,
        )
    newest = (await start(resources, user.number)).session_id
    assert {row["id"] for row in await resources.database.fetch(ALL)} == {recent, new, newest}
    assert await living(resources.database, user.number) == [newest, new]


async def test_only_ones_own_living_sessions_can_be_ended(resources: Resources) -> None:
    user, other = await make_user(resources.database), await make_user(resources.database)
    mine, theirs = await start(resources, user.number), await start(resources, other.number)

    async def end(session_id: UUID) -> Any:
        async with resources.database.transaction() as tx:
            return await sessions.end(tx, resources.ended_sessions, user.actor, session_id=session_id)

    before = await resources.database.fetch(ALL)
    with pytest.raises(SessionNotFound):
        await end(theirs.session_id)
    assert await resources.database.fetch(ALL) == before
    assert (await end(mine.session_id))["id"] == mine.session_id
    with pytest.raises(SessionNotFound):
        await end(mine.session_id)
    await resources.ended_sessions.check(theirs.session_id)
    with pytest.raises(InvalidAccessToken):
        await resources.ended_sessions.check(mine.session_id)


async def test_a_rolled_back_end_ends_nothing(resources: Resources) -> None:
    user = await make_user(resources.database)
    grant = await start(resources, user.number)

    async def fail() -> None:
        async with resources.database.transaction() as tx:
            await sessions.end(tx, resources.ended_sessions, user.actor, session_id=grant.session_id)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    await resources.ended_sessions.check(grant.session_id)
    assert await living(resources.database, user.number) == [grant.session_id]


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("", None),
        (" \t", None),
        ("\x00\x85", None),
        ("  Browser/1.0 (X11)  ", "Browser/1.0 (X11)"),
        ("a\x00b\x1bc\nd", "abcd"),
        ("x" * 5000, "x" * 200),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_a_device_is_what_it_says_within_bounds(user_agent: str, device: str | None) -> None:
    assert device_of(user_agent) == device
