from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.embedded import EmbeddedValkey
from app.identity.tokens import key_sets
from tests.conftest import make_migrated_database
from tests.support.services import temporary_home
from tests.workers.surviving.processes import TABLES, Workers


@pytest.fixture
async def scratch(postgres_server: str, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    url = await make_migrated_database(postgres_server, f"surviving_{worker}")
    connection = await asyncpg.connect(url)
    await connection.execute(TABLES)
    yield connection, url
    await connection.close()


@pytest.fixture
def valkey() -> Iterator[EmbeddedValkey]:
    with temporary_home() as home:
        server = EmbeddedValkey(home / "valkey", durable=False)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def workers(scratch: Any, valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(
        tmp_path,
        {
            "LECTERN_DATABASE_URL": scratch[1],
            "LECTERN_REDIS_URL": valkey.url,
            "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
        },
    )
    yield made
    made.close()
