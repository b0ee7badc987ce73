"""How many beats a process takes, and what writing them costs.

    python -m benchmarks.beats [--quick] [--sync everysec] [--json FILE]

500 viewers report, 16 connections at once, rounds through all contenders in turn: Lectern by `POST /progress` and by
`recordProgress`, 50 beats a call and one; the same API where each beat is an UPDATE (`beat_updates.py`); a handler that
only hands the bytes to Redis (`beat_floor.py`). Each answer is read: every beat must have been accepted. In the end what
Lectern has taken is flushed; of both PostgreSQL must hold the union of what was sent, to the millisecond. Valkey keeps its
append-only file, synced before it answers, and PostgreSQL syncs its log, as in production; `--sync everysec`: Valkey syncs
its file each second.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import psutil
import redis
import uvloop

from app.resources import open_resources
from app.settings import DatabaseSettings, Mode, RedisSettings, Settings
from benchmarks.beat_load import VIEWERS, Ranges, Viewers, check, fill
from benchmarks.learners import tokens
from benchmarks.load import WrongAnswerError
from benchmarks.services import Server, Services, open_services, serve
from workers.learning import Flusher

CONNECTIONS, BATCH = 16, 50
RECORD = """mutation Record($beats: [ProgressBeat!]!) { recordProgress(input: {beats: $beats}) {
    accepted rejected { index code } nextBeatAfterSeconds ticket userErrors { code } } }"""
CALLED = "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE query !~ 'pg_stat_statements|sum\\(calls\\)'"
PROCESSES = {"postgres": "postgres", "valkey-server": "valkey"}


@dataclass(slots=True)
class Contender:
    name: str
    server: Server
    path: str
    batch: int
    calls: int
    """Of a round: a second or two of them."""
    viewers: Viewers
    target: int | None = None
    """Beats a second that it shall take."""
    rates: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    """Microseconds of each kind of process for a beat, of each round."""
    statements: int = 0
    beats: int = 0

    def body(self, beats: list[dict[str, Any]]) -> bytes:
        if self.path == "/graphql":
            return orjson.dumps({"query": RECORD, "variables": {"beats": beats}})
        return orjson.dumps({"beats": beats})

    def figures(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "beatsPerSecond": statistics.median(self.rates),
            "target": self.target,
            "cpuMicroseconds": {
                kind: statistics.median(one[kind] for one in self.cpu)
                for kind in ("server", *PROCESSES.values())
            },
            "statementsPer10000Beats": 10_000 * self.statements / self.beats,
        }


def _cpu(server: Server) -> dict[str, float]:
    """Microseconds used so far. Backends live as long as the pools' connections, which is as long as the run."""
    used = {"server": 1e6 * server.cpu_seconds(), **dict.fromkeys(PROCESSES.values(), 0.0)}
    for process in psutil.Process().children(recursive=True):
        if (kind := PROCESSES.get(process.name())) is not None:
            times = process.cpu_times()
            used[kind] += 1e6 * (times.user + times.system)
    return used


