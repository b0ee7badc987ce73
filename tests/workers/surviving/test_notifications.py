"""Mails about notifications while workers are killed at each step of sending, and the mail server is away."""

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from app.resources import open_resources
from app.settings import DatabaseSettings, Mode, RedisSettings, Settings
from tests.factories.catalog import run
from tests.factories.identity import make_user
from tests.factories.notifications import tell
from tests.support.mail_server import Server, mail_server
from tests.support.ports import free_port
from tests.support.programs import ROOT, running
from tests.workers.surviving.processes import Workers, until
from tests.workers.surviving.test_mails import message_ids

NOTIFYING = [sys.executable, str(ROOT / "tests/workers/surviving/notifying.py")]
NUMBER = 20


async def told(variables: dict[str, str], home: Path) -> set[bytes]:
    """Tells many people something, a transaction each. Returns the Message-IDs that must arrive."""
    settings = Settings(
        mode=Mode.DEVELOPMENT,
        home=home,
        database=DatabaseSettings(url=variables["LECTERN_DATABASE_URL"], pool_size=1),
        redis=RedisSettings(url=variables["LECTERN_REDIS_URL"]),
    )
    async with open_resources(settings) as resources:
        for _ in range(NUMBER):
            user = await make_user(resources.database)
            await tell(resources, user.number)
        rows = await run(resources.database, "SELECT id FROM notifications")
    return {f"<notification-{row['id']}@localhost>".encode() for row in rows}


def surroundings(workers: Workers, port: int) -> dict[str, str]:
    return workers.variables | {"LECTERN_SMTP_URL": f"smtp://127.0.0.1:{port}", "LECTERN_WORKER_PORT": "0"}


async def all_settled(connection: Any) -> bool:
    return not await connection.fetchval("SELECT count(*) FROM notification_mails WHERE state = 'due'")


async def settled_when_due(connection: Any) -> bool:
    """The next try would come after a minute, of each mail by itself: whose last one has been recorded is due now."""
    await connection.execute(
        "UPDATE notification_mails SET due_at = now() WHERE state = 'due' AND due_at > now() + interval '10 seconds'"
    )
    return await all_settled(connection)


async def all_tried(connection: Any) -> bool:
    return bool(await connection.fetchval("SELECT min(tries) FROM notification_mails"))


@pytest.mark.parametrize(
    ("step", "twice"), [("taken", 0), ("accepted", 1), ("recorded", 0), ("ending", 0), ("ended", 0)]
)
async def test_a_worker_that_dies_at_a_step(
    step: str, twice: int, scratch: Any, workers: Workers, tmp_path: Path
) -> None:
    """None is lost; what was accepted right before the death comes again under the same Message-ID."""
    connection, _ = scratch
    with mail_server() as (url, server):
        variables = surroundings(workers, int(url.rpartition(":")[2]))
        expected = await told(variables, tmp_path)
        assert len(expected) == NUMBER
        with running([*NOTIFYING, step], tmp_path, **variables) as program:
            assert await asyncio.to_thread(program.end) == -signal.SIGKILL
        assert await connection.fetchval("SELECT step FROM deaths") == step
        with running(NOTIFYING, tmp_path, **variables) as program:
            await until(partial(all_settled, connection))
            program.send(signal.SIGTERM)
            assert await asyncio.to_thread(program.end) == 0
    ids = message_ids(server)
    assert set(ids) == expected
    assert sum(ids.values()) == NUMBER + twice
    states = await connection.fetch("SELECT DISTINCT state FROM notification_mails")
    assert [row["state"] for row in states] == ["sent"]


async def test_a_mail_server_that_is_away(scratch: Any, workers: Workers, tmp_path: Path) -> None:
    connection, _ = scratch
    port = free_port()
    variables = surroundings(workers, port)
    expected = await told(variables, tmp_path)
    server = Server()
    controller = Controller(server, hostname="127.0.0.1", port=port)
    with running(NOTIFYING, tmp_path, **variables):
        await until(partial(all_tried, connection))
        assert not await all_settled(connection)
        await asyncio.to_thread(controller.start)
        try:
            await until(partial(settled_when_due, connection))
        finally:
            await asyncio.to_thread(controller.stop)
    assert message_ids(server) == dict.fromkeys(expected, 1)
