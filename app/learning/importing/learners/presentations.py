"""Presentations: a module as it was given once. The files count days from its beginning and do not say when that was."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from app.catalog.importing.errors import ImportRefused

DEFAULT_STARTS: Mapping[str, str] = MappingProxyType(
    {"2013B": "2013-02-01", "2013J": "2013-10-01", "2014B": "2014-02-01", "2014J": "2014-10-01"}
)
"""B begins in February, J in October; the first of the month stands for a day that was never published."""
# Ids of events hold no moment before 1970, and days go back by as much as ten years.
_EARLIEST, _LATEST = date(1985, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True, slots=True)
class Presentation:
    module: str
    term: str
    """Such as 2013J."""
    days: int
    starts_at: datetime

    @property
    def code(self) -> str:
        return code_of(self.module, self.term)

    @property
    def ends_at(self) -> datetime:
        return self.moment(self.days)

    def moment(self, day: int) -> datetime:
        """The beginning of a day, counted from the start, in UTC."""
        return self.starts_at + timedelta(days=day)

    def months(self, first: int, last: int) -> set[date]:
        """Their first days: of all months from one day to another, or to the end if that is later."""
        begin, end = self.moment(first), self.moment(max(last, self.days))
        months = range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month)
        return {date(month // 12, month % 12 + 1, 1) for month in months}

    @property
    def attributes(self) -> dict[str, Any]:
        """What the course keeps of it."""
        return {
            "code_module": self.module,
            "code_presentation": self.term,
            "module_presentation_length": self.days,
            "starts_on": self.starts_at.date().isoformat(),
        }


def code_of(module: str, term: str) -> str:
    return f"{module}-{term}"


def parse_starts(specifications: Iterable[str]) -> dict[str, str]:
    """`2013B=2013-02-01,...` over the defaults: term -> ISO date. Raises ImportRefused."""
    starts = dict(DEFAULT_STARTS)
    for part in _parts(specifications):
        term, equals, day = (piece.strip() for piece in part.partition("="))
        if not term or not equals:
            raise ImportRefused(f'"{part[:40]}" is not of the form 2013J=2013-10-01.')
        start_of(term, {term: day})
        starts[term] = day
    return starts


def parse_only(specifications: Iterable[str]) -> list[str]:
    """`AAA-2013J,BBB-2013B`: codes, each once."""
    return list(dict.fromkeys(_parts(specifications)))


def start_of(term: str, starts: Mapping[str, str]) -> datetime:
    """Raises ImportRefused where nobody has said when the term began."""
    if term not in starts:
        raise ImportRefused(f"Say when the presentations {term} began: --start {term}=YYYY-MM-DD.")
    try:
        day = date.fromisoformat(starts[term])
    except ValueError:
        raise ImportRefused(f'"{starts[term][:40]}" is no day such as 2013-10-01.') from None
    if not _EARLIEST <= day < _LATEST:
        raise ImportRefused(f"A presentation begins between {_EARLIEST.year} and {_LATEST.year}.")
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _parts(specifications: Iterable[str]) -> list[str]:
    return [part.strip() for part in ",".join(specifications).split(",") if part.strip()]
