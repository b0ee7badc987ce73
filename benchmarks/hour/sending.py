"""Devices' reports on their way: what an answer does not accept is sent again; some calls come twice, some late."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Sequence
from random import Random

import orjson

from benchmarks.hour.viewers import BEAT, MOST, Beat, Device
from benchmarks.load import WrongAnswerError

CONNECTIONS = 32
_PATIENCE = 15.0  # seconds for an answer
_PAUSE = 0.2  # seconds of a connection after a failure
_TWICE, _HELD_UP = 0.03, 0.02  # shares of calls
_FAILURES = (OSError, TimeoutError, asyncio.IncompleteReadError)


class Sender:
    def __init__(self, port: int, tokens: Sequence[str], seed: int) -> None:
        self._port = port
        self._tokens = tokens
        self._random = Random(seed)
        self._due: asyncio.Queue[Device] = asyncio.Queue()
        self._queued: set[int] = set()
        self.now = 0
        """The simulation's second."""
        self.ending = False
        """Whether everybody is online again, and nothing is held up any more."""
        self.counts: Counter[str] = Counter()

    @property
    def behind(self) -> int:
        return self._due.qsize()

    def ask(self, device: Device) -> None:
        """Lets a device report what it has, unless it is offline."""
        if id(device) in self._queued or (device.offline_until > self.now and not self.ending):
            return
        if device.waiting or device.late:
            self._queued.add(id(device))
            self._due.put_nowait(device)

    async def run(self) -> None:
        """Until it is cancelled. Raises WrongAnswerError for a beat that is refused for good."""
        await asyncio.gather(*(self._connection() for _ in range(CONNECTIONS)))

    async def _connection(self) -> None:
        streams = None
        while True:
            device = await self._due.get()
            try:
                if streams is None:
                    streams = await asyncio.open_connection("127.0.0.1", self._port)
                await self._report(streams, device)
            except _FAILURES:
                self.counts["calls without an answer"] += 1
                if streams is not None:
                    streams[1].close()
                    with contextlib.suppress(OSError):
                        await streams[1].wait_closed()
                streams = None
                await asyncio.sleep(_PAUSE)
            finally:
                # Only now: two connections must not send the same beats at once.
                self._queued.discard(id(device))

    async def _report(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], device: Device
    ) -> None:
        for due in [each for each in device.late if each[0] <= self.now or self.ending]:
            if await self._deliver(streams, device, due[1]):
                device.late.remove(due)
                self.counts["late calls"] += 1
        while device.waiting:
            if not self.ending and self._random.random() < _HELD_UP:
                held = deque(device.waiting.popleft() for _ in range(min(MOST, len(device.waiting))))
                device.late.append((self.now + BEAT * self._random.randrange(2, 12), held))
            elif not await self._deliver(streams, device, device.waiting):
                return

    async def _deliver(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        device: Device,
        beats: deque[Beat],
    ) -> bool:
        """Sends the first of `beats` and takes out of it what was accepted. Returns whether all of them were."""
        sent = [beats[i] for i in range(min(MOST, len(beats)))]
        kept = await self._post(streams, device, sent)
        if kept is not None and self._random.random() < _TWICE:
            # As after an answer that was lost.
            kept = await self._post(streams, device, sent)
            self.counts["calls sent twice"] += 1
        if kept is None:
            self.counts["calls told to come again"] += 1
            return False
        for _ in sent:
            beats.popleft()
        beats.extendleft(reversed(kept))
        self.counts["beats accepted"] += len(sent) - len(kept)
        self.counts["beats told to come again"] += len(kept)
        return not kept

    async def _post(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        device: Device,
        beats: list[Beat],
    ) -> list[Beat] | None:
        """Returns the beats that shall come again; None when the whole call shall."""
        body = orjson.dumps({"beats": beats})
        reader, writer = streams
        async with asyncio.timeout(_PATIENCE):
            writer.write(
                f"POST /progress HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {self._tokens[device.user - 1]}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            answer = orjson.loads(await reader.readexactly(length))
        self.counts["calls"] += 1
        if head.startswith(b"HTTP/1.1 503 "):
            return None
        if not head.startswith(b"HTTP/1.1 202 "):
            raise WrongAnswerError(f"a report was answered {head!r} {answer}")
        codes = {each["index"]: each["code"] for each in answer["rejected"]}
        if set(codes.values()) - {"RETRY_LATER"} or answer["accepted"] != len(beats) - len(codes):
            raise WrongAnswerError(f"beats {[beats[i] for i in codes][:2]} were answered {answer}")
        return [beats[i] for i in sorted(codes)]
