"""Workers and the API as real processes, to be killed; what they were asked for, and what has come of it."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.programs import LECTERN, ROOT, Program, answers, running

COUNTING = [sys.executable, str(ROOT / "tests/workers/surviving/counting.py")]
ENQUEUE = (
    "INSERT INTO jobs (name, queue, payload) SELECT 'probe', 'quick', jsonb_build_object('n', n, 'seconds', $2::float)"
    " FROM generate_series(1, $1::int) AS n"
)


TABLES = "CREATE TABLE effects (n int); CREATE TABLE asked (n int PRIMARY KEY); CREATE TABLE deaths (step text PRIMARY KEY)"


class Workers:
    """Started one after the other, each killed by the next."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._folder, self.variables = folder, variables
        self._stack = ExitStack()
        self._count = 0
        self.program: Program | None = None

    def start(self, *arguments: str) -> Program:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        program = self._stack.enter_context(
            running([*COUNTING, *arguments], folder, **self.variables, LECTERN_WORKER_PORT=str(free_port()))
        )
        program.wait_for(lambda: "the worker runs" in program.output, "worker")
        self.program = program
        return program

    def kill(self) -> None:
        assert self.program is not None
        self.program.send(signal.SIGKILL)
        self.program.end()

    def close(self) -> None:
        self._stack.close()


class Api:
    """`lectern serve`, killed and started again on the same port."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._folder = folder
        port = free_port()
        self._variables = variables | {
            "LECTERN_PUBLIC_URL": "https://learn.example",
            "LECTERN_HTTP_PORT": str(port),
            # All who register here come from one address.
            "LECTERN_REGISTRATIONS_PER_ADDRESS": "1000",
        }
        self.url = f"http://127.0.0.1:{port}"
        self.stack = ExitStack()
        self.program: Program | None = None

    def start(self) -> None:
        program = self.stack.enter_context(running([*LECTERN, "serve"], self._folder, **self._variables))
        program.wait_for(lambda: answers(f"{self.url}/healthz"), "answer")
        self.program = program

    def kill(self) -> None:
        assert self.program is not None
        self.program.send(signal.SIGKILL)
        self.program.end()


async def counts(connection: Any) -> tuple[int, int, int]:
    """(effects, different ones, jobs that wait)."""
    row = await connection.fetchrow(
        "SELECT count(*) AS all, count(DISTINCT n) AS distinct, (SELECT count(*) FROM jobs) AS waiting FROM effects"
    )
    return tuple(row)


async def until(check: Callable[[], Any], patience: float = 100) -> None:
    deadline = time.monotonic() + patience
    while not await check():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def done(connection: Any, number: int) -> bool:
    return (await counts(connection))[2] == 0 or (await counts(connection))[0] > number


async def reached(connection: Any, wanted: int) -> bool:
    effects, _, waiting = await counts(connection)
    return effects >= wanted or waiting == 0
