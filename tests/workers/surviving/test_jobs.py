"""Real processes that are killed, a Redis that is emptied and taken away: N asked for, N effects, never one more."""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.embedded import EmbeddedPostgres, EmbeddedValkey
from app.jobs import Queue
from tests.conftest import migrate
from tests.support.ports import keep_port
from tests.support.programs import ROOT, running
from tests.support.services import temporary_home
from tests.workers.surviving.processes import ENQUEUE, TABLES, Workers, counts, done, reached, until
from tests.workers.test_main import again

ASKING = [sys.executable, str(ROOT / "tests/workers/surviving/asking.py")]


async def test_killed_workers_leave_each_effect_once(scratch: Any, workers: Workers) -> None:
    connection, _ = scratch
    await connection.execute(ENQUEUE, 150, 0.05)
    chance = random.Random(7)
    for _ in range(5):
        workers.start()
        before = (await counts(connection))[0]
        wanted = before + chance.randint(1, 20)
        await until(partial(reached, connection, wanted))
        workers.kill()
    workers.start()
    await until(lambda: done(connection, 150))
    assert await counts(connection) == (150, 150, 0)


async def test_an_emptied_redis_loses_nothing(scratch: Any, workers: Workers, valkey: EmbeddedValkey) -> None:
    from redis.asyncio import Redis

    connection, _ = scratch
    await connection.execute(ENQUEUE, 100, 0.05)
    workers.start()
    async with Redis.from_url(valkey.url) as redis:
        for wanted in (10, 30, 60):
            await until(partial(reached, connection, wanted))
            await redis.flushall()
    await until(lambda: done(connection, 100))
    assert await counts(connection) == (100, 100, 0)


@pytest.mark.parametrize("lives", [1, 4])
async def test_redis_away_and_back(
    lives: int, scratch: Any, workers: Workers, valkey: EmbeddedValkey
) -> None:
    """Back after the first attempts that failed, or after the worker's clients have given up and begun anew thrice."""
    connection, _ = scratch
    program = workers.start()
    valkey.stop()
    await connection.execute(ENQUEUE, 20, 0)
    program.wait_for(lambda: "jobs wait for the relay" in program.output, "outage")
    started = lives * len(Queue)
    program.wait_for(lambda: program.output.count("Starting worker") >= started, "beginning anew")
    with again(valkey):
        await until(lambda: done(connection, 20))
        assert await counts(connection) == (20, 20, 0)
        assert program.process.poll() is None


async def test_a_stopping_worker_finishes_or_hands_back(scratch: Any, workers: Workers) -> None:
    connection, _ = scratch
    await connection.execute(ENQUEUE, 10, 0.5)
    program = workers.start()
    await until(lambda: claimed(connection))
    program.send(signal.SIGTERM)
    assert program.end() == 0
    effects, distinct, waiting = await counts(connection)
    assert effects == distinct
    assert effects + waiting == 10
    assert effects > 0
    assert await connection.fetchval("SELECT count(*) FROM jobs WHERE due_at > now()") == 0


async def claimed(connection: Any) -> bool:
    return bool(await connection.fetchval("SELECT count(*) FROM jobs WHERE tries > 0"))


async def test_two_workers_share_and_double_nothing(scratch: Any, workers: Workers) -> None:
    connection, _ = scratch
    workers.start()
    workers.start()
    await connection.execute(ENQUEUE, 300, 0)
    await connection.execute("UPDATE jobs SET due_at = now() - interval '1 hour'")
    await until(lambda: done(connection, 300))
    assert await counts(connection) == (300, 300, 0)


@pytest.mark.parametrize("step", ["claimed", "recording", "recorded"])
async def test_a_worker_that_dies_at_a_step(step: str, scratch: Any, workers: Workers) -> None:
    connection, _ = scratch
    await connection.execute(
        "INSERT INTO jobs (name, queue, payload) SELECT 'probe', 'quick', jsonb_build_object('n', n, 'fatal', $1::text)"
        " FROM generate_series(1, 20) AS n",
        step,
    )
    program = workers.start()
    assert program.end() == -signal.SIGKILL
    workers.start()
    await until(lambda: done(connection, 20))
    assert await counts(connection) == (20, 20, 0)


@pytest.mark.parametrize("step", ["asked", "committed", "told"])
async def test_a_program_that_asks_and_dies_at_a_step(
    step: str, scratch: Any, workers: Workers, tmp_path: Path
) -> None:
    connection, _ = scratch
    workers.start()
    with running([*ASKING, "1", "10", step], tmp_path, **workers.variables) as program:
        assert program.end() == -signal.SIGKILL
    assert await connection.fetchval("SELECT count(*) FROM asked") == (0 if step == "asked" else 1)
    with running([*ASKING, "1", "10", step], tmp_path, **workers.variables) as program:
        assert program.end() == 0
    await until(lambda: done(connection, 10))
    assert await counts(connection) == (10, 10, 0)


async def test_an_event_that_is_delivered_again_and_again(scratch: Any, workers: Workers) -> None:
    connection, _ = scratch
    workers.start()
    for _ in range(5):
        await connection.execute(
            "INSERT INTO jobs (id, name, queue, payload, event_id) SELECT uuidv7(), 'probe', 'quick',"
            " jsonb_build_object('n', n), md5(n::text)::uuid FROM generate_series(1, 20) AS n"
        )
    await until(lambda: emptied(connection))
    assert await counts(connection) == (20, 20, 0)


async def emptied(connection: Any) -> bool:
    return (await counts(connection))[2] == 0


async def happened(connection: Any, wanted: int) -> bool:
    return (await counts(connection))[0] >= wanted


@pytest.fixture
async def own_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A server that a test may stop."""
    with temporary_home() as home:
        keep_port(home / "postgres")
        server = EmbeddedPostgres(home / "postgres", max_connections=50)
        await asyncio.to_thread(server.start)
        try:
            yield server
        finally:
            await asyncio.to_thread(server.stop)


async def test_postgresql_restarts_while_all_goes_on(
    own_postgres: EmbeddedPostgres, workers: Workers, tmp_path: Path
) -> None:
    """Whoever asks and whoever works only waits; what was committed is done once."""
    url = own_postgres.url
    await asyncio.to_thread(migrate, url)
    connection = await asyncpg.connect(url)
    await connection.execute(TABLES)
    workers.variables["LECTERN_DATABASE_URL"] = url
    worker = workers.start()
    with running([*ASKING, "1", "400"], tmp_path, **workers.variables) as asking:
        for wanted in (20, 100):
            # Not `reached`: before the other program has begun, nothing waits either.
            await until(partial(happened, connection, wanted))
            await connection.close()
            await asyncio.to_thread(own_postgres.stop)
            worker.wait_for(lambda: "waits" in worker.output, "outage")
            await asyncio.to_thread(own_postgres.start)
            assert own_postgres.url == url
            connection = await asyncpg.connect(url)
        assert asking.end() == 0, asking.output
    assert worker.process.poll() is None
    await until(lambda: done(connection, 400))
    assert await counts(connection) == (400, 400, 0)
    await connection.close()
