"""What was read, on the disk: learners and registrations stand in two files, in whatever order, and memory stays small."""

import sqlite3
from collections.abc import Iterator

import orjson

from app.learning.importing.learners.rows import Activity, FinalResult, Learner

_TABLES = """
CREATE TABLE learners (code TEXT, student INTEGER, place TEXT, facts BLOB, result TEXT,
    PRIMARY KEY (code, student)) WITHOUT ROWID;
CREATE TABLE registrations (code TEXT, student INTEGER, place TEXT, registered INTEGER, unregistered INTEGER,
    PRIMARY KEY (code, student)) WITHOUT ROWID;
CREATE TABLE activities (code TEXT, site INTEGER, place TEXT, kind TEXT, weeks TEXT,
    PRIMARY KEY (code, site)) WITHOUT ROWID;
"""
_CHUNK = """
SELECT l.place, student, l.facts, l.result, r.registered, r.unregistered
FROM learners l JOIN registrations r USING (code, student)
WHERE code = ? AND student > ? ORDER BY student LIMIT ?
"""
# Each key of the one that the other does not have.
_ALONE = """
SELECT l.place, 'There is no row for this learner in studentRegistration.' FROM learners l
WHERE NOT EXISTS (SELECT 1 FROM registrations r WHERE r.code = l.code AND r.student = l.student)
UNION ALL
SELECT r.place, 'There is no row for this learner in studentInfo.' FROM registrations r
WHERE NOT EXISTS (SELECT 1 FROM learners l WHERE l.code = r.code AND l.student = r.student)
"""


class Spool:
    """A private temporary database that vanishes when it is closed. Used by one thread at a time.

    Of rows with one key the first counts, in every run: `add_...` returns the place of that one, None for a new key.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.executescript(_TABLES)
        self._connection.execute("BEGIN")

    def close(self) -> None:
        self._connection.close()

    def add_learner(
        self, code: str, student: int, place: str, facts: dict[str, str], result: FinalResult
    ) -> str | None:
        return self._add("learners", "student", (code, student, place, orjson.dumps(facts), result.value))

    def add_registration(
        self, code: str, student: int, place: str, registered: int | None, unregistered: int | None
    ) -> str | None:
        return self._add("registrations", "student", (code, student, place, registered, unregistered))

    def add_activity(self, code: str, place: str, activity: Activity) -> str | None:
        values = (code, activity.site, place, activity.kind, activity.weeks)
        return self._add("activities", "site", values)

    def learners_alone(self) -> Iterator[tuple[str, str]]:
        """(place, reason) of the rows of one file that the other has none for."""
        yield from self._connection.execute(_ALONE)

    def count(self, code: str) -> int:
        """Learners that both files know."""
        statement = "SELECT count(*) FROM learners JOIN registrations USING (code, student) WHERE code = ?"
        return int(self._connection.execute(statement, (code,)).fetchone()[0])

    def days(self, code: str) -> tuple[int, int]:
        """The first and the last day on which something happened to a learner; from the start, which is among them."""
        statement = (
            "SELECT min(0, coalesce(min(registered), 0), coalesce(min(unregistered), 0)),"
            " max(0, coalesce(max(registered), 0), coalesce(max(unregistered), 0)) FROM registrations WHERE code = ?"
        )
        first, last = self._connection.execute(statement, (code,)).fetchone()
        return int(first), int(last)

    def chunk(self, code: str, after: int, size: int) -> list[Learner]:
        """The next learners behind a student, in their order."""
        return [
            Learner(place, student, orjson.loads(facts), FinalResult(result), registered, unregistered)
            for place, student, facts, result, registered, unregistered in self._connection.execute(
                _CHUNK, (code, after, size)
            )
        ]

    def activities(self, code: str) -> list[Activity]:
        """In the order of kinds, then of sites."""
        rows = self._connection.execute(
            "SELECT site, kind, weeks FROM activities WHERE code = ? ORDER BY kind, site", (code,)
        )
        return [Activity(*row) for row in rows]

    def _add(self, table: str, key: str, values: tuple[object, ...]) -> str | None:
        marks = ", ".join("?" * len(values))
        insert = f"INSERT OR IGNORE INTO {table} VALUES ({marks})"  # noqa: S608 - names of this module, as below
        if self._connection.execute(insert, values).rowcount:
            return None
        first = f"SELECT place FROM {table} WHERE code = ? AND {key} = ?"  # noqa: S608
        return str(self._connection.execute(first, values[:2]).fetchone()[0])
