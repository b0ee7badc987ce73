"""The host of PostgreSQL dies while workers flush: a flush forgets in Redis only what is committed, and so on the disk."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random

import asyncpg
import pytest

from tests.chaos.conftest import AT_ONCE, Stage
from tests.chaos.disks import Disk
from tests.chaos.hosts import PostgresHost, ValkeyHost
from tests.chaos.players import settled
from tests.conftest import migrate

Disks = Callable[[str], Disk]
# Commits are answered at once, and on the disk ten seconds later.
CARELESS = ("synchronous_commit = off", "wal_writer_delay = '10s'", "wal_writer_flush_after = '2GB'")

LIVES = 4

pytestmark = pytest.mark.timeout(300)


async def prepared(own: Disk, stack: ExitStack) -> PostgresHost:
    host = PostgresHost(stack, own.folder / "postgres")
    await asyncio.to_thread(migrate, host.url)
    own.sync()
    return host


async def test_its_host_dies(disk: Disks, home: Path, stage: Stage) -> None:
    own = disk("disk")
    postgres = await prepared(own, stage.stack)
    valkey = ValkeyHost(stage.stack, home / "valkey")
    players = await stage.set(postgres.url, valkey.url, flushing=AT_ONCE)
    lives, flushing, random = 0, 0, Random(3)
    # Some more where none struck amid a flush, which takes some milliseconds.
    while lives < LIVES or (flushing == 0 and lives < 5 * LIVES):
        lives += 1
        await players.play(2.5 + random.random())
        if lives > 1:
            await valkey.amid_a_flush()
        own.die()
        flushing += valkey.on_lease() > 0
        postgres.kill()
        own.revive()
        postgres.start()
        assert await players.missing(valkey.url, postgres.url) == []
    await players.stop()
    await settled(players, valkey.url, postgres.url)
    stage.measured(
        f"PostgreSQL's host: {lives} deaths, {flushing} during a flush, {len(players.taken):,} beats,"
        f" {2000 * len(players.taken):,} ms; 0 ms lost, 0 ms too many"
    )
    assert flushing > 0


async def test_these_deaths_can_lose_something(disk: Disks, home: Path, stage: Stage) -> None:
    """Where PostgreSQL answers before its log is on the disk, and so flushes forget too early."""
    own = disk("disk")
    postgres = await prepared(own, stage.stack)
    connection = await asyncpg.connect(postgres.url)
    for setting in CARELESS:
        await connection.execute(f"ALTER SYSTEM SET {setting}")
    await connection.close()
    postgres.restart()
    own.sync()
    valkey = ValkeyHost(stage.stack, home / "valkey")
    players = await stage.set(postgres.url, valkey.url, flushing=AT_ONCE)
    await players.play(4)
    own.die()
    postgres.kill()
    own.revive()
    postgres.start()
    lost = await players.missing(valkey.url, postgres.url)
    stage.measured(
        f"PostgreSQL's host, synchronous_commit off: {len(lost):,} of {len(players.taken):,} beats lost"
    )
    assert lost
