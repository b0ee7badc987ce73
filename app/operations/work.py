"""Work at an operation, as those who do it see it: say how far you are, and hear whether somebody still wants it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic
from uuid import UUID

from app.database import Database
from app.errors import Unavailable
from app.operations import service
from app.operations.errors import Cancelled
from app.outbox import Claim

BEAT = 1.0
"""Seconds between two signs of life: what was reported is written, the claim's lease renewed, a cancellation heard."""
PATIENCE = 10.0
"""Seconds that work has to come to its next step once it is cancelled; then it is cut off where it is."""

_log = logging.getLogger("lectern.operations")


class Work:
    """One attempt at an operation."""

    def __init__(self, database: Database, claim: Claim, operation_id: UUID) -> None:
        self._database = database
        self._claim = claim
        self._cancelled_at: float | None = None
        self._over = asyncio.Event()
        self.operation_id = operation_id
        self.progress: float | None = None
        self.message: str | None = None
        self.figures: dict[str, int] = {}

    def report(
        self,
        *,
        done: float | None = None,
        total: float | None = None,
        message: str | None = None,
        figures: Mapping[str, int] | None = None,
    ) -> None:
        """After each step: how much is done of how much, in a sentence and in figures. Waits for nothing; a step of its
        own writes it down. The last sentence and figures become the result. Raises Cancelled.
        """
        if done is not None and total:
            self.progress = min(max(done / total, 0.0), 1.0)
        if message is not None:
            self.message = message
        if figures is not None:
            self.figures = dict(figures)
        if self._cancelled_at is not None:
            raise Cancelled

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs it beside its signs of life. Raises what it raises; Cancelled; Fenced when another attempt has begun;
        OperationEnded when it was given up: it is cut off then.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat())
                try:
                    await work()
                finally:
                    self._over.set()
        except BaseExceptionGroup as errors:
            # The first is the reason, others followed from it.
            raise errors.exceptions[0] from None

    async def _beat(self) -> None:
        while not self._over.is_set():
            try:
                await self._live()
            except Unavailable as error:
                # The work itself will notice; the lease lasts for longer than a hiccup.
                _log.warning("progress waits: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._over.wait()

    async def _live(self) -> None:
        async with self._database.transaction() as tx:
            await self._claim.extend(tx)
            unwanted = await service.record_progress(
                tx, self.operation_id, progress=self.progress, message=self.message
            )
        if unwanted and self._cancelled_at is None:
            self._cancelled_at = monotonic()
        if self._cancelled_at is not None and monotonic() - self._cancelled_at > PATIENCE:
            raise Cancelled
