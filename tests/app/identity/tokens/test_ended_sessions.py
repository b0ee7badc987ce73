from uuid import UUID, uuid4

import pytest

from app.database import Database, Query
from app.errors import Unavailable
from app.identity.errors import InvalidAccessToken
from app.identity.tokens.ended_sessions import EndedSessions
from app.resources import Resources
from app.settings import AuthenticationSettings
from app.telemetry import StatementCount, statements
from tests.app.identity.service.test_sessions import start
from tests.factories.identity import make_user

REVOKE = Query(
    "UPDATE auth_sessions SET revoked_at = now() - make_interval(secs => $2) WHERE id = $1", ("id", "ago"), {}
)
SETTINGS = AuthenticationSettings(access_token_lifetime=900, clock_skew=30)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ended(database: Database, clock: Clock) -> EndedSessions:
    """What another process knows."""
    return EndedSessions(database, SETTINGS, clock=clock)


async def made(resources: Resources) -> UUID:
    return (await start(resources, (await make_user(resources.database)).number)).session_id


async def revoke(database: Database, session_id: UUID, ago: float = 0.0) -> None:
    await database.fetch(REVOKE, id=session_id, ago=ago)


async def test_another_process_hears_of_it_within_a_second(
    resources: Resources, ended: EndedSessions, clock: Clock
) -> None:
    session_id, other = await made(resources), await made(resources)
    await ended.check(session_id)
    await revoke(resources.database, session_id)
    clock.now += 0.9
    await ended.check(session_id)
    clock.now += 0.1
    with pytest.raises(InvalidAccessToken):
        await ended.check(session_id)
    await ended.check(other)


async def test_a_process_that_starts_learns_what_ended_within_a_tokens_life(
    resources: Resources, ended: EndedSessions
) -> None:
    recent, old = await made(resources), await made(resources)
    await revoke(resources.database, recent, 900)
    await revoke(resources.database, old, 960)
    with pytest.raises(InvalidAccessToken):
        await ended.check(recent)
    await ended.check(old)  # its tokens have expired all the same


async def test_a_revocation_that_was_committed_late_is_found(
    resources: Resources, ended: EndedSessions, clock: Clock
) -> None:
    session_id = await made(resources)
    await ended.check(session_id)
    await revoke(resources.database, session_id, 5)
    clock.now += 1
    with pytest.raises(InvalidAccessToken):
        await ended.check(session_id)


async def test_it_asks_once_a_second_however_often_it_is_asked(
    resources: Resources, ended: EndedSessions, clock: Clock
) -> None:
    counted = StatementCount()
    token = statements.set(counted)
    for _ in range(50):
        await ended.check(uuid4())
    clock.now += 1
    for _ in range(50):
        await ended.check(uuid4())
    statements.reset(token)
    assert counted.total == 2


async def test_the_memory_forgets_what_no_token_can_name(ended: EndedSessions, clock: Clock) -> None:
    session_id = uuid4()
    ended.add(session_id)
    clock.now += 929
    with pytest.raises(InvalidAccessToken):
        await ended.check(session_id)
    clock.now += 1
    await ended.check(session_id)
    assert not ended._ended


async def test_tokens_without_a_session_ask_nothing(ended: EndedSessions) -> None:
    counted = StatementCount()
    token = statements.set(counted)
    await ended.check(None)
    statements.reset(token)
    assert counted.total == 0


async def test_in_an_outage_what_was_last_read_is_believed_where_somebody_may(
    resources: Resources, ended: EndedSessions, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, gone = await made(resources), await made(resources)
    await revoke(resources.database, gone)
    with pytest.raises(InvalidAccessToken):
        await ended.check(gone)

    async def away(*_: object, **__: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(ended._database, "fetch", away)
    clock.now += 599
    await ended.check(session_id, patience=600)
    with pytest.raises(InvalidAccessToken):
        await ended.check(gone, patience=600)
    with pytest.raises(Unavailable):
        await ended.check(session_id)
    clock.now += 1
    with pytest.raises(Unavailable):
        await ended.check(session_id, patience=600)
