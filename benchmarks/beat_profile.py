"""Where the server's CPU time goes while it takes beats: python -m benchmarks.beat_profile

By both doors, 50 beats a call, sampled as `make bench ARGS=profile` does; and beside it what Valkey spends on a beat, which
also stands between `POST /progress` and the floor.
"""

import asyncio
import tempfile
from pathlib import Path

import asyncpg
import orjson
import uvloop
from rich.console import Console

from benchmarks.beat_load import VIEWERS, Viewers, fill
from benchmarks.beats import BATCH, Contender, measure
from benchmarks.learners import tokens
from benchmarks.profiles import Parts, profile_of, show
from benchmarks.services import Services, open_services, serve

_ROUNDS = 4
# As in profiles.py: the first pattern that fits the innermost frame with a match takes the sample.
PARTS: Parts = (
    ("beats read: ids, times, types", ("progress_endpoint.py:_beats", "beat.py:plain_beat", "_milliseconds")),
    ("beats checked", ("beats/recorder", "beats/beat.py", "beats/access", "beats/answers")),
    ("beats put together", ("beats/merging", "progress_buffer/state", "beats/devices")),
    ("the script's call: keys, JSON, the Redis client", ("progress_buffer/", "app/keyvalue", "redis/")),
    ("who asks", ("app/identity/", "graphql_schema/context", "beats/tickets")),
    ("arguments of GraphQL", ("graphql/utilities/", "strawberry/", "graphql_schema/learning")),
    ("GraphQL", ("graphql/", "graphql_schema/")),
    ("metrics", ("prometheus_client/", "app/telemetry/")),
    ("HTTP, the body's JSON", ("app/asgi/", "uvicorn/", "starlette/")),
    ("tasks and futures", ("asyncio/",)),
)


async def _load(services: Services, contender: Contender, made: list[str]) -> None:
    database = await asyncpg.connect(services.database_url)
    for _ in range(_ROUNDS):
        await measure(contender, made, database)
    await database.close()


def main() -> None:
    found = []
    with open_services(None, pool_size=10, filled=False, counted=True, durable=True) as services:
        asyncio.run(fill(services.database_url))
        made = tokens(services, range(1, VIEWERS + 1))
        viewers = Viewers()
        for path, calls in (("/progress", 800), ("/graphql", 400)):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "samples.json"
                with serve("lectern", services, profile=file) as server:
                    name = f"{path}, {BATCH} beats"
                    contender = Contender(name, server, path, BATCH, calls, viewers)
                    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                        runner.run(_load(services, contender, made))
                    cpu = contender.figures()["cpuMicroseconds"]
                samples = orjson.loads(file.read_bytes())
            found.append(profile_of(name, BATCH * cpu["server"] / 1000, samples, PARTS))
            print(f"{name}: Valkey spends {BATCH * cpu['valkey'] / 1000:.2f} ms of CPU on a call")
    show(Console(), found)


if __name__ == "__main__":
    main()
