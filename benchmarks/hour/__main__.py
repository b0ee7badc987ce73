"""An hour of ten thousand viewers, faster, with everything killed in between.

    python -m benchmarks.hour [--viewers 10000] [--minutes 60] [--faster 15] [--calm] [--quick] [--json FILE]

Each device makes a beat every thirty seconds, or as it pauses, seeks or ends, and sends what it has every two minutes;
every tenth viewer has two. Some calls arrive twice, some after younger ones, some devices are offline for minutes. The
API, a worker, Valkey (with its append-only file) and PostgreSQL are killed with SIGKILL and started again. What no answer
has accepted is sent again. In the end PostgreSQL must hold each reported millisecond, each viewing once, and of each
viewer's videos the latest position.

The flush comes as many times faster as the hour passes, so that as much waits in the buffer as would in a real hour.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvloop

from benchmarks.hour.measures import Found, Sample, Sampler, compare
from benchmarks.hour.playing import Play
from benchmarks.hour.programs import Programs
from benchmarks.hour.viewers import COURSES, VIDEOS
from benchmarks.learners import tokens
from benchmarks.load import WrongAnswerError
from benchmarks.services import Services, open_services

# When (a share of the hour), what is killed, and for how many of the hour's seconds it is away.
DEATHS: Sequence[tuple[float, tuple[str, ...], float]] = (
    (0.08, ("api",), 5),
    (0.15, ("worker",), 20),
    (0.24, ("valkey",), 10),
    (0.33, ("postgres",), 10),
    (0.42, ("worker", "valkey"), 10),
    (0.50, ("api", "worker"), 60),
    (0.60, ("postgres",), 60),
    (0.70, ("valkey", "postgres"), 20),
    (0.80, ("postgres", "valkey", "api", "worker"), 30),
    (0.90, ("worker",), 5),
)
FILL = (
    "INSERT INTO users (email, email_key, name) SELECT i, i, 'Viewer' FROM generate_series(1, {viewers}) AS i",
    """
    INSERT INTO courses (slug, title, instructor_id, status, published_at)
    SELECT 'c' || i, 'C', 1, 'published', now() FROM generate_series(1, {courses}) AS i
    """,
    "INSERT INTO course_stats (course_id, lesson_count, enrollment_count) SELECT id, {videos}, 0 FROM courses",
    "INSERT INTO modules (course_id, title, position) SELECT id, 'M', 1 FROM courses ORDER BY id",
    """
    INSERT INTO lessons (course_id, module_id, title, kind, position)
    SELECT course_id, id, 'L', 'video', i FROM modules, generate_series(1, {videos}) AS i ORDER BY id, i
    """,
    # As viewers.length_of has it.
    "INSERT INTO video_metadata (lesson_id, duration_ms) SELECT id, (480 + id * 389 % 1140) * 1000 FROM lessons ORDER BY id",
    """
    INSERT INTO enrollments (user_id, course_id, state, enrolled_at)
    SELECT id, 1 + id % {courses}, 'active', now() FROM users
    """,
    """
    UPDATE course_stats SET enrollment_count = (
        SELECT count(*) FROM enrollments AS e WHERE e.course_id = course_stats.course_id)
    """,
)


async def fill(url: str, viewers: int) -> None:
    connection = await asyncpg.connect(url)
    for statement in FILL:
        await connection.execute(statement.format(viewers=viewers, courses=COURSES, videos=VIDEOS))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def disturb(
    programs: Programs,
    play: Play,
    hour: "Future[None]",
    deaths: Sequence[tuple[float, tuple[str, ...], float]],
    faster: float,
) -> list[dict[str, Any]]:
    """Kills and starts, until the hour has passed. Returns what happened when."""
    happened = []
    for share, names, away in deaths:
        while play.minute < share * play.minutes and not hour.done():
            programs.check()
            _say(play.told())
            time.sleep(0.2)
        if hour.done():
            break
        happened.append({"minute": round(play.minute, 1), "killed": names, "seconds": away})
        for name in names:
            programs.kill(name)
        time.sleep(away / faster)
        for name in names:
            programs.start(name)
    while not hour.done():
        programs.check()
        _say(play.told())
        time.sleep(0.2)
    return happened


def run(services: Services, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    faster = options.faster
    hastened = {
        "LECTERN_PROGRESS_FLUSH_INTERVAL": str(5 / faster),
        "LECTERN_PROGRESS_FLUSH_LEASE": str(max(1, 30 / faster)),
        # Half the time between two calls, as in production when it asks for one each 120 seconds.
        "LECTERN_PROGRESS_ACCESS_LIFETIME": str(60 / faster),
        "LECTERN_ACCESS_TOKEN_LIFETIME": "7200",
    }
    services = replace(services, environment=services.environment | hastened)
    asyncio.run(fill(services.database_url, options.viewers))
    made = tokens(services, range(1, options.viewers + 1))
    with closing(Programs(services, folder)) as programs, ThreadPoolExecutor(1) as pool:
        for name in ("api", "worker"):
            programs.start(name)
        sampler = Sampler(services)
        play = Play(options.minutes, faster, port=programs.port, tokens=made, sampler=sampler)
        began = time.monotonic()
        # In a thread of its own: services end with the thread that starts them, which is this one.
        hour = pool.submit(lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(play.run()))
        try:
            happened = disturb(programs, play, hour, () if options.calm else DEATHS, faster)
        finally:
            play.stop()
        hour.result()
        seconds = time.monotonic() - began
        found = asyncio.run(compare(services.database_url, play.audience.expected, play.audience.viewings))
    print(file=sys.stderr)
    return {
        "viewers": options.viewers,
        "devices": len(play.audience.devices),
        "minutes": options.minutes,
        "seconds": seconds,
        "counts": dict(play.sender.counts),
        "deaths": happened,
        "samples": [asdict(sample) for sample in sampler.samples],
        "found": asdict(found),
        "exact": found.exact,
    }


def _say(text: str) -> None:
    print(f"\r{text:<110}", end="", file=sys.stderr, flush=True)


def show(figures: dict[str, Any]) -> None:
    counts, samples = figures["counts"], [Sample(**each) for each in figures["samples"]]
    found = Found(**figures["found"])
    print(
        f"{'minute':>6} {'keys':>7} {'oldest s':>8} {'Valkey MB':>9} {'rows':>10} {'statements':>10} {'WAL MB':>7}"
    )
    deaths, shown = list(figures["deaths"]), -1.0
    for sample in samples:
        while deaths and deaths[0]["minute"] <= sample.minute:
            death = deaths.pop(0)
            print(f"{death['minute']:>6.1f} killed for {death['seconds']} s: {', '.join(death['killed'])}")
        if sample.minute >= shown + figures["minutes"] / 15 or sample is samples[-1]:
            shown = sample.minute
            print(
                f"{sample.minute:>6.1f} {sample.keys:>7,} {sample.oldest:>8.1f} {sample.memory / 1e6:>9.1f}"
                f" {sample.rows:>10,} {sample.statements:>10,} {sample.wal / 1e6:>7.1f}"
            )
    beats, first, last = counts["beats accepted"], samples[0], samples[-1]
    print(
        f"{figures['minutes']} minutes of {figures['viewers']:,} viewers ({figures['devices']:,} devices) in"
        f" {figures['seconds']:.0f} s: "
        + ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()))
    )
    print(
        f"Valkey at most {max(each.memory for each in samples) / 1e6:.1f} MB ({first.memory / 1e6:.1f} before),"
        f" {max(each.keys for each in samples):,} keys; for 10,000 beats"
        f" {10_000 * (last.flushing - first.flushing) / beats:,.0f} statements of flushes, of all programs"
        f" {10_000 * (last.statements - first.statements) / beats:,.0f},"
        f" at least {10_000 * (last.rows - first.rows) / beats:,.0f} rows,"
        f" {(last.wal - first.wal) / beats / 100:.1f} MB of WAL"
    )
    print(
        f"of {found.milliseconds:,} ms in {found.keys:,} videos of viewers: {found.lost:,} ms lost, {found.invented:,} ms"
        f" too many, {found.positions_wrong:,} positions wrong; {found.viewings:,} viewings, {found.viewings_wrong:,} wrong;"
        f" {found.lessons_completed:,} lessons completed"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hour",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--viewers", type=int, default=10_000)
    parser.add_argument("--minutes", type=int, default=60, help="of the viewers' time")
    parser.add_argument("--faster", type=float, default=15, help="how many times faster they pass, at most")
    parser.add_argument(
        "--quick", action="store_true", help="1,000 viewers and 20 minutes, 20 times faster: a minute"
    )
    parser.add_argument("--calm", action="store_true", help="nothing is killed")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    if options.quick:
        options.viewers, options.minutes, options.faster = 1_000, 20, 20
    with (
        tempfile.TemporaryDirectory() as folder,
        open_services(None, pool_size=10, filled=False, counted=True, durable=True) as services,
    ):
        try:
            figures = run(services, options, Path(folder))
        except BaseException:
            log = (Path(folder) / "programs.log").read_text(errors="replace")
            print(f"\n{log[-5000:]}", file=sys.stderr)
            raise
    show(figures)
    if options.json:
        options.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    if not figures["exact"]:
        raise WrongAnswerError("what was found is not what was reported")


if __name__ == "__main__":
    main()
