"""The host of Redis dies. Nothing is lost where it syncs before it answers; where it syncs each second, what was accepted
within its last two seconds at most, and players may send it again.
"""

from collections.abc import Callable

import pytest

from tests.chaos.conftest import Stage
from tests.chaos.disks import Disk
from tests.chaos.hosts import EVERY_SECOND, ValkeyHost
from tests.chaos.players import BOUND, SLOW_DISK, Players, found, oldest, whole

Disks = Callable[[str], Disk]
Slowly = Callable[[float], dict[str, str]]
CALM, REWRITING = "calm", "rewriting"

pytestmark = pytest.mark.timeout(300)


class Lives:
    """Each ends with a death of the host. Nothing is flushed, so that all stands in Valkey's growing file."""

    def __init__(self, players: Players, host: ValkeyHost, disk: Disk) -> None:
        self._players, self._host, self._disk = players, host, disk
        self.lost: list[int] = []
        """Beats, of each life."""
        self.oldest: list[float] = []
        """Seconds."""

    async def live(self, seconds: float, doing: str = CALM) -> None:
        players, host = self._players, self._host
        await players.play(seconds)
        if doing == REWRITING:
            # Valkey writes its file anew, and now takes 20 ms for a key, some seconds in all.
            host.command("CONFIG SET", "rdb-key-save-delay", "20000")
            host.command("BGREWRITEAOF")
            await players.play(1.2)
            assert host.command("INFO", "persistence")["aof_rewrite_in_progress"] == 1
        moment = self._disk.die()
        host.kill()
        self._disk.revive()
        host.start()
        lost = await players.missing(host.url)
        self.lost.append(len(lost))
        self.oldest.append(oldest(moment, lost))
        # As who keeps what was answered in the last seconds, in case of such a death. Most of it is there, and stays as it is.
        kept = [each for each in players.taken if moment - each.at < max(self.oldest[-1], BOUND) + 0.1]
        await players.send_again(kept)
        assert await players.missing(host.url) == []

    async def end(self) -> str:
        """Nobody plays any more. Returns what was measured."""
        await self._players.stop()
        assert await found(self._host.url, self._players.pairs) == whole(self._players.taken)
        return (
            f"{len(self.lost)} deaths, {len(self._players.taken):,} beats; lost each time {self.lost},"
            f" the oldest accepted {', '.join(f'{age:.2f}' for age in self.oldest)} s before"
        )


async def test_its_host_dies_and_it_syncs_each_second(disk: Disks, stage: Stage) -> None:
    """Also while Valkey writes its file anew."""
    own = disk("redis")
    host = ValkeyHost(stage.stack, own.folder / "valkey", policy=EVERY_SECOND)
    own.sync()
    lives = Lives(await stage.set(await stage.database(), host.url, flushing=None), host, own)
    # Not in step with the second in which Valkey syncs.
    for seconds, doing in ((4.0, CALM), (3.37, REWRITING), (5.71, CALM), (3.13, REWRITING), (4.59, CALM)):
        await lives.live(seconds, doing)
    stage.measured(f"Redis's host, appendfsync everysec: {await lives.end()}")
    assert max(lives.oldest) < BOUND, SLOW_DISK
    # Else it would show nothing.
    assert sum(lives.lost) > 0


@pytest.mark.parametrize(("sync", "bound"), [(0.8, BOUND), (1.8, 2 * 1.8 + 0.4)])
async def test_its_host_dies_and_a_sync_takes_long(
    sync: float, bound: float, slowly: Slowly, disk: Disks, stage: Stage
) -> None:
    """Valkey holds back what it writes while it syncs, so that the next sync has to be awaited too: the bound is one for disks
    that sync within a second.
    """
    own = disk("redis")
    host = ValkeyHost(stage.stack, own.folder / "valkey", policy=EVERY_SECOND, linked=slowly(sync))
    own.sync()
    lives = Lives(await stage.set(await stage.database(), host.url, flushing=None), host, own)
    for seconds in (4.0, 4.71):
        await lives.live(seconds)
    stage.measured(f"Redis's host, {sync} s a sync: {await lives.end()}")
    assert max(lives.oldest) < bound, SLOW_DISK
    assert sum(lives.lost) > 0


async def test_its_host_dies(disk: Disks, stage: Stage) -> None:
    own = disk("redis")
    host = ValkeyHost(stage.stack, own.folder / "valkey")
    own.sync()
    lives = Lives(await stage.set(await stage.database(), host.url, flushing=None), host, own)
    for seconds, doing in ((3.0, CALM), (3.41, REWRITING)):
        await lives.live(seconds, doing)
    stage.measured(f"Redis's host: {await lives.end()}")
    assert lives.lost == [0, 0]


async def test_these_deaths_can_lose_more(disk: Disks, stage: Stage) -> None:
    """Without syncs the bound does not hold: it is theirs, not the disk's that does not really die."""
    own = disk("redis")
    host = ValkeyHost(stage.stack, own.folder / "valkey", policy="no")
    own.sync()
    lives = Lives(await stage.set(await stage.database(), host.url, flushing=None), host, own)
    await lives.live(4.0)
    stage.measured(f"Redis's host, appendfsync no: {await lives.end()}")
    assert lives.oldest[0] > BOUND
