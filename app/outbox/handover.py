"""Telling a worker of a job, through arq's queue in Redis. What is not heard is told again by the relay."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import orjson
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from app.circuits import Circuit
from app.errors import Unavailable
from app.keyvalue import redis_pool
from app.settings import RedisSettings
from app.telemetry import Metrics

FUNCTION = "run_job"
_VERSION = 1
"""Of what is said through a queue: workers of another release neither understand nor destroy it."""

_log = logging.getLogger(__name__)


def queue_name(queue: str) -> str:
    """Arq's name of a queue."""
    return f"lectern:jobs:{queue}:v{_VERSION}"


class Handover:
    """One per process. Redis may be away: nothing waits for it longer than a command may take, nothing fails."""

    def __init__(self, settings: RedisSettings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._circuit = Circuit("queue", metrics)
        self._redis = ArqRedis(
            redis_pool(settings),
            # Not pickle, arq's default: whoever can write to Redis could run code here.
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
        )

    async def tell(self, jobs: Sequence[tuple[UUID, str]]) -> bool:
        """Tells the workers of each (id, queue). False when Redis did not take all of them."""
        try:
            with self._talking():
                for job_id, queue in jobs:
                    await self._redis.enqueue_job(FUNCTION, str(job_id), _queue_name=queue_name(queue))
        except Unavailable:
            self._metrics.jobs_told.labels("failed").inc()
            return False
        self._metrics.jobs_told.labels("told").inc(len(jobs))
        return True

    async def lengths(self, queues: Sequence[str]) -> list[int]:
        """How many ids wait in each queue, finished ones among them. Raises Unavailable."""
        with self._talking():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for queue in queues:
                    pipeline.zcard(queue_name(queue))
                return [int(length) for length in await pipeline.execute()]

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Raises Unavailable, after a while at once: else each mutation that asks for a job waits for a Redis that hangs."""
        with self._circuit.call():
            try:
                yield
            except (RedisError, OSError, TimeoutError) as error:
                _log.warning("jobs wait for the relay, Redis does not answer: %s", error)
                raise Unavailable("The queue does not answer.") from error

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)
