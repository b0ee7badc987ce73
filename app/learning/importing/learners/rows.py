"""Rows of the files as they may be stored, or the reason why not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.catalog.importing.errors import RowRefused
from app.errors import DomainError
from app.learning.importing.learners.presentations import Presentation, code_of
from app.learning.importing.learners.tables import Row
from app.learning.models import EnrollmentState
from app.validation import checked_text

PRESENTATION = ("code_module", "code_presentation")
LEARNER = (*PRESENTATION, "id_student")
ATTRIBUTE_LIMIT = 200
DAYS_LIMIT = 3_650
"""Ten years before and after the start; also what bounds the partitions that are made."""
_CODE = re.compile(r"[A-Za-z0-9]{1,20}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_DAY = re.compile(r"-?[0-9]{1,4}")
_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_ -]{0,39}")


class FinalResult(StrEnum):
    PASS = "Pass"  # noqa: S105 - a grade
    DISTINCTION = "Distinction"
    FAIL = "Fail"
    WITHDRAWN = "Withdrawn"


STATES: Mapping[FinalResult, EnrollmentState] = {
    FinalResult.PASS: EnrollmentState.COMPLETED,
    FinalResult.DISTINCTION: EnrollmentState.COMPLETED,
    # Stayed to the end and did not reach it: the seat is theirs, what is left to do is left to do.
    FinalResult.FAIL: EnrollmentState.ACTIVE,
    FinalResult.WITHDRAWN: EnrollmentState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Activity:
    """Of a presentation's learning environment."""

    site: int
    kind: str
    weeks: str
    """For people; empty where the file does not say."""


@dataclass(frozen=True, slots=True)
class Learner:
    """One person in one presentation: what both files say of them."""

    place: str
    student: int
    facts: dict[str, str]
    """Columns of studentInfo that have no place of their own."""
    final_result: FinalResult
    registered: int | None
    """Days from the start."""
    unregistered: int | None

    @property
    def state(self) -> EnrollmentState:
        return STATES[self.final_result]

    @property
    def attributes(self) -> dict[str, Any]:
        days = {"date_registration": self.registered, "date_unregistration": self.unregistered}
        kept = {name: day for name, day in days.items() if day is not None}
        return {**self.facts, "final_result": self.final_result.value, **kept}

    def enrolled_at(self, presentation: Presentation) -> datetime:
        """Who registered on a day that nobody noted had done so by the start, or by the day they left."""
        day = self.registered
        if day is None:
            day = min(0, 0 if self.unregistered is None else self.unregistered)
        return presentation.moment(day)

    def withdrawn_at(self, presentation: Presentation) -> datetime | None:
        """None where the file does not say: no day is made up."""
        if self.state is not EnrollmentState.WITHDRAWN or self.unregistered is None:
            return None
        return presentation.moment(self.unregistered)

    def completed_at(self, presentation: Presentation) -> datetime | None:
        return presentation.ends_at if self.state is EnrollmentState.COMPLETED else None


def presentation_code(row: Row) -> str:
    """Raises RowRefused."""
    module, term = (row[name] for name in PRESENTATION)
    if not _CODE.fullmatch(module) or not _CODE.fullmatch(term):
        raise RowRefused("A module's or a presentation's code has letters and digits, at most 20.")
    return code_of(module, term)


def number(row: Row, column: str) -> int:
    """Raises RowRefused."""
    if not _NUMBER.fullmatch(row[column]):
        raise RowRefused(f'{column}: "{row[column][:40]}" is no number of a row.')
    return int(row[column])


def day(row: Row, column: str) -> int | None:
    """A day, counted from the start; None where it is empty. Raises RowRefused."""
    text = row[column]
    if not text or text == "?":
        return None
    if not _DAY.fullmatch(text) or abs(int(text)) > DAYS_LIMIT:
        raise RowRefused(
            f'{column}: "{text[:40]}" is no number of days, at most {DAYS_LIMIT:,} from the start.'
        )
    return int(text)


def final_result(row: Row) -> FinalResult:
    """Raises RowRefused."""
    text = row["final_result"]
    if text not in set(FinalResult):
        raise RowRefused(f'final_result: "{text[:40]}" is none of {", ".join(FinalResult)}.')
    return FinalResult(text)


def facts(row: Row) -> dict[str, str]:
    """What studentInfo says beside the key and the result, empty values too. Raises RowRefused."""
    kept = {name: text for name, text in row.items() if name not in LEARNER and name != "final_result"}
    for name, text in kept.items():
        # Nearly every field; a tenth of the check's cost.
        if text.isprintable() and len(text) <= ATTRIBUTE_LIMIT:
            continue
        try:
            checked_text(text, maximum=ATTRIBUTE_LIMIT)
        except DomainError as error:
            raise RowRefused(f"{name}: {error.message}") from None
    return kept


def activity(row: Row) -> Activity:
    """Raises RowRefused."""
    kind = row["activity_type"]
    if not _KIND.fullmatch(kind):
        raise RowRefused(f'activity_type: "{kind[:40]}" is no kind of activity.')
    first, last = day(row, "week_from"), day(row, "week_to")
    weeks = "" if first is None else f"week {first}"
    if first is not None and last is not None and last != first:
        weeks = f"weeks {first} to {last}"
    return Activity(number(row, "id_site"), kind, weeks)
