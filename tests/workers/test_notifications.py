"""Jobs of notifications; and real workers that are killed at each step while a real mail server counts."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiosmtpd.controller import Controller

from app.embedded import EmbeddedValkey
from app.embedded.process import free_port
from app.identity.tokens import key_sets
from app.notifications import reads
from app.notifications.service import Choice, housekeeping, update_preferences
from app.resources import Resources, open_resources
from app.settings import DatabaseSettings, Mode, RedisSettings, Settings
from tests.conftest import make_database, migrate
from tests.factories.catalog import run
from tests.factories.identity import make_user
from tests.factories.notifications import ADDED, tell
from tests.support.mail_server import Accepting
from tests.support.mailbox import mails
from tests.support.programs import ROOT, Program, running
from tests.support.services import temporary_home
from tests.workers.test_surviving import until
from workers.notifications import forget_notifications, look_for_due_mails, send_digests

MAILING = [sys.executable, str(ROOT / "tests/workers/mailing.py")]
NUMBER = 20


def gauge(resources: Resources, name: str) -> float | None:
    return resources.metrics.registry.get_sample_value(f"lectern_notification_mails_{name}")


async def test_what_is_due_is_looked_for(resources: Resources) -> None:
    assert await look_for_due_mails(resources) == 0
    assert await run(resources.database, "SELECT id FROM jobs") == []
    ann = await make_user(resources.database)
    await tell(resources, ann.number)
    # As after an attempt that was lost, or told to come again.
    await run(resources.database, "DELETE FROM jobs")
    await run(resources.database, "UPDATE notification_mails SET due_at = now() - interval '5 minutes'")
    assert await look_for_due_mails(resources) == 1
    assert gauge(resources, "due") == 1
    oldest = gauge(resources, "oldest_seconds")
    assert oldest is not None
    assert oldest >= 300
    assert len(await mails(resources)) == 1
    assert await look_for_due_mails(resources) == 0
    assert gauge(resources, "due") == 0


async def test_digests_are_made_once_a_day(resources: Resources) -> None:
    ann = await make_user(resources.database)
    async with resources.database.transaction() as tx:
        await update_preferences(tx, ann.actor, choices=[Choice(ADDED, mail=False, digest=True)])
    await tell(resources, ann.number)
    assert await mails(resources) == []
    assert await send_digests(resources) == 1
    await tell(resources, ann.number)
    assert await send_digests(resources) == 0
    assert [mail.subject for mail in await mails(resources)] == ["Something new on Lectern"]


async def test_all_steps_of_forgetting_are_taken(resources: Resources, monkeypatch: Any) -> None:
    monkeypatch.setitem(housekeeping.forget_notifications.__kwdefaults__, "rows", 2)
    monkeypatch.setitem(housekeeping.forget_mails.__kwdefaults__, "rows", 2)
    ann = await make_user(resources.database)
    for _ in range(5):
        await tell(resources, ann.number)
    assert len(await mails(resources)) == 5
    for table in ("notifications", "notification_mails"):
        await run(resources.database, f"UPDATE {table} SET id = uuidv7(interval '-400 days')")
    assert await forget_notifications(resources) == 5
    assert await run(resources.database, "SELECT 1 FROM notification_mails") == []
    assert dict((await reads.counters_of_users(resources.database, [ann.number]))[0])["unread"] == 0


@pytest.fixture
async def scratch(postgres_server: str, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    url = await make_database(postgres_server, f"mailing_{worker}")
    await asyncio.to_thread(migrate, url)
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE deaths (step text PRIMARY KEY)")
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


class Server(Accepting):
    """A mail server that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    @property
    def ids(self) -> list[str]:
        return [str(message_from_bytes(envelope.content)["Message-ID"]) for envelope in self.received]


@pytest.fixture
async def mail_server() -> AsyncIterator[Server]:
    server = Server()
    await asyncio.to_thread(server.controller.start)
    yield server
    await asyncio.to_thread(server.controller.stop)


@pytest.fixture
def variables(scratch: Any, valkey: EmbeddedValkey, mail_server: Server) -> dict[str, str]:
    return {
        "LECTERN_DATABASE_URL": scratch[1],
        "LECTERN_REDIS_URL": valkey.url,
        "LECTERN_SMTP_URL": f"smtp://127.0.0.1:{mail_server.controller.port}",
        "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
        "LECTERN_WORKER_PORT": "0",
    }


async def told(variables: dict[str, str], home: Path) -> set[str]:
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
    return {f"<notification-{row['id']}@localhost>" for row in rows}


def started(program: Program) -> Program:
    program.wait_for(lambda: "the worker runs" in program.output, "worker")
    return program


async def all_settled(connection: Any) -> bool:
    return not await connection.fetchval("SELECT count(*) FROM notification_mails WHERE state = 'due'")


@pytest.mark.parametrize(
    "death", [("taken", 0), ("accepted", 1), ("recorded", 0), ("ending", 0), ("ended", 0)]
)
async def test_a_worker_that_dies_at_a_step(
    death: tuple[str, int], scratch: Any, variables: dict[str, str], mail_server: Server, tmp_path: Path
) -> None:
    """None is lost; what was accepted right before the death comes again under the same Message-ID."""
    connection, _ = scratch
    step, twice = death
    expected = await told(variables, tmp_path)
    assert len(expected) == NUMBER
    with running([*MAILING, step], tmp_path, **variables) as program:
        assert await asyncio.to_thread(program.end) == -signal.SIGKILL
    assert await connection.fetchval("SELECT step FROM deaths") == step
    with running(MAILING, tmp_path, **variables) as program:
        await until(lambda: all_settled(connection))
        program.send(signal.SIGTERM)
        assert await asyncio.to_thread(program.end) == 0
    assert set(mail_server.ids) == expected
    assert len(mail_server.ids) == NUMBER + twice
    states = await connection.fetch("SELECT DISTINCT state FROM notification_mails")
    assert [row["state"] for row in states] == ["sent"]


async def test_a_mail_server_that_is_away(
    scratch: Any, variables: dict[str, str], mail_server: Server, tmp_path: Path
) -> None:
    connection, _ = scratch
    expected = await told(variables, tmp_path)
    await asyncio.to_thread(mail_server.controller.stop)
    with running(MAILING, tmp_path, **variables) as program:
        started(program)

        async def all_tried() -> bool:
            least = await connection.fetchval("SELECT min(tries) FROM notification_mails")
            return bool(least)

        await until(all_tried)
        assert (
            await connection.fetchval("SELECT count(*) FROM notification_mails WHERE state = 'due'") == NUMBER
        )
        mail_server.controller = Controller(
            mail_server, hostname="127.0.0.1", port=mail_server.controller.port
        )
        await asyncio.to_thread(mail_server.controller.start)
        # The next try would come after a minute.
        await connection.execute("UPDATE notification_mails SET due_at = now()")
        await until(lambda: all_settled(connection))
    assert sorted(mail_server.ids) == sorted(expected)
