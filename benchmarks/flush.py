"""Writing what viewers have reported: the product's flush, and three ways to send the same rows to PostgreSQL.

    python -m benchmarks.flush [--quick] [--json FILE]

For 100, 1,000 and 10,000 videos of viewers: reports are taken as the API takes them, then flushed (Redis, progress,
viewings, activity, completion, in batches of 1,000). Beside it the rows of progress alone, sent as arrays (`unnest`), by
COPY into a temporary table, and by `executemany`; each begins with the same rows and must end with the same. PostgreSQL and
Valkey sync their files as in production.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from app.learning.beats import Beat, BeatEvent
from app.resources import Resources, open_resources
from app.settings import DatabaseSettings, Mode, RedisSettings, Settings
from benchmarks.load import WrongAnswerError
from benchmarks.services import open_services
from workers.learning import Flusher

SIZES = (100, 1_000, 10_000)
ROUNDS, QUICK = 5, 3
TARGET = 1.0
"""Seconds for the largest flush."""
FILL = (
    "INSERT INTO users (email, email_key, name) SELECT i, i, 'Viewer' FROM generate_series(1, 10000) AS i",
    "INSERT INTO courses (slug, title, instructor_id, status, published_at) VALUES ('c', 'C', 1, 'published', now())",
    "INSERT INTO course_stats (course_id, lesson_count, enrollment_count) VALUES (1, 1, 10000)",
    "INSERT INTO modules (course_id, title, position) VALUES (1, 'M', 1)",
    "INSERT INTO lessons (course_id, module_id, title, kind, position) VALUES (1, 1, 'L', 'video', 1)",
    "INSERT INTO video_metadata (lesson_id, duration_ms) VALUES (1, 3600000)",
    "INSERT INTO enrollments (user_id, course_id, state, enrolled_at) SELECT id, 1, 'active', now() FROM users",
)
_INSERT = """INSERT INTO video_progress AS p
    (user_id, video_id, lesson_id, course_id, position_ms, position_at, position_sequence, watched, watched_ms) """
_CONFLICT = """ ON CONFLICT (user_id, video_id) DO UPDATE SET
    position_ms = excluded.position_ms, position_at = excluded.position_at, position_sequence = excluded.position_sequence,
    watched = p.watched + excluded.watched,
    watched_ms = (SELECT sum(upper(part) - lower(part)) FROM unnest(p.watched + excluded.watched) AS part)"""
_VALUES = "user_id, 1, 1, 1, position, at, sequence, watched::int4multirange, length"
_UNNEST = (
    f"{_INSERT} SELECT {_VALUES} FROM unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::int[], $5::text[], $6::int[])"
    f" AS t (user_id, position, at, sequence, watched, length) ORDER BY user_id {_CONFLICT}"
)
_COPIED = f"{_INSERT} SELECT {_VALUES} FROM sent ORDER BY user_id {_CONFLICT}"
_ONE = f"{_INSERT} VALUES ($1, 1, 1, 1, $2, $3, $4, $5::text::int4multirange, $6) {_CONFLICT}"
_SENT = """CREATE TEMPORARY TABLE sent (user_id bigint, position int, at timestamptz, sequence int, watched text, length int)
    ON COMMIT DROP"""
Rows = list[tuple[Any, ...]]


async def by_arrays(connection: asyncpg.Connection, rows: Rows) -> None:
    await connection.execute(_UNNEST, *map(list, zip(*rows, strict=True)))


async def by_copy(connection: asyncpg.Connection, rows: Rows) -> None:
    async with connection.transaction():
        await connection.execute(_SENT)
        await connection.copy_records_to_table("sent", records=rows)
        await connection.execute(_COPIED)


async def by_executemany(connection: asyncpg.Connection, rows: Rows) -> None:
    await connection.executemany(_ONE, rows)


WAYS: dict[str, Callable[[asyncpg.Connection, Rows], Awaitable[None]]] = {
    "unnest": by_arrays,
    "copy": by_copy,
    "executemany": by_executemany,
}


async def compare_ways(connection: asyncpg.Connection, size: int, rounds: int) -> dict[str, float]:
    """Median seconds of each way, rounds in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(rounds):
        ended = set()
        for name, way in WAYS.items():
            await connection.execute("TRUNCATE video_progress")
            await way(connection, _rows(size, 0))
            began = time.perf_counter()
            await way(connection, _rows(size, 1 + number))
            seconds[name].append(time.perf_counter() - began)
            found = await connection.fetch(
                "SELECT user_id, position_ms, watched::text, watched_ms FROM video_progress ORDER BY user_id"
            )
            ended.add(tuple(tuple(row) for row in found))
        if len(ended) != 1 or len(next(iter(ended))) != size:
            raise WrongAnswerError(f"the ways differ in what they write of {size} rows")
    return {name: statistics.median(each) for name, each in seconds.items()}


