"""A Redis that hangs: whoever asks for jobs waits for it a few times, not each time."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from app.circuits import FAILURES
from app.jobs import Queue
from app.outbox import Handover
from app.settings import RedisSettings
from app.telemetry import Metrics
from tests.app import pools
from tests.support.valkey import FragileValkey, fragile_valkey


@pytest.fixture
def valkey() -> Iterator[FragileValkey]:
    with fragile_valkey() as server:
        yield server


async def test_a_redis_that_hangs_is_left_alone_for_a_moment(valkey: FragileValkey) -> None:
    metrics = Metrics()

    def sample(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"lectern_{name}", labels)

    handover = Handover(RedisSettings(url=valkey.url, command_timeout=0.2), metrics)
    job = (uuid4(), Queue.QUICK)
    try:
        assert await handover.tell([job])
        valkey.freeze()
        assert [await handover.tell([job]) for _ in range(FAILURES + 3)] == [False] * (FAILURES + 3)
        assert sample("circuit_open", port="queue") == 1
        assert sample("circuit_refusals_total", port="queue") == 3
        assert sample("jobs_told_total", outcome="failed") == FAILURES + 3
        valkey.thaw()
        await pools.until(lambda: handover.tell([job]))
        assert sample("circuit_open", port="queue") == 0
    finally:
        await handover.close()
