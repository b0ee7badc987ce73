"""The keys a file has had so far, on the disk: a set in memory would grow with the file."""

import sqlite3


class SeenKeys:
    """A private temporary database that vanishes when it is closed; its cache is about 2 MB."""

    def __init__(self) -> None:
        # Used by one thread at a time, though not always the same one.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._connection.execute("BEGIN")

    def first_line(self, key: str, line: int) -> int:
        """Where the key was met first: `line` itself if it is new."""
        execute = self._connection.execute
        if execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, line)).rowcount:
            return line
        return int(execute("SELECT line FROM seen WHERE key = ?", (key,)).fetchone()[0])

    def close(self) -> None:
        self._connection.close()
