import asyncio
import time
from uuid import UUID, uuid4

import pytest
from asyncpg import Record

from app.database import Database, Fetch, Query
from app.errors import Unavailable
from app.identity import reads
from app.identity.actor import Actor
from app.identity.errors import InvalidAccessToken
from app.identity.models import Role
from app.identity.tokens.ended_sessions import EndedSessions
from app.learning.beats import TICKET_LIFETIME
from app.resources import Resources, open_resources
from app.settings import AuthenticationSettings
from app.telemetry import StatementCount, statements
from tests.app.identity.service.test_sessions import start
from tests.factories.identity import make_user

REVOKE = Query(
    "UPDATE auth_sessions SET revoked_at = now() - make_interval(secs => $2) WHERE id = $1", ("id", "ago"), {}
)
SETTINGS = AuthenticationSettings(access_token_lifetime=900, clock_skew=30)


_sessions_revoked_within = reads.sessions_revoked_within


class Looks:
    """What the processes' common read does, and how often."""

    number = 0
    error: Exception | None = None
    gate: asyncio.Event | None = None

    def __init__(self) -> None:
        self.done = asyncio.Event()

    async def __call__(self, connection: Fetch, seconds: float) -> list[Record]:
        self.number += 1
        if self.error is not None:
            raise self.error
        rows = await _sessions_revoked_within(connection, seconds)
        self.done.set()
        if self.gate is not None:
            await self.gate.wait()
        return rows


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


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    found = Looks()
    monkeypatch.setattr(reads, "sessions_revoked_within", found)
    return found


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
    ended: EndedSessions, clock: Clock, looks: Looks
) -> None:
    for _ in range(50):
        await ended.check(uuid4())
    await asyncio.gather(*(ended.check(uuid4()) for _ in range(50)))
    clock.now += 1
    await asyncio.gather(*(ended.check(uuid4()) for _ in range(50)))
    assert looks.number == 2


async def test_all_who_wait_for_a_lost_database_hear_of_it_at_once(
    ended: EndedSessions, looks: Looks
) -> None:
    looks.error = Unavailable("The database is away.")
    waiting = [asyncio.create_task(ended.check(uuid4())) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # a client that left takes nobody with it
    heard = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in heard] == [asyncio.CancelledError] + [Unavailable] * 49
    assert looks.number == 1
    looks.error = None
    await ended.check(uuid4())
    assert looks.number == 2


async def test_who_joins_a_slow_look_waits_for_the_next(
    resources: Resources, ended: EndedSessions, clock: Clock, looks: Looks
) -> None:
    session_id = await made(resources)
    looks.gate = asyncio.Event()
    first = asyncio.create_task(ended.check(uuid4()))
    await looks.done.wait()
    # Read already, and not told yet.
    await revoke(resources.database, session_id)
    clock.now += 1
    second = asyncio.create_task(ended.check(session_id))
    await asyncio.sleep(0)
    looks.gate.set()
    await first
    with pytest.raises(InvalidAccessToken):
        await second


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


async def test_while_a_look_hangs_who_may_go_by_the_last_one_does_not_wait_for_it(
    resources: Resources, ended: EndedSessions, clock: Clock, looks: Looks
) -> None:
    session_id, gone = await made(resources), await made(resources)
    await revoke(resources.database, gone)
    await ended.check(session_id)
    looks.gate = asyncio.Event()
    clock.now += 10
    # The first gives it a moment, and goes on although it has not come back.
    await ended.check(session_id, patience=600)
    for _ in range(1000):
        await asyncio.wait_for(ended.check(session_id, patience=600), timeout=0.4)
    with pytest.raises(InvalidAccessToken):
        await ended.check(gone, patience=600)
    assert looks.number == 2
    others = asyncio.create_task(ended.check(session_id))
    await asyncio.sleep(0.05)
    assert not others.done()
    await revoke(resources.database, session_id)
    looks.gate.set()
    # Who joined it does not go by it: what it tells is older than the question.
    clock.now += 1
    with pytest.raises(InvalidAccessToken):
        await others
    # And it is waited for again.
    other = await made(resources)
    await revoke(resources.database, other)
    clock.now += 1
    with pytest.raises(InvalidAccessToken):
        await ended.check(other, patience=600)


async def test_a_session_that_ended_is_remembered_for_as_long_as_a_ticket_of_it_is_good(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorter = resources.settings.authentication.model_copy(update={"access_token_lifetime": 60})
    settings = resources.settings.model_copy(update={"authentication": shorter})
    async with open_resources(settings) as process:
        session_id = await made(resources)
        actor = Actor(user_id=1, session_id=session_id, role=Role.STUDENT)
        ticket = process.progress_tickets.make(actor)
        now = time.time() + TICKET_LIFETIME - 1
        monkeypatch.setattr(process.progress_tickets, "_clock", lambda: now)
        named = process.progress_tickets.read(ticket).session_id
        assert named == session_id
        await revoke(resources.database, session_id, TICKET_LIFETIME - 1)
        with pytest.raises(InvalidAccessToken):
            await process.ended_sessions.check(named)
