"""The hour itself: thirty seconds after thirty seconds, then until everything reported has arrived."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from app.errors import Unavailable
from app.keyvalue import KeyValue
from app.learning.progress_buffer import ProgressBuffer
from app.settings import ProgressSettings
from app.telemetry import Metrics
from benchmarks.hour.measures import Sampler
from benchmarks.hour.sending import Sender
from benchmarks.hour.viewers import BEAT, Audience

_SEED = 1
CALL = 4 * BEAT
"""Seconds between two reports of a device: as rarely as a reporter is ever told, so that an hour fits into minutes."""
_STEPS = 20  # of thirty seconds, so that devices do not report all at once
_ARRIVED_WITHIN = 180.0  # seconds, when the hour is over


class Play:
    def __init__(
        self, minutes: int, faster: float, *, port: int, tokens: Sequence[str], sampler: Sampler
    ) -> None:
        """Of as many viewers as there are tokens."""
        self.audience = Audience(len(tokens), minutes, _SEED)
        self.sender = Sender(port, tokens, _SEED)
        self.minutes = minutes
        self._tick = BEAT / faster
        self._sampler = sampler
        self._stopped = False

    @property
    def minute(self) -> float:
        return self.sender.now / 60

    def told(self) -> str:
        """For the line that says what goes on."""
        keys = self._sampler.samples[-1].keys if self._sampler.samples else 0
        counts = self.sender.counts
        return (
            f"minute {self.minute:5.1f}  {counts['beats accepted']:>9,} beats  {keys:>6,} keys wait,"
            f" {self.sender.behind:>6,} devices  {counts['calls without an answer']:,} calls without an answer"
        )

    def stop(self) -> None:
        """Also from another thread: ends `run` within a moment."""
        self._stopped = True

    async def run(self) -> None:
        """Raises WrongAnswerError, or TimeoutError when not all of it arrives."""
        beside = [
            asyncio.create_task(self.sender.run()),
            asyncio.create_task(self._sampler.run(lambda: self.minute)),
        ]
        try:
            for tick in range(self.minutes * 60 // BEAT):
                await self._half_minute(tick)
                self._look(beside)
            await self._arrive(beside)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)

    async def _half_minute(self, tick: int) -> None:
        began, devices = time.monotonic(), self.audience.devices
        self.sender.now = tick * BEAT
        for step in range(_STEPS):
            for number in range(step, len(devices), _STEPS):
                devices[number].live(self.sender.now, self.audience.began)
                if (number // _STEPS + tick) % (CALL // BEAT) == 0:
                    self.sender.ask(devices[number])
            await asyncio.sleep(max(0.0, began + self._tick * (step + 1) / _STEPS - time.monotonic()))
        # A machine that is too slow for this pace gets more time; an outage goes on all the same.
        while self.sender.behind > len(devices) // 4 and time.monotonic() < began + 3 * self._tick:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def _arrive(self, beside: "Sequence[asyncio.Task[None]]") -> None:
        """Everybody is online again and sends what is left; then the buffer runs empty."""
        self.sender.now = self.minutes * 60
        self.sender.ending = True
        keyvalue = KeyValue(self._sampler.redis_settings)
        buffer = ProgressBuffer(keyvalue, ProgressSettings(), Metrics())
        try:
            async with asyncio.timeout(_ARRIVED_WITHIN):
                while left := [each for each in self.audience.devices if each.waiting or each.late]:
                    for device in left:
                        self.sender.ask(device)
                    await asyncio.sleep(0.5)
                    self._look(beside)
                waiting = 1
                while waiting:
                    await asyncio.sleep(0.2)
                    with suppress(Unavailable):
                        waiting = (await buffer.measure()).keys
        finally:
            await keyvalue.close()

    def _look(self, beside: "Sequence[asyncio.Task[None]]") -> None:
        if self._stopped:
            raise InterruptedError("the hour was broken off")
        for task in beside:
            if task.done():
                task.result()
