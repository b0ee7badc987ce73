"""What an archive holds and Lectern has no place for: counted by kind, never silently dropped."""

from collections import Counter

from app.catalog.importing.archive import shown

# Names of fields come from the archive; a hostile one must not fill memory or the screen with them.
KINDS_LIMIT = 100
_NAME_LIMIT = 40


class Unused:
    """Counts by sentence fragments, such as "files that are no blocks"."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, what: str) -> None:
        known = what in self.counts or len(self.counts) < KINDS_LIMIT
        self.counts[what if known else "other things"] += 1

    def add_fields(self, of: str, fields: dict[str, object], used: frozenset[str]) -> None:
        """Every field of a block or a challenge that holds something and is not used."""
        for name, value in fields.items():
            if name not in used and value not in (None, "", [], {}):
                self.add(f"{of} field {shown(name)[:_NAME_LIMIT]}")

    def most(self) -> list[tuple[str, int]]:
        """The most frequent first, then by name."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
