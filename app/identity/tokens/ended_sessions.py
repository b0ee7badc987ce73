"""Which sessions have ended while access tokens, or tickets, of theirs may still be valid.

Access tokens are checked without SQL. To refuse those of a session that was ended, each process keeps the sessions
revoked within the lifetime of what a session gives out and asks for new ones once a second: one small statement,
however many requests. All who wait for it hear the same, also that it failed: one after the other they would wait for a
lost database for minutes.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from uuid import UUID

from app.database import Database
from app.identity import reads
from app.identity.errors import InvalidAccessToken
from app.settings import AuthenticationSettings

REFRESH_SECONDS = 1.0
"""For so long another process may still take a revoked session's access token."""
_HELD_UP = 0.5
"""Seconds for which who may go by what was last read waits for a look; after one that took longer, or failed, nobody does
until one has succeeded: a database that hangs must not make each of them wait for it."""
_OVERLAP = 30.0
"""Seconds that are read again each time: a revocation's time is taken before its commit makes it visible."""


class EndedSessions:
    """One instance per process."""

    def __init__(
        self,
        database: Database,
        settings: AuthenticationSettings,
        *,
        ticket_lifetime: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ticket_lifetime`: seconds for which whatever else names a session, and is checked here, is valid at most."""
        self._database = database
        self._keep = max(float(settings.access_token_lifetime), ticket_lifetime) + settings.clock_skew
        self._clock = clock
        self._ended: dict[UUID, float] = {}
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None
        self._held_up = False

    def add(self, session_id: UUID) -> None:
        """Refuses the session's access tokens from now on, here. To be called after the commit."""
        self._ended[session_id] = self._clock() + self._keep

    async def check(self, session_id: UUID | None, *, patience: float = 0.0) -> None:
        """Raises InvalidAccessToken for a session that has ended, Unavailable when that cannot be found out.

        `patience`: seconds for which what was last read is believed then; only for what may be done with an ended session.
        """
        if session_id is None:
            return
        patient = self._read_at is not None and self._clock() - self._read_at < patience
        # A second time where it joined a slow look that began before: what it goes by began after it came.
        for _ in range(2):
            if self._outdated():
                look = self._refresh()
                if not patient:
                    await asyncio.shield(look)
                elif not self._held_up:
                    done, _ = await asyncio.wait([look], timeout=_HELD_UP)
                    self._held_up |= not done
        if session_id in self._ended:
            raise InvalidAccessToken("The session has ended.")

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _outdated(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at >= REFRESH_SECONDS

    def _refresh(self) -> asyncio.Task[None]:
        if self._reading is None:
            # A context of its own: the statement is the process's, not the request's that happens to come first.
            self._reading = asyncio.create_task(self._read(), context=Context())
            self._reading.add_done_callback(self._read_ended)
        return self._reading

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        # Those who waited have heard why; perhaps none did.
        self._held_up = task.cancelled() or task.exception() is not None

    async def _read(self) -> None:
        began = self._clock()
        since = self._keep if self._read_at is None else min(self._keep, began - self._read_at + _OVERLAP)
        rows = await reads.sessions_revoked_within(self._database, since)
        for row in rows:
            self._ended.setdefault(row["id"], began + self._keep)
        for session_id in [session_id for session_id, until in self._ended.items() if until <= began]:
            del self._ended[session_id]
        self._read_at = began
