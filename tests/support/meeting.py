"""Two transactions that meet where a test says: the one stops in its course, the other comes as far as it can, both go on.

Whoever locks in another order than others is turned away then by PostgreSQL, after a second: the test fails with Unavailable.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from app.database import Database, Query, Transaction

Action = Callable[[Transaction], Awaitable[Any]]

_WAITING = Query(
    "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    (),
    {},
)


class Halt:
    """A transaction that is told to stop before its `turn`-th statement with `before` in it, until `go` is set."""

    def __init__(self, before: str, turn: int = 1) -> None:
        self._before = before
        self._turns_left = turn
        self._reached = asyncio.Event()
        self.go = asyncio.Event()

    def stop(self, tx: Transaction) -> None:
        fetch_text = tx.fetch_text

        async def fetch_when_told(text: str, *arguments: Any) -> Any:
            self._turns_left -= self._before in text
            if self._turns_left == 0 and not self._reached.is_set():
                self._reached.set()
                await self.go.wait()
            return await fetch_text(text, *arguments)

        tx.fetch_text = fetch_when_told  # type: ignore[method-assign]

    async def reached_by(self, acting: asyncio.Task[Any]) -> None:
        """Or the transaction has ended without such a statement."""
        reached = asyncio.create_task(self._reached.wait())
        await asyncio.wait((acting, reached), return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()


def begin(database: Database, action: Action, halt: Halt | None = None) -> asyncio.Task[Any]:
    """The action in a transaction of its own, until it ends or halts."""

    async def act() -> Any:
        async with database.transaction() as tx:
            if halt is not None:
                halt.stop(tx)
            return await action(tx)

    return asyncio.create_task(act())


async def as_far_as_it_comes(database: Database, *acting: asyncio.Task[Any]) -> None:
    """Until each of them has ended or waits for a lock; nobody else may wait for one meanwhile."""
    while going := [task for task in acting if not task.done()]:
        if (await database.fetch(_WAITING))[0]["number"] >= len(going):
            return
        await asyncio.sleep(0.01)


async def meet(
    database: Database, first: Action, second: Action, *, before: str, turn: int = 1
) -> tuple[Any, Any]:
    """`first` stops before that statement, `second` comes as far as it can, `first` goes on. Returns what both return."""
    halt = Halt(before, turn)
    one = begin(database, first, halt)
    await halt.reached_by(one)
    other = begin(database, second)
    await as_far_as_it_comes(database, other)
    halt.go.set()
    try:
        return await one, await other
    finally:
        await asyncio.wait((one, other))
