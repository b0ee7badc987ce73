"""The archive's blocks put aside on the disk: an archive may hold them in any order, a course needs all of its own."""

import re
import sqlite3
from collections import Counter
from pathlib import Path

from app.catalog.importing.archive import ArchiveLimits, members, shown
from app.catalog.importing.curriculum.unused import Unused
from app.catalog.importing.errors import ImportRefused
from app.catalog.importing.refusals import Refusals

BLOCK_LIMIT = 4 << 20
"""Bytes of one file; parsed, it may take twenty times as much."""
TRACK_LIMIT = 16 << 20
"""Bytes of all files of a track, which is held in memory as one course; a large real one takes two."""
_BLOCK = re.compile(
    r"(?:[^/]+/)*challenges/(?P<track>[0-9]{1,4}-[A-Za-z0-9][A-Za-z0-9._-]{0,99})/(?P<block>[A-Za-z0-9][A-Za-z0-9._-]{0,99})\.json"
)


class Spool:
    """A private temporary database that vanishes when it is closed."""

    def __init__(self) -> None:
        # Used by one thread at a time, though not always the same one.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute(
            "CREATE TABLE blocks (track TEXT, block TEXT, content BLOB, PRIMARY KEY (track, block)) WITHOUT ROWID"
        )
        self._connection.execute("BEGIN")

    def fill(self, path: Path, limits: ArchiveLimits, refusals: Refusals, unused: Unused) -> None:
        """Takes the whole archive in. Raises ImportRefused for one that is unsafe, damaged or holds no block."""
        sizes: Counter[str] = Counter()
        for member in members(path, limits):
            found = _BLOCK.fullmatch(member.name.removeprefix("./"))
            if found is None:
                unused.add("files that are no blocks")
            elif member.size > BLOCK_LIMIT:
                refusals.add(shown(member.name), f"The file is larger than {BLOCK_LIMIT >> 20} MB.")
            elif sizes[found["track"]] + member.size > TRACK_LIMIT:
                refusals.add(shown(member.name), f"The track is larger than {TRACK_LIMIT >> 20} MB.")
            elif self._add(found["track"], found["block"], member.read()):
                sizes[found["track"]] += member.size
            else:
                refusals.add(shown(member.name), "The archive holds this block twice; the first one counts.")
        if not self.tracks():
            raise ImportRefused(
                f"{path} is no curriculum: it holds no file that is named challenges/NN-TRACK/BLOCK.json."
            )

    def _add(self, track: str, block: str, content: bytes) -> bool:
        statement = "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?)"
        return self._connection.execute(statement, (track, block, content)).rowcount == 1

    def tracks(self) -> list[str]:
        """In the order of their numbers."""
        rows = self._connection.execute("SELECT DISTINCT track FROM blocks")
        return sorted((row[0] for row in rows), key=lambda track: (int(track.partition("-")[0]), track))

    def blocks(self, track: str) -> list[tuple[str, bytes]]:
        """Names and contents, in the order of the names."""
        statement = "SELECT block, content FROM blocks WHERE track = ? ORDER BY block"
        return self._connection.execute(statement, (track,)).fetchall()

    def close(self) -> None:
        self._connection.close()
