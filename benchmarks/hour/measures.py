"""What the buffer holds and the database writes while the hour passes, and what is found in the end."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.keyvalue import KeyValue
from app.learning.progress_buffer import ProgressBuffer
from app.settings import ProgressSettings, RedisSettings
from app.telemetry import Metrics
from benchmarks.beat_load import united
from benchmarks.hour.viewers import Expected, Key
from benchmarks.load import WrongAnswerError
from benchmarks.services import Services

_EVERY = 1.0  # seconds
_WRITTEN = """
SELECT pg_current_wal_lsn() - '0/0' AS wal,
       (SELECT coalesce(sum(n_tup_ins + n_tup_upd), 0)::bigint FROM pg_stat_user_tables) AS rows,
       (SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements) AS statements,
       (SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
        WHERE query ~ 'INSERT INTO (video_progress|watch_sessions)|UPDATE (video_progress|enrollments)') AS flushing
"""
_UNEVEN = """
SELECT (SELECT count(*) FROM video_progress p JOIN video_metadata v ON v.id = p.video_id JOIN lessons l ON l.id = v.lesson_id
        WHERE (p.completed_at IS NOT NULL) <> (p.watched_ms + 1 >= l.required_share * v.duration_ms)) AS videos,
       (SELECT count(*) FROM video_progress p FULL JOIN lesson_progress l USING (user_id, lesson_id)
        WHERE (p.completed_at IS NULL) <> (l.completed_at IS NULL)) AS lessons,
       (SELECT count(*) FROM enrollments e WHERE e.lessons_completed <> (
            SELECT count(*) FROM lesson_progress l WHERE l.user_id = e.user_id AND l.course_id = e.course_id
                AND l.completed_at IS NOT NULL)) AS enrollments,
       (SELECT count(*) FROM lesson_progress WHERE completed_at IS NOT NULL) AS completed
"""


@dataclass(frozen=True, slots=True)
class Sample:
    minute: float
    keys: int
    oldest: float
    """Seconds, real ones."""
    memory: int
    """Bytes of Valkey."""
    rows: int
    """Written by PostgreSQL so far, as `statements` and `wal` (bytes)."""
    statements: int
    """Of all programs, what they ask each second included."""
    flushing: int
    """Those of them that write viewers' progress."""
    wal: int


@dataclass(slots=True)
class _Grown:
    """A counter that begins anew when its server was killed."""

    total: int = 0
    last: int | None = None

    def see(self, value: int) -> int:
        if self.last is not None:
            self.total += value - self.last if value >= self.last else value
        self.last = value
        return self.total


@dataclass(slots=True)
class Sampler:
    """What is counted between the last sample and a kill is missing from `rows` and `statements`; `wal` is whole."""

    services: Services
    samples: list[Sample] = field(default_factory=list)
    _grown: dict[str, _Grown] = field(
        default_factory=lambda: {name: _Grown() for name in ("rows", "statements", "flushing", "wal")}
    )

    @property
    def redis_settings(self) -> RedisSettings:
        return RedisSettings(url=self.services.environment["LECTERN_REDIS_URL"])

    async def run(self, minute: Callable[[], float]) -> None:
        """Until it is cancelled; `minute()` tells the simulation's. What is away is left out."""
        keyvalue = KeyValue(self.redis_settings)
        buffer = ProgressBuffer(keyvalue, ProgressSettings(), Metrics())
        redis = Redis.from_url(self.redis_settings.url)
        try:
            while True:
                began = time.monotonic()
                try:
                    keys, oldest, _ = await buffer.measure()
                    memory = int((await redis.info("memory"))["used_memory"])
                    written = await self._written()
                except (Unavailable, RedisError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    pass
                else:
                    self.samples.append(Sample(minute(), keys, oldest, memory, **written))
                await asyncio.sleep(max(0.1, _EVERY - (time.monotonic() - began)))
        finally:
            await redis.aclose()
            await keyvalue.close()

    async def _written(self) -> dict[str, int]:
        connection = await asyncpg.connect(self.services.database_url, timeout=5)
        try:
            row = await connection.fetchrow(_WRITTEN)
        finally:
            await connection.close()
        assert row is not None
        return {name: grown.see(int(row[name])) for name, grown in self._grown.items()}


@dataclass(frozen=True, slots=True)
class Found:
    """Compared with what devices have reported."""

    keys: int
    milliseconds: int
    lost: int
    """Milliseconds, as `invented`."""
    invented: int
    positions_wrong: int
    viewings: int
    viewings_wrong: int
    lessons_completed: int

    @property
    def exact(self) -> bool:
        return not (self.lost or self.invented or self.positions_wrong or self.viewings_wrong)


async def compare(url: str, expected: Mapping[Key, Expected], viewings: set[tuple[int, int, str]]) -> Found:
    """Raises WrongAnswerError when what follows from progress (lessons, counts) does not fit it."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT * FROM video_progress")
    sessions = await connection.fetch("SELECT user_id, video_id, viewing_key FROM watch_sessions")
    uneven = await connection.fetchrow(_UNEVEN)
    await connection.close()
    assert uneven is not None
    if uneven["videos"] or uneven["lessons"] or uneven["enrollments"]:
        raise WrongAnswerError(f"completion does not follow from progress: {dict(uneven)}")
    found = {(row["user_id"], row["video_id"]): row for row in rows}
    total = lost = invented = wrong = 0
    for key in expected.keys() | found.keys():
        there, row = expected.get(key), found.get(key)
        wanted = united(set(there.watched)) if there else []
        held = [(part.lower, part.upper) for part in row["watched"]] if row else []
        both, all_of_it = _length(wanted), _length(united({*wanted, *held}))
        total += both
        lost += all_of_it - _length(held)
        invented += all_of_it - both
        place = row and (row["position_at"], row["position_sequence"], row["position_ms"])
        wrong += there is None or place != there.position
    kept = [tuple(session) for session in sessions]
    return Found(
        keys=len(found),
        milliseconds=total,
        lost=lost,
        invented=invented,
        positions_wrong=wrong,
        viewings=len(kept),
        viewings_wrong=len(viewings ^ set(kept)) + len(kept) - len(set(kept)),
        lessons_completed=uneven["completed"],
    )


def _length(ranges: list[tuple[int, int]]) -> int:
    return sum(end - begin for begin, end in ranges)
