"""Mails of accounts while the API, the workers and a mail server are killed and cut off: each account hears once."""

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.mail_server import Server, mail_server
from tests.workers.surviving.processes import Api, Workers, until

REGISTER = "mutation ($input: RegisterInput!) { register(input: $input) { user { id } userErrors { code } } }"


@pytest.fixture
def mails(workers: Workers) -> Iterator[Server]:
    with mail_server() as (url, server):
        workers.variables["LECTERN_SMTP_URL"] = url
        yield server


@pytest.fixture
def api(workers: Workers, mails: Server, tmp_path: Path) -> Iterator[Api]:
    made = Api(tmp_path, workers.variables)
    yield made
    made.stack.close()


async def register(client: httpx.AsyncClient, address: str) -> None:
    """As a client that asks until it is answered: an address may come to have several accounts."""
    variables = {"input": {"email": address, "name": "Ann", "password": "correct horse battery"}}
    while True:
        try:
            response = await client.post("/graphql", json={"query": REGISTER, "variables": variables})
            assert response.json()["data"]["register"]["userErrors"] == []
        except httpx.TransportError:
            await asyncio.sleep(0.05)
        else:
            return


async def at_least(connection: Any, accounts: int) -> bool:
    return bool(await connection.fetchval("SELECT count(*) >= $1 FROM users", accounts))


async def idle(connection: Any) -> bool:
    return not await connection.fetchval("SELECT count(*) FROM jobs")


def message_ids(server: Server) -> Counter[bytes]:
    return Counter(
        match[1]
        for envelope in server.received
        if (match := re.search(rb"^Message-ID: (<.+>)\r?$", envelope.content, re.MULTILINE))
    )


async def test_the_api_is_killed_while_people_register(
    scratch: Any, workers: Workers, api: Api, mails: Server
) -> None:
    connection, _ = scratch
    await asyncio.to_thread(api.start)
    workers.start()
    # Each address twice at most: a third account of one address would be left without a mail by the throttle.
    addresses = asyncio.Queue[str]()
    for number in range(40):
        addresses.put_nowait(f"user{number}@school.test")

    async def people(client: httpx.AsyncClient) -> None:
        while not addresses.empty():
            await register(client, addresses.get_nowait())

    async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
        everybody = [asyncio.create_task(people(client)) for _ in range(4)]
        for accounts in (8, 18, 28):
            await until(partial(at_least, connection, accounts))
            api.kill()
            await asyncio.to_thread(api.start)
        await asyncio.gather(*everybody)
    await until(partial(idle, connection))
    accounts = await connection.fetchval("SELECT count(*) FROM users")
    assert accounts >= 40
    assert set(message_ids(mails).values()) == {1}
    assert sum(message_ids(mails).values()) == accounts
    recipients = Counter(envelope.rcpt_tos[0] for envelope in mails.received)
    for email, number in await connection.fetch("SELECT email, count(*) FROM users GROUP BY email"):
        assert recipients[email] == number


async def test_workers_are_killed_while_they_send(scratch: Any, workers: Workers, mails: Server) -> None:
    connection, _ = scratch
    await connection.execute(
        "INSERT INTO users (email, email_key, name, role) SELECT e, e, 'Ann', 'student'"
        " FROM (SELECT 'user' || n || '@school.test' AS e FROM generate_series(1, 100) AS n) AS made;"
        "INSERT INTO jobs (name, queue, payload) SELECT 'send_account_mail', 'mail',"
        " jsonb_build_object('mail', 'introduction', 'user_id', id) FROM users"
    )
    dying = workers.start("mailed")
    assert dying.end() == -signal.SIGKILL
    for wanted in (30, 60):
        workers.start()
        await until(partial(_taken, mails, wanted))
        workers.kill()
    workers.start()
    await until(partial(idle, connection))
    recipients = {envelope.rcpt_tos[0] for envelope in mails.received}
    assert recipients == {f"user{n}@school.test" for n in range(1, 101)}
    # What was taken by the server and not yet recorded when its worker died came again, under the same id.
    ids = message_ids(mails)
    assert len(ids) == 100
    assert set(ids.values()) <= {1, 2, 3}


async def _taken(server: Server, number: int) -> bool:
    return len(server.received) >= number
