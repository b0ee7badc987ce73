"""/metrics where several processes answer on one port: whichever is asked shows the series of all, each with its number.

A scrape reaches one of them, and not the same each time. So each offers its series to the others on a loopback socket.
The label `process` keeps them apart, because a counter of a process that was replaced begins anew, and only per series
can a monitoring system see that. The library's own way, files that all write to, needs a folder, which a container with a
read-only root lacks, and gives the numbers of processes long dead for ever.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from app.telemetry import Metrics

# A process that is busy or just being replaced is left out, rather than that the scrape fails.
_PATIENCE: Final = 1.0


@dataclass(slots=True)
class Siblings:
    """The processes of one port: a loopback socket of each, in the order of their numbers."""

    sockets: tuple[socket.socket, ...]
    own: int = 0
    """Set by each process once it is one."""


@contextmanager
def loopback_sockets(number: int) -> Iterator[list[socket.socket]]:
    """Sockets on ports that the kernel chooses. Nobody listens before a process does."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        yield sockets


@asynccontextmanager
async def offering_metrics(metrics: Metrics, siblings: Siblings | None) -> AsyncIterator[None]:
    """Gives this process's series to the others during the block."""
    if siblings is None:
        yield
        return

    async def give(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(_told(metrics.registry)).encode())
        writer.close()

    async with await asyncio.start_server(give, sock=siblings.sockets[siblings.own].dup()):
        yield


async def exposed(metrics: Metrics, siblings: Siblings | None) -> bytes:
    """The text of /metrics."""
    if siblings is None:
        return generate_latest(metrics.registry)
    told = await asyncio.gather(
        *(
            _ask(each.getsockname()[1])
            for number, each in enumerate(siblings.sockets)
            if number != siblings.own
        )
    )
    told.insert(siblings.own, _told(metrics.registry))
    registry = CollectorRegistry()
    registry.register(_Joined(told))
    return generate_latest(registry)


def _told(registry: CollectorRegistry) -> list[Any]:
    return [
        [
            family.name,
            family.documentation,
            family.type,
            [[sample.name, sample.labels, sample.value] for sample in family.samples],
        ]
        for family in registry.collect()
    ]


async def _ask(port: int) -> list[Any]:
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                told: list[Any] = json.loads(await reader.read())
            finally:
                writer.close()
    except (OSError, ValueError):  # TimeoutError is an OSError, half an answer a ValueError
        return []
    return told


class _Joined(Collector):
    def __init__(self, told: list[list[Any]]) -> None:
        self._told = told

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for process, series in enumerate(self._told):
            for name, documentation, kind, samples in series:
                family = families.setdefault(name, Metric(name, documentation, kind))
                family.samples += [
                    Sample(sample, {**labels, "process": str(process)}, value)
                    for sample, labels, value in samples
                ]
        return families.values()
