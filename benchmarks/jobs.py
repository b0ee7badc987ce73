"""From a commit to the start of its job, and how many empty jobs a second, beside plain arq: `python -m benchmarks.jobs`.

Both workers are one process each, ten jobs at once, on the same Valkey. Lectern's job is a row that is claimed and
deleted in PostgreSQL; arq's lives in Redis alone and is lost with it. Every job writes its number and the time into a
file; a run counts only if each number is there once.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings as ArqSettings
from rich.console import Console
from rich.progress import track

from app.jobs import Job
from app.resources import open_resources
from app.settings import RedisSettings, Settings
from benchmarks.services import open_services

CONTENDERS = ("lectern", "arq", "arq-quick")
"""`arq` looks at its queue twice a second, as it does by default; `arq-quick` as often as Lectern."""
_BATCH = 100
_PATIENCE = 300.0


class Starts:
    """The file into which a worker writes "number time" for each job."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[int, float]:
        """Raises RuntimeError when a job ran twice."""
        lines = self._path.read_text().split("\n")[:-1] if self._path.exists() else []
        starts = {int(number): float(at) for number, at in (line.split() for line in lines)}
        if len(starts) != len(lines):
            raise RuntimeError("a job ran twice")
        return starts

    async def until(self, count: int) -> dict[int, float]:
        deadline = time.monotonic() + _PATIENCE
        while len(starts := self.read()) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {len(starts)} of {count} jobs ran")
            await asyncio.sleep(0.05)
        return starts


@contextmanager
def worker(name: str, path: Path, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.jobs_worker", name, str(path)], env=environment
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


async def enqueue(
    name: str, numbers: list[int], environment: dict[str, str], pause: float = 0
) -> dict[int, float]:
    """Asks for a job for each number. Returns when each was committed."""
    asked: dict[int, float] = {}
    if name != "lectern":
        pool = await create_pool(ArqSettings.from_dsn(environment["LECTERN_REDIS_URL"]))
        for number in numbers:
            asked[number] = time.time()
            await pool.enqueue_job("empty", number)
            await asyncio.sleep(_random(pause))
        await pool.aclose()
        return asked
    async with open_resources(_settings(environment)) as resources:
        size = 1 if pause else _BATCH
        for first in range(0, len(numbers), size):
            batch = numbers[first : first + size]
            async with resources.database.transaction() as tx:

                async def committed(batch: list[int] = batch) -> None:
                    asked.update(dict.fromkeys(batch, time.time()))

                tx.after_commit(committed)
                for number in batch:
                    await resources.outbox.enqueue(tx, Job.PROBE, {"n": number})
            await asyncio.sleep(_random(pause))
    return asked


def _random(pause: float) -> float:
    # An even pause falls into step with the worker's looks at its queue: then each job waits as long as the first.
    return pause * random.uniform(0.5, 1.5)


def _settings(environment: dict[str, str]) -> Settings:
    settings = Settings(home=Path(environment["LECTERN_HOME"]))
    database = settings.database.model_copy(update={"url": environment["LECTERN_DATABASE_URL"]})
    keys = settings.authentication.model_copy(
        update={"signing_keys_file": Path(environment["LECTERN_SIGNING_KEYS_FILE"])}
    )
    redis = RedisSettings(url=environment["LECTERN_REDIS_URL"])
    return settings.model_copy(update={"database": database, "redis": redis, "authentication": keys})


async def latency(name: str, folder: Path, environment: dict[str, str], count: int) -> list[float]:
    """Milliseconds from the commit to the start, one job at a time in an idle worker; sorted."""
    path = folder / f"latency-{name}"
    with worker(name, path, environment):
        await enqueue(name, [0], environment, 0.01)
        await Starts(path).until(1)
        asked = await enqueue(name, list(range(1, count + 1)), environment, 0.1)
        starts = await Starts(path).until(count + 1)
    return sorted((starts[number] - at) * 1000 for number, at in asked.items())


async def throughput(name: str, folder: Path, environment: dict[str, str], count: int, round_: int) -> float:
    """Jobs a second, from the first start to the last: all wait already when the worker comes."""
    path = folder / f"throughput-{name}-{round_}"
    await enqueue(name, list(range(count)), environment)
    with worker(name, path, environment):
        starts = sorted((await Starts(path).until(count)).values())
    return (count - 1) / (starts[-1] - starts[0])


async def measure(arguments: argparse.Namespace, environment: dict[str, str]) -> dict[str, Any]:
    figures: dict[str, Any] = {name: {} for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        for name in CONTENDERS:
            times = await latency(name, Path(folder), environment, arguments.latencies)
            figures[name]["latency_ms"] = {
                "p50": round(statistics.median(times), 1),
                "p95": round(times[int(len(times) * 0.95)], 1),
                "max": round(times[-1], 1),
            }
        rounds = [(number, name) for number in range(arguments.rounds) for name in CONTENDERS]
        for number, name in track(rounds, "Throughput", console=Console(stderr=True)):
            speed = await throughput(name, Path(folder), environment, arguments.jobs, number)
            figures[name].setdefault("jobs_per_second", []).append(round(speed))
    for name in CONTENDERS:
        figures[name]["median_jobs_per_second"] = statistics.median(figures[name]["jobs_per_second"])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--latencies", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with open_services(None, pool_size=10, filled=False) as services:
        figures = asyncio.run(measure(arguments, services.environment))
    if arguments.json:
        print(json.dumps(figures))
        return
    ours = figures["lectern"]["median_jobs_per_second"]
    for name, figure in figures.items():
        milliseconds = figure["latency_ms"]
        print(
            f"{name:10} start after p50 {milliseconds['p50']} ms, p95 {milliseconds['p95']} ms;"
            f" {figure['median_jobs_per_second']:,.0f} jobs/s {figure['jobs_per_second']},"
            f" Lectern is {ours / figure['median_jobs_per_second']:.2f} of it"
        )


if __name__ == "__main__":
    main()
