"""Where a server's CPU time goes on each query, by the part of the program that holds it."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.comparison import verified_answer
from benchmarks.load import run_round
from benchmarks.queries import Q0, Q1
from benchmarks.services import Services, serve

_ENGINE = (
    "graphql/execution/",
    "graphql/type/",
    "graphql/pyutils/",
    "graphql/utilities/",
    "graphql_schema/execution",
)
Parts = tuple[tuple[str, tuple[str, ...]], ...]
# The first pattern that fits the innermost frame with a match takes the sample: a piece of a file's path.
PARTS: Parts = (
    ("parse", ("graphql/language/",)),
    ("validate", ("graphql/validation/", "graphql_schema/limits", "graphql_schema/list_sizes")),
    ("execute: engine", _ENGINE),
    ("JSON", ("graphql_endpoint.py:_finished",)),
    ("execute: Strawberry", ("strawberry/",)),
    ("our fields, edges, objects", ("graphql_schema/",)),
    ("loaders", ("/loaders/", "aiodataloader")),
    ("SQL: pool, rows, statements", ("asyncpg/", "app/database.py", "/reads/", "/reads.py")),
    ("metrics", ("prometheus_client/", "app/telemetry/")),
    ("HTTP", ("app/asgi/", "uvicorn/", "starlette/")),
    ("tasks and futures", ("asyncio/",)),
)
_LOOP = "event loop and wire formats in C"
_REQUESTS = {"Q1": 500, "Q0": 6000}


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares of CPU by part (1 is all of it), and the lines that hold most."""

    query: str
    cpu_ms_per_request: float
    shares: dict[str, float]
    lines: list[tuple[str, float]]


def measure(
    services: Services, *, connections: int, progress: Callable[[str], None], name: str = "lectern"
) -> list[Profile]:
    """Profiles one server on Q1 and on Q0, a process each."""
    found = []
    for measured in (Q1, Q0):
        progress(f"{name}: {measured.name}")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "samples.json"
            with serve(name, services, profile=file) as server:
                answer = verified_answer(server, measured, services)
                requests = _REQUESTS[measured.name]
                cpu = server.cpu_seconds()
                load = run_round(
                    server.port, measured.body, answer, requests=requests, connections=connections
                )
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(load)
                cpu = server.cpu_seconds() - cpu
            found.append(profile_of(measured.name, 1000 * cpu / requests, orjson.loads(file.read_bytes())))
    return found


def profile_of(
    query: str, cpu_ms: float, samples: Sequence[dict[str, object]], known: Parts | None = None
) -> Profile:
    """Of what a server has sampled; `known` are other parts than those of the two queries."""
    parts: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for sample in samples:
        stack, count = sample["stack"], sample["count"]
        assert isinstance(stack, list) and isinstance(count, int)  # noqa: PT018 - two facts of one file format
        if any("asyncio/runners.py" in frame or "uvicorn/server.py" in frame for frame in stack):
            parts[part_of(stack, known or PARTS)] += count
            lines[stack[0]] += count
    total = parts.total() or 1
    return Profile(
        query,
        cpu_ms,
        {part: count / total for part, count in parts.most_common()},
        [(line, count / total) for line, count in lines.most_common(25)],
    )


def part_of(stack: Sequence[str], known: Parts = PARTS) -> str:
    """The part that a stack (leaf first) is spent in."""
    for frame in stack:
        if "asyncio/runners.py" in frame or "uvicorn/server.py" in frame:
            break
        for part, patterns in known:
            if any(pattern in frame for pattern in patterns):
                return part
    return _LOOP


def show(console: Console, profiles: Sequence[Profile]) -> None:
    for profile in profiles:
        title = f"{profile.query}: {profile.cpu_ms_per_request:.2f} ms CPU a request"
        table = Table("part", title=title, title_justify="left")
        table.add_column("share", justify="right")
        table.add_column("ms", justify="right")
        for part, share in profile.shares.items():
            table.add_row(part, f"{share:.1%}", f"{share * profile.cpu_ms_per_request:.2f}")
        console.print(table)
        for line, share in profile.lines:
            console.print(f"{share:6.1%}  {line}", highlight=False, soft_wrap=True)
