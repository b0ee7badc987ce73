"""Replies that come late, from a server whose every word the test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.pubsub import PubSub
from app.settings import PubSubSettings, RedisSettings
from app.telemetry import Metrics
from tests.app.pubsub.hearing import eventually, following, sample


class Scripted:
    """Speaks as much of the protocol as a connection needs to begin."""

    def __init__(self) -> None:
        self.commands: asyncio.Queue[list[str]] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        while head := await reader.readline():
            words = []
            for _ in range(int(head[1:])):
                length = int((await reader.readline())[1:])
                words.append((await reader.readexactly(length + 2))[:-2].decode())
            if words[0] == "CLIENT":
                writer.write(b"+OK\r\n")
            else:
                self.commands.put_nowait(words)
        writer.close()

    def say(self, kind: str, last: str) -> None:
        assert self._writer
        words = "".join(f"${len(word)}\r\n{word}\r\n" for word in (kind, "lectern:c"))
        self._writer.write(f"*3\r\n{words}{last}\r\n".encode())


@asynccontextmanager
async def scripted(*, silence: float = 30) -> AsyncIterator[tuple[Scripted, PubSub]]:
    script = Scripted()
    server = await asyncio.start_server(script.answer, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    patient = PubSubSettings(subscribe_timeout=30, silence=silence)
    pubsub = PubSub(RedisSettings(url=url), patient, Metrics())
    try:
        yield script, pubsub
    finally:
        await pubsub.close()
        server.close()
        await server.wait_closed()


async def test_the_last_reply_tells_how_things_stand() -> None:
    """One has left before Redis confirmed the channel, another has come: the first confirmation is not the other's."""
    async with scripted() as (script, pubsub):
        leaving = asyncio.create_task(pubsub.subscribe("c").__aenter__())
        assert await script.commands.get() == ["SUBSCRIBE", "lectern:c"]
        leaving.cancel()
        await asyncio.wait([leaving])
        manager = pubsub.subscribe("c")
        coming = asyncio.create_task(manager.__aenter__())
        assert await script.commands.get() == ["UNSUBSCRIBE", "lectern:c"]
        assert await script.commands.get() == ["SUBSCRIBE", "lectern:c"]
        script.say("subscribe", ":1")
        script.say("message", "$1\r\n1")  # for the one who has left
        await eventually(lambda: sample(pubsub, "received_total", outcome="delivered") == 1)
        script.say("unsubscribe", ":0")
        assert not coming.done()
        script.say("subscribe", ":1")
        script.say("message", "$1\r\n2")
        assert await following(await coming) == 2
        await manager.__aexit__(None, None, None)
        assert sample(pubsub, "gaps_total") == 0


async def test_a_silent_server_is_asked_then_given_up() -> None:
    async with scripted(silence=0.05) as (script, pubsub):
        coming = asyncio.create_task(pubsub.subscribe("c").__aenter__())
        assert await script.commands.get() == ["SUBSCRIBE", "lectern:c"]
        assert await script.commands.get() == ["PING"]
        assert await script.commands.get() == ["SUBSCRIBE", "lectern:c"]  # on another connection
        assert sample(pubsub, "reconnects_total") == 1
        coming.cancel()
        await asyncio.wait([coming])
