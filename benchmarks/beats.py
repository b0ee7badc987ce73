"""How many beats a process takes, and what writing them costs.

    python -m benchmarks.beats [--quick] [--json FILE]

500 viewers report, 16 connections at once, rounds through all contenders in turn: `POST /progress` and `recordProgress` in
batches of 50, `recordProgress` beat by beat; beside them one UPDATE a beat, and a handler that only hands the bytes to
Redis (`beat_floor.py`). Each answer is read: every beat must have been accepted. In the end what Lectern has taken is
flushed, and PostgreSQL must hold the union of what was sent, to the millisecond.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvloop

from app.resources import open_resources
from app.settings import DatabaseSettings, Mode, RedisSettings, Settings
from app.telemetry import StatementCount, statements
from benchmarks.learners import tokens
from benchmarks.load import WrongAnswerError
from benchmarks.services import Server, Services, open_services, serve
from graphql_schema.node import global_id
from workers.learning import Flusher

VIEWERS, VIDEOS, CONNECTIONS, BATCH = 500, 20, 16, 50
LENGTH = 3_600  # seconds of a video
RECORD = """mutation Record($beats: [ProgressBeat!]!) { recordProgress(input: {beats: $beats}) {
    accepted rejected { index code } nextBeatAfterSeconds ticket userErrors { code } } }"""
FILL = (
    f"INSERT INTO users (email, email_key, name) SELECT i, i, 'Viewer' FROM generate_series(1, {VIEWERS}) AS i",
    "INSERT INTO courses (slug, title, instructor_id, status, published_at) VALUES ('c', 'C', 1, 'published', now())",
    f"INSERT INTO course_stats (course_id, lesson_count, enrollment_count) VALUES (1, {VIDEOS}, {VIEWERS})",
    "INSERT INTO modules (course_id, title, position) VALUES (1, 'M', 1)",
    f"""
    INSERT INTO lessons (course_id, module_id, title, kind, position)
    SELECT 1, 1, 'L', 'video', i FROM generate_series(1, {VIDEOS}) AS i
    """,
    f"INSERT INTO video_metadata (lesson_id, duration_ms) SELECT id, {LENGTH} * 1000 FROM lessons ORDER BY id",
    "INSERT INTO enrollments (user_id, course_id, state, enrolled_at) SELECT id, 1, 'active', now() FROM users",
)
Ranges = dict[tuple[int, int], set[tuple[int, int]]]


@dataclass(slots=True)
class Contender:
    name: str
    server: Server
    path: str
    batch: int
    seconds: float
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Microseconds of the server's CPU for a beat, of each round."""
    sent: Ranges = field(default_factory=dict)

    def body(self, beats: list[dict[str, Any]]) -> bytes:
        if self.path == "/graphql":
            return orjson.dumps({"query": RECORD, "variables": {"beats": beats}})
        return orjson.dumps({"beats": beats})

    def figures(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "beatsPerSecond": statistics.median(self.rates),
            "cpuMicroseconds": statistics.median(self.cpu),
        }