def _rows(size: int, number: int) -> Rows:
    at, begin = datetime.now(UTC), number * 60_000
    return [
        (user, begin, at, number, f"{{[{begin},{begin + 30_000})}}", 30_000) for user in range(1, size + 1)
    ]


async def flush(resources: Resources, size: int, rounds: int) -> float:
    """Median seconds of the product's flush of so many videos of viewers, all of them dirty."""
    flusher, seconds = Flusher(resources), []
    for number in range(rounds):
        now = int(time.time() * 1000) - 600_000 + number * 60_000
        for user in range(1, size + 1):
            beat = Beat(
                1, f"v{number}", BeatEvent.HEARTBEAT, number * 30 + 30, number * 30, number * 30 + 30, 1, now
            )
            report = await resources.progress_recorder.record(user, [beat], user_agent="")
            if report.accepted != 1:
                raise WrongAnswerError(f"a beat was refused: {report}")
        began = time.perf_counter()
        await flusher.flush()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


async def check(connection: asyncpg.Connection, size: int, rounds: int) -> None:
    wrong = await connection.fetchval(
        "SELECT count(*) FROM video_progress WHERE watched <> int4multirange(int4range(0, $1))",
        rounds * 30_000,
    )
    if wrong or await connection.fetchval("SELECT count(*) FROM video_progress") != size:
        raise WrongAnswerError(f"{wrong} rows are not the union of what was reported")


async def run(url: str, redis: str, rounds: int) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url)
    for statement in FILL:
        await connection.execute(statement)
    await connection.execute("ANALYZE")
    settings = Settings(
        mode=Mode.DEVELOPMENT, database=DatabaseSettings(url=url), redis=RedisSettings(url=redis)
    )
    figures = []
    for size in SIZES:
        print(f"\r{size:>6,} videos of viewers", end="", file=sys.stderr, flush=True)
        ways = await compare_ways(connection, size, rounds)
        await connection.execute("TRUNCATE video_progress")
        async with open_resources(settings) as resources:
            seconds = await flush(resources, size, rounds)
        await check(connection, size, rounds)
        figures.append({"size": size, "flush": seconds, **ways})
    await connection.close()
    print(file=sys.stderr)
    return figures


def _show(figures: Sequence[dict[str, Any]]) -> None:
    print(
        f"{'videos of viewers':>18} {'flush s':>9} {'unnest s':>9} {'copy s':>9} {'executemany s':>14}   of unnest's time"
    )
    for one in figures:
        shares = ", ".join(
            f"{name} {one[name] / one['unnest']:.2f}" for name in ("flush", "copy", "executemany")
        )
        print(
            f"{one['size']:>18,} {one['flush']:>9.3f} {one['unnest']:>9.3f} {one['copy']:>9.3f}"
            f" {one['executemany']:>14.3f}   {shares}"
        )
    met = "met" if figures[-1]["flush"] < TARGET else "missed"
    print(f"a flush of {figures[-1]['size']:,} in less than {TARGET:.0f} s: {met}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flush", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with open_services(None, pool_size=10, filled=False, durable=True) as services:
        redis, rounds = services.environment["LECTERN_REDIS_URL"], QUICK if options.quick else ROUNDS
        figures = asyncio.run(run(services.database_url, redis, rounds))
    _show(figures)
    if options.json:
        options.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
