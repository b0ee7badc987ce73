"""Redis's process is killed while workers flush, again and again: nothing is lost where it syncs before it answers.

Where it syncs each second, it loses what it has answered and not yet handed to the kernel: nothing, but while it syncs its
file. Then it holds its writes back until the sync has ended, for two seconds at most, and answers all the same.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import pytest

from tests.chaos.conftest import AT_ONCE, Stage
from tests.chaos.hosts import ALWAYS, EVERY_SECOND, ValkeyHost
from tests.chaos.players import BOUND, SLOW_DISK, oldest, settled

Slowly = Callable[[float], dict[str, str]]
SLOW = 0.5  # seconds a sync

pytestmark = pytest.mark.timeout(300)


class Deaths:
    def __init__(self) -> None:
        self.lost: list[int] = []
        self.oldest: list[float] = []
        self.flushing = 0
        """How many struck while keys were on lease to a worker."""

    @property
    def told(self) -> str:
        return (
            f"{len(self.lost)} deaths, {self.flushing} during a flush; {sum(self.lost)} beats lost,"
            f" the oldest accepted {max(self.oldest):.2f} s before"
        )


async def killed(
    folder: Path,
    stage: Stage,
    lives: int,
    *,
    policy: str = ALWAYS,
    linked: Mapping[str, str] | None = None,
    flushing: float = AT_ONCE,
) -> Deaths:
    """At moments of any kind. What was lost is sent again, and in the end everything is in PostgreSQL and nothing else."""
    host = ValkeyHost(stage.stack, folder / "valkey", policy=policy, linked=linked)
    database_url = await stage.database()
    players = await stage.set(database_url, host.url, flushing=flushing)
    deaths, random = Deaths(), Random(2)
    for life in range(lives):
        # More than a second, for which the API leaves a Redis alone that was away.
        await players.play(1.2 + random.random())
        if life % 3 == 0:
            await host.amid_a_flush()
        moment = host.kill()
        host.start()
        deaths.flushing += host.on_lease() > 0
        lost = await players.missing(host.url, database_url)
        deaths.lost.append(len(lost))
        deaths.oldest.append(oldest(moment, lost))
        await players.send_again(lost)
    await players.stop()
    await settled(players, host.url, database_url)
    return deaths


async def test_killed_during_flushes(home: Path, stage: Stage) -> None:
    deaths = await killed(home, stage, 12)
    stage.measured(f"Redis's process: {deaths.told}")
    assert sum(deaths.lost) == 0
    assert deaths.flushing > 0


async def test_killed_while_it_syncs_each_second_and_for_long(
    home: Path, slowly: Slowly, stage: Stage
) -> None:
    deaths = await killed(home, stage, 6, policy=EVERY_SECOND, linked=slowly(SLOW), flushing=1.0)
    stage.measured(f"Redis's process, appendfsync everysec, {SLOW} s a sync: {deaths.told}")
    assert max(deaths.oldest) < BOUND, SLOW_DISK
    # Were it nothing, docs/progress.md could promise more.
    assert sum(deaths.lost) > 0


async def test_killed_on_a_slow_disk(home: Path, slowly: Slowly, stage: Stage) -> None:
    deaths = await killed(home, stage, 6, linked=slowly(0.02))
    stage.measured(f"Redis's process, 0.02 s a sync: {deaths.told}")
    assert sum(deaths.lost) == 0
