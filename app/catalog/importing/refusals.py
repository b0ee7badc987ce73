"""The list of refused rows: all of them counted, the first ones kept, everything written to a file if one is wanted."""

import csv
from dataclasses import dataclass, field
from typing import TextIO

# A file may consist of nothing but bad rows; what we hold of them must not grow with it.
KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Refusal:
    line: int
    """Where the row begins, from 1; the header counts."""
    reason: str


@dataclass(slots=True)
class Refusals:
    report: TextIO | None = None
    """Gets every refusal as CSV (line, reason)."""
    count: int = 0
    kept: list[Refusal] = field(default_factory=list)

    def add(self, line: int, reason: str) -> None:
        if self.report is not None:
            writer = csv.writer(self.report, lineterminator="\n")
            if self.count == 0:
                writer.writerow(("line", "reason"))
            writer.writerow((line, reason))
        self.count += 1
        if len(self.kept) < KEPT:
            self.kept.append(Refusal(line, reason))
