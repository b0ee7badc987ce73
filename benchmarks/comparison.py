"""The contenders side by side: answers verified, rounds interleaved, medians taken."""

import asyncio
import statistics
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

import orjson
import uvloop

from benchmarks.load import Round, WrongAnswerError, run_round
from benchmarks.queries import Measured, count_fields
from benchmarks.services import Server, Services

# Requests a round, so that a round of each contender takes about two seconds on two ordinary cores.
ROUND_REQUESTS = {
    ("Q1", "floor"): 400,
    ("Q1", "lectern"): 96,
    ("Q1", "plain"): 80,
    ("Q1", "plain-cached"): 80,
    ("Q0", "floor"): 3200,
    ("Q0", "lectern"): 1200,
    ("Q0", "plain"): 400,
    ("Q0", "plain-cached"): 640,
}
_WARM_UP = 3  # requests a connection: prepared statements, document cache, the interpreter's own caches


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over rounds, but p99 over all requests of all rounds, and statements over all requests."""

    query: str
    contender: str
    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms_per_request: float
    cpu_ms_spread: tuple[float, float]
    statements_per_request: float


@dataclass(slots=True)
class _Series:
    rounds: list[Round] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    statements: float = 0

    def figures(self, query: str, contender: str) -> Figures:
        latencies = [latency for one in self.rounds for latency in one.latencies]
        cpu = [
            1000 * seconds / len(one.latencies) for seconds, one in zip(self.cpu, self.rounds, strict=True)
        ]
        return Figures(
            query=query,
            contender=contender,
            requests=len(latencies),
            requests_per_second=statistics.median(len(one.latencies) / one.seconds for one in self.rounds),
            p50_ms=1000 * statistics.median(statistics.median(one.latencies) for one in self.rounds),
            p99_ms=1000 * statistics.quantiles(latencies, n=100, method="inclusive")[98],
            cpu_ms_per_request=statistics.median(cpu),
            cpu_ms_spread=(min(cpu), max(cpu)),
            statements_per_request=self.statements / len(latencies),
        )


def verified_answer(server: Server, measured: Measured, services: Services) -> bytes:
    """The server's body for a query, once it says what the database says. Raises WrongAnswerError."""
    expected = asyncio.run(measured.expected(services.database_url))
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/graphql",
        data=measured.body,
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        body: bytes = response.read()
    if orjson.loads(body) != {"data": expected}:
        raise WrongAnswerError(
            f"{server.name} answers {measured.name} otherwise than the database: {body[:500]!r}"
        )
    return body


def statement_count(server: Server) -> float:
    """SQL statements the server has sent since its start, by its own count."""
    lectern = server.name == "lectern"
    path = "metrics" if lectern else "statements"
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/{path}", timeout=10) as response:
        text = response.read().decode()
    if not lectern:
        return float(text)
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("lectern_graphql_operation_statements_sum")
    )


def compare(
    servers: Sequence[Server],
    queries: Sequence[Measured],
    services: Services,
    *,
    rounds: int,
    scale: float,
    connections: int,
    progress: Callable[[str], None],
) -> tuple[list[Figures], dict[str, int]]:
    """Measures every server on every query. `scale` shrinks the rounds.

    Returns the figures and the number of fields of each query's answer.
    """
    answers: dict[tuple[str, str], bytes] = {}
    fields: dict[str, int] = {}
    for measured, server in product(queries, servers):
        body = answers[measured.name, server.name] = verified_answer(server, measured, services)
        fields[measured.name] = count_fields(orjson.loads(body)["data"])
    series: dict[tuple[str, str], _Series] = {key: _Series() for key in answers}

    def measure(measured: Measured, server: Server, requests: int) -> Round:
        answer = answers[measured.name, server.name]
        load = run_round(server.port, measured.body, answer, requests=requests, connections=connections)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(load)

    for measured, server in product(queries, servers):
        measure(measured, server, _WARM_UP * connections)
    for number in range(rounds):
        # Round by round through all contenders: what else the machine does hits them alike.
        for measured, server in product(queries, servers):
            key = measured.name, server.name
            progress(f"round {number + 1}/{rounds}  {measured.name}  {server.name}")
            statements, cpu = statement_count(server), server.cpu_seconds()
            requests = max(2 * connections, round(ROUND_REQUESTS[key] * scale))
            series[key].rounds.append(measure(measured, server, requests))
            series[key].cpu.append(server.cpu_seconds() - cpu)
            series[key].statements += statement_count(server) - statements
    return [one.figures(*key) for key, one in series.items()], fields


def as_json(figures: Sequence[Figures], fields: dict[str, int], more: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {**more, "fields": fields, "figures": [asdict(one) for one in figures]}, option=orjson.OPT_INDENT_2
    )