def _requests(contender: Contender, made: Sequence[str]) -> list[bytes]:
    requests, turns = [], count()
    for _ in range(contender.calls):
        viewer = 1 + next(turns) % VIEWERS
        body = contender.body(contender.viewers.beats(viewer, contender.batch))
        head = (
            f"POST {contender.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-User: {viewer}\r\n"
            f"Authorization: Bearer {made[viewer - 1]}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    return requests


async def measure(contender: Contender, made: Sequence[str], database: asyncpg.Connection) -> None:
    """One round: prepared first, so that the load costs little beside the server."""
    waiting = _requests(contender, made)
    beats = contender.batch * len(waiting)

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", contender.server.port)
        while waiting:
            writer.write(waiting.pop())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            answer = orjson.loads(await reader.readexactly(length))
            answer = answer["data"]["recordProgress"] if contender.path == "/graphql" else answer
            if answer["rejected"] or answer["accepted"] != contender.batch:
                raise WrongAnswerError(f"{contender.name}: {answer}")
        writer.close()

    called, before = await database.fetchval(CALLED), _cpu(contender.server)
    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    seconds, after = time.perf_counter() - began, _cpu(contender.server)
    contender.rates.append(beats / seconds)
    contender.cpu.append({kind: (after[kind] - before[kind]) / beats for kind in after})
    contender.statements += await database.fetchval(CALLED) - called
    contender.beats += beats


async def run_rounds(
    contenders: Sequence[Contender], services: Services, made: Sequence[str], rounds: int
) -> None:
    database = await asyncpg.connect(services.database_url)
    for number in range(rounds + 1):
        for contender in contenders:
            print(f"\rround {number} of {rounds}  {contender.name:<40}", end="", file=sys.stderr, flush=True)
            await measure(contender, made, database)
            if not number:
                contender.rates.clear()
                contender.cpu.clear()
                contender.statements = contender.beats = 0
    print(file=sys.stderr)
    await database.close()


async def flush(services: Services, beats: int) -> dict[str, float]:
    """Writes all that Lectern has taken. Returns keys, seconds, and statements for 10,000 of the `beats`."""
    settings = Settings(
        mode=Mode.DEVELOPMENT,
        database=DatabaseSettings(url=services.database_url),
        redis=RedisSettings(url=services.environment["LECTERN_REDIS_URL"]),
    )
    database = await asyncpg.connect(services.database_url)
    async with open_resources(settings) as resources:
        keys = (await resources.progress_buffer.measure()).keys
        called, began = await database.fetchval(CALLED), time.perf_counter()
        await Flusher(resources).flush()
        seconds, sent = time.perf_counter() - began, await database.fetchval(CALLED) - called
    await database.close()
    return {"keys": keys, "seconds": seconds, "statementsPer10000Beats": 10_000 * sent / beats}


async def _forget(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("TRUNCATE video_progress")
    await connection.close()


def everything(contenders: Sequence[Contender]) -> Ranges:
    sent: Ranges = {}
    for contender in contenders:
        for key, ranges in contender.viewers.sent.items():
            sent.setdefault(key, set()).update(ranges)
    return sent


def show(figures: Sequence[dict[str, Any]], flushed: dict[str, float]) -> None:
    """Shares of the floor, and times one UPDATE a beat, among those with as many beats a call."""
    print(
        f"{'':<42} {'beats/s':>8} {'of floor':>8} {'of UPDATEs':>10}   CPU us a beat: server postgres valkey"
    )
    rates = {figure["name"]: figure["beatsPerSecond"] for figure in figures}
    for figure in figures:
        name, rate, cpu = figure["name"], figure["beatsPerSecond"], figure["cpuMicroseconds"]
        call = name.rpartition(", ")[2]
        door = name.partition(",")[0].removesuffix(", an UPDATE each")
        beside = rates.get(f"{door}, an UPDATE each, {call}")
        met = "" if figure["target"] is None else f"  at least {figure['target']:,}: "
        met += "" if not met else "met" if rate >= figure["target"] else "missed"
        print(
            f"{name:<42} {rate:>8,.0f} {rate / rates[f'floor, {call}']:>8.3f}"
            f" {'' if beside is None else f'{rate / beside:.1f}':>10}"
            f" {cpu['server']:>22.1f} {cpu['postgres']:>8.1f} {cpu['valkey']:>6.1f}{met}"
        )
    naive = max(figure["statementsPer10000Beats"] for figure in figures)
    print(
        f"flush of {flushed['keys']:,.0f} videos of viewers: {flushed['seconds']:.2f} s; statements for 10,000 beats:"
        f" {flushed['statementsPer10000Beats']:.1f}, taking them included, instead of {naive:,.0f}"
    )


def contenders_of(
    services: Services, stack: ExitStack
) -> tuple[list[Contender], list[Contender], list[Contender]]:
    """Lectern's, those that write each beat, the floors."""
    lectern, updates, floor = (
        stack.enter_context(serve(name, services)) for name in ("lectern", "beat-updates", "beat-floor")
    )
    own, naive = Viewers(), Viewers()
    each = "an UPDATE each"
    return (
        [
            Contender(f"POST /progress, {BATCH} a call", lectern, "/progress", BATCH, 800, own, 20_000),
            Contender(f"recordProgress, {BATCH} a call", lectern, "/graphql", BATCH, 400, own, 6_000),
            Contender("recordProgress, 1 a call", lectern, "/graphql", 1, 2_000, own, 1_000),
        ],
        [
            Contender(f"POST /progress, {each}, {BATCH} a call", updates, "/progress", BATCH, 80, naive),
            Contender(f"recordProgress, {each}, {BATCH} a call", updates, "/graphql", BATCH, 80, naive),
            Contender(f"recordProgress, {each}, 1 a call", updates, "/graphql", 1, 1_500, naive),
        ],
        [
            Contender(f"floor, {BATCH} a call", floor, "/progress", BATCH, 800, Viewers()),
            Contender("floor, 1 a call", floor, "/progress", 1, 3_000, Viewers()),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beats", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--sync", choices=("always", "everysec"), default="always", help="Valkey's appendfsync (always)"
    )
    options = parser.parse_args()
    with (
        open_services(None, pool_size=10, filled=False, counted=True, durable=True) as services,
        ExitStack() as stack,
    ):
        asyncio.run(fill(services.database_url))
        with redis.Redis.from_url(services.valkey.url) as valkey:
            valkey.config_set("appendfsync", options.sync)
        made = tokens(services, range(1, VIEWERS + 1))
        own, naive, floors = contenders_of(services, stack)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rounds = run_rounds([*own, *naive, *floors], services, made, 2 if options.quick else 7)
            runner.run(rounds)
        asyncio.run(check(services.database_url, everything(naive)))
        asyncio.run(_forget(services.database_url))
        taken = sum(len(ranges) for ranges in own[0].viewers.sent.values())
        flushed = asyncio.run(flush(services, taken))
        asyncio.run(check(services.database_url, everything(own)))
    beats = sum(contender.beats for contender in own)
    flushed["statementsPer10000Beats"] += 10_000 * sum(contender.statements for contender in own) / beats
    figures = [contender.figures() for contender in (*own, *naive, *floors)]
    show(figures, flushed)
    if options.json:
        found = {"figures": figures, "flush": flushed}
        options.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
