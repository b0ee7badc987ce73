"""The list of refused rows: all of them counted, the first ones kept, everything written to a file if one is wanted."""

import csv
from dataclasses import dataclass, field
from typing import TextIO

# A file may consist of nothing but bad rows; what we hold of them must not grow with it.
KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Refusal:
    place: int | str
    """The line where a row begins, from 1, the header counted; or where in an archive it stands."""
    reason: str


@dataclass(slots=True)
class Refusals:
    report: TextIO | None = None
    """Gets every refusal as CSV (place, reason)."""
    place_name: str = "line"
    """What the place is called in reports."""
    count: int = 0
    kept: list[Refusal] = field(default_factory=list)

    def add(self, place: int | str, reason: str) -> None:
        if self.report is not None:
            writer = csv.writer(self.report, lineterminator="\n")
            if self.count == 0:
                writer.writerow((self.place_name, "reason"))
            writer.writerow((place, reason))
        self.count += 1
        if len(self.kept) < KEPT:
            self.kept.append(Refusal(place, reason))
