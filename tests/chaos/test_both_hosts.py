"""The hosts of Redis and PostgreSQL die together, while workers flush: nothing is lost."""

import asyncio
from collections.abc import Callable

import pytest

from tests.chaos.conftest import Stage
from tests.chaos.disks import Disk
from tests.chaos.hosts import PostgresHost, ValkeyHost
from tests.chaos.players import BOUND, settled
from tests.conftest import migrate

LIVES = 3

pytestmark = pytest.mark.timeout(300)


async def test_both_die(disk: Callable[[str], Disk], stage: Stage) -> None:
    """Redis comes back with what it has already forgotten: that is flushed again, which changes nothing."""
    disks = [disk("redis"), disk("postgres")]
    valkey = ValkeyHost(stage.stack, disks[0].folder / "valkey")
    postgres = PostgresHost(stage.stack, disks[1].folder / "postgres")
    await asyncio.to_thread(migrate, postgres.url)
    for each in disks:
        each.sync()
    players = await stage.set(postgres.url, valkey.url, flushing=1.0)
    numbers = []
    for life in range(LIVES):
        await players.play(3 + life * 0.37)
        # Whichever of the two is the first, for less than a hundredth of a second.
        moment = min(each.die() for each in (disks if life % 2 else disks[::-1]))
        valkey.kill()
        postgres.kill()
        for each in disks:
            each.revive()
        valkey.start()
        postgres.start()
        lost = await players.missing(valkey.url, postgres.url)
        numbers.append(len(lost))
        await players.send_again([each for each in players.taken if moment - each.at < BOUND])
    await players.stop()
    await settled(players, valkey.url, postgres.url)
    stage.measured(f"both hosts: {LIVES} deaths, {len(players.taken):,} beats; lost each time {numbers}")
    assert numbers == [0] * LIVES