class Viewers:
    """Each watches one video after the other, ten seconds a beat, as it was twenty hours ago and since."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC) - timedelta(hours=20)
        self._numbers = [count() for _ in range(VIEWERS)]

    def beats(self, viewer: int, number: int, sent: Ranges) -> list[dict[str, Any]]:
        made = []
        for _ in range(number):
            place = next(self._numbers[viewer - 1])
            stretch, begin = divmod(place * 10, LENGTH)
            video = 1 + (viewer + stretch) % VIDEOS
            sent.setdefault((viewer, video), set()).add((begin * 1000, begin * 1000 + 10_000))
            made.append(
                {
                    "videoId": global_id("Video", video),
                    "viewingKey": f"viewing-{viewer}-{stretch}",
                    "event": "HEARTBEAT",
                    "positionSeconds": begin + 10.0,
                    "watchedFrom": float(begin),
                    "watchedTo": begin + 10.0,
                    "clientSequence": place,
                    "clientTime": (self._began + timedelta(seconds=10 * place)).isoformat(),
                }
            )
        return made


async def measure(contender: Contender, viewers: Viewers, made: Sequence[str]) -> None:
    """One round: prepared first, so that the load costs little beside the server."""
    taken, cpu = 0, contender.server.cpu_seconds()
    turns = count()

    def prepared() -> list[bytes]:
        requests = []
        for _ in range(max(1, round(contender.seconds * 2_000 / contender.batch))):
            viewer = 1 + next(turns) % VIEWERS
            body = contender.body(viewers.beats(viewer, contender.batch, contender.sent))
            head = (
                f"POST {contender.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                f"X-User: {viewer}\r\n"
                f"Authorization: Bearer {made[viewer - 1]}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            requests.append(head.encode() + body)
        return requests

    waiting = prepared()

    async def client() -> None:
        nonlocal taken
        reader, writer = await asyncio.open_connection("127.0.0.1", contender.server.port)
        while waiting:
            writer.write(waiting.pop())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            answer = orjson.loads(await reader.readexactly(length))
            answer = answer["data"]["recordProgress"] if contender.path == "/graphql" else answer
            if answer["rejected"] or answer["accepted"] != contender.batch:
                raise WrongAnswerError(f"{contender.name}: {answer}")
            taken += contender.batch
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    contender.rates.append(taken / (time.perf_counter() - began))
    contender.cpu.append(1e6 * (contender.server.cpu_seconds() - cpu) / taken)


async def flushed(services: Services, contenders: Sequence[Contender]) -> dict[str, float]:
    """Flushes all that Lectern has taken and compares. Returns keys, seconds, and statements for 10,000 beats."""
    wanted: Ranges = {}
    for contender in contenders:
        for key, ranges in contender.sent.items():
            wanted.setdefault(key, set()).update(ranges)
    settings = Settings(
        mode=Mode.DEVELOPMENT,
        database=DatabaseSettings(url=services.database_url),
        redis=RedisSettings(url=services.environment["LECTERN_REDIS_URL"]),
    )
    counted = StatementCount(keep_texts=False)
    token = statements.set(counted)
    async with open_resources(settings) as resources:
        before, began = counted.total, time.perf_counter()
        await Flusher(resources).flush()
        seconds, sent = time.perf_counter() - began, counted.total - before
    statements.reset(token)
    connection = await asyncpg.connect(services.database_url)
    rows = await connection.fetch("SELECT user_id, video_id, watched FROM video_progress")
    await connection.close()
    found = {
        (row["user_id"], row["video_id"]): [(part.lower, part.upper) for part in row["watched"]]
        for row in rows
    }
    expected = {key: _union(ranges) for key, ranges in wanted.items()}
    if found != expected:
        wrong = next(key for key in expected if found.get(key) != expected[key])
        raise WrongAnswerError(f"{wrong}: {found.get(wrong)} instead of {expected[wrong]}")
    beats = sum(len(ranges) for ranges in wanted.values())
    return {"keys": len(wanted), "seconds": seconds, "statementsPer10000Beats": 10_000 * sent / beats}


def _union(ranges: set[tuple[int, int]]) -> list[tuple[int, int]]:
    united: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if united and begin <= united[-1][1]:
            united[-1] = united[-1][0], max(end, united[-1][1])
        else:
            united.append((begin, end))
    return united


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in FILL:
        await connection.execute(statement)
    await connection.execute("ANALYZE")
    await connection.close()


async def _forget_naive(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("TRUNCATE video_progress")
    await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beats", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with open_services(None, pool_size=10, filled=False) as services, ExitStack() as stack:
        asyncio.run(_fill(services.database_url))
        made = tokens(services, range(1, VIEWERS + 1))
        lectern = stack.enter_context(serve("lectern", services))
        floor = stack.enter_context(serve("beat-floor", services))
        own = [
            Contender(f"POST /progress, {BATCH} a call", lectern, "/progress", BATCH, 20),
            Contender(f"recordProgress, {BATCH} a call", lectern, "/graphql", BATCH, 10),
            Contender("recordProgress, 1 a call", lectern, "/graphql", 1, 1),
        ]
        others = [
            Contender(f"one UPDATE a beat, {BATCH} a call", floor, "/naive", BATCH, 2),
            Contender(f"floor: bytes to Redis, {BATCH} a call", floor, "/floor", BATCH, 20),
        ]
        viewers = Viewers()
        for number in range(3 if options.quick else 6):
            for contender in (*own, *others):
                print(f"\rround {number}  {contender.name:<40}", end="", file=sys.stderr, flush=True)
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    # What others send is nobody's to find again.
                    runner.run(measure(contender, viewers if contender in own else Viewers(), made))
                if not number:
                    contender.rates.clear()
                    contender.cpu.clear()
        print(file=sys.stderr)
        asyncio.run(_forget_naive(services.database_url))
        flush = asyncio.run(flushed(services, own))
    figures = [contender.figures() for contender in (*own, *others)]
    of_floor = figures[-1]["beatsPerSecond"]
    for figure in figures:
        print(
            f"{figure['name']:<36} {figure['beatsPerSecond']:>9,.0f} beats/s {figure['cpuMicroseconds']:>8.1f} us CPU"
            f" {figure['beatsPerSecond'] / of_floor:>7.3f} of the floor"
        )
    print(
        f"flush of {flush['keys']:,.0f} videos of viewers: {flush['seconds']:.2f} s,"
        f" {flush['statementsPer10000Beats']:.1f} statements for 10,000 beats instead of 10,000"
    )
    if options.json:
        options.json.write_bytes(
            orjson.dumps({"figures": figures, "flush": flush}, option=orjson.OPT_INDENT_2)
        )


if __name__ == "__main__":
    main()
