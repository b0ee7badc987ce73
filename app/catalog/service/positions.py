"""Positions 1, 2, 3, ... of modules in a course and of lessons in a module. Callers hold the course's lock.

The unique constraints are deferred: a statement may pass through duplicates, a commit may not.
"""

# ruff: noqa: S608 - the names put into the statements are constants of this file

from collections.abc import Sequence

from sqlalchemy import text

from app.catalog.errors import OrderMismatch
from app.database import Query, Transaction, compiled
from app.errors import DomainError


def check_position(position: int | None) -> None:
    """A wish beyond the end is the end, which others may have moved meanwhile. Raises INVALID_INPUT for what is none."""
    if position is not None and position < 1:
        raise DomainError("Positions count from 1.", path=("input", "position"))


class Positions:
    """The order of one table's rows under one parent."""

    def __init__(self, table: str, parent: str) -> None:
        self._ids = _query(
            f"SELECT id FROM {table} WHERE {parent} = CAST(:parent AS bigint) ORDER BY position"
        )
        self._shift = _query(
            f"UPDATE {table} SET position = position + CAST(:by AS integer) "
            f"WHERE {parent} = CAST(:parent AS bigint) AND position >= CAST(:start AS integer)"
        )
        self._arrange = _query(
            f"UPDATE {table} AS moved SET position = wanted.position FROM unnest(CAST(:ids AS bigint[])) "
            f"WITH ORDINALITY AS wanted (id, position) WHERE moved.id = wanted.id AND moved.position <> wanted.position"
        )

    async def ids(self, tx: Transaction, parent: int) -> list[int]:
        return [row["id"] for row in await tx.fetch(self._ids, parent=parent)]

    async def open_gap(self, tx: Transaction, parent: int, position: int | None) -> int:
        """Makes room and returns the position to use: the wanted one, or the end when it is None or beyond."""
        count = len(await self.ids(tx, parent))
        if position is None or position > count:
            return count + 1
        await tx.fetch(self._shift, parent=parent, start=position, by=1)
        return position

    async def close_gap(self, tx: Transaction, parent: int, position: int) -> None:
        """After the row at `position` left."""
        await tx.fetch(self._shift, parent=parent, start=position, by=-1)

    async def arrange(self, tx: Transaction, parent: int, ids: Sequence[int], *path: str) -> None:
        """Puts all rows into the given order. Raises CONFLICT unless `ids` names each of them exactly once."""
        if sorted(ids) != sorted(await self.ids(tx, parent)):
            raise OrderMismatch(*path)
        await tx.fetch(self._arrange, ids=list(ids))


def _query(statement: str) -> Query:
    return compiled(text(statement))


MODULES = Positions("modules", "course_id")
LESSONS = Positions("lessons", "module_id")
