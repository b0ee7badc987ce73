"""All files of a folder into the spool: checked, with what is odd in them counted."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from app.catalog.importing.errors import ImportRefused, RowRefused
from app.catalog.importing.refusals import Refusals
from app.learning.importing.learners import rows
from app.learning.importing.learners.presentations import Presentation, start_of
from app.learning.importing.learners.spool import Spool
from app.learning.importing.learners.tables import Row, Tables
from app.learning.models import EnrollmentState

PRESENTATIONS_LIMIT = 1_000
FILES = ("courses", "vle", "studentInfo", "studentRegistration")
_LENGTH = "module_presentation_length"


class FolderReader:
    """Reads one folder."""

    def __init__(
        self, starts: Mapping[str, str], only: Sequence[str], refusals: Refusals, spool: Spool
    ) -> None:
        self._starts = starts
        self._only = frozenset(only)
        self._refusals = refusals
        self._spool = spool
        self._presentations: dict[str, Presentation] = {}
        self._places: dict[str, str] = {}
        self._others: set[str] = set()
        """Known, and not wanted."""
        self.unread: list[str] = []

    def read(self, folder: Path) -> list[Presentation]:
        """The presentations, in the order of their codes; what is in them is in the spool. Raises ImportRefused."""
        with closing(Tables(folder, FILES, self._refusals)) as tables:
            self.unread = tables.unread
            self._each(tables, "courses", (*rows.PRESENTATION, _LENGTH), self._presentation)
            if unknown := self._only - self._presentations.keys():
                raise ImportRefused(f"There is no presentation {min(unknown)[:40]} in the file courses.")
            self._each(tables, "vle", _VLE, self._activity)
            self._each(tables, "studentInfo", (*rows.LEARNER, "final_result"), self._learner)
            self._each(tables, "studentRegistration", _REGISTRATION, self._registration)
        for place, reason in self._spool.learners_alone():
            self._refusals.add(place, reason)
        return [self._presentations[code] for code in sorted(self._presentations)]

    def _each(
        self, tables: Tables, name: str, columns: Sequence[str], take: Callable[[str, str, Row], str | None]
    ) -> None:
        for place, row in tables.rows(name, columns):
            try:
                code = rows.presentation_code(row)
                first = None if code in self._others else take(place, code, row)
            except RowRefused as refused:
                self._refusals.add(place, str(refused))
            else:
                if first is not None:
                    self._refusals.add(place, f"The key is that of {first}.")

    def _presentation(self, place: str, code: str, row: Row) -> str | None:
        if self._only and code not in self._only:
            self._others.add(code)
            return None
        if code in self._presentations:
            return self._places[code]
        days = rows.day(row, _LENGTH)
        if days is None or days <= 0:
            raise RowRefused(f"{_LENGTH}: A presentation has at least one day.")
        module, term = (row[name] for name in rows.PRESENTATION)
        if len(self._presentations) == PRESENTATIONS_LIMIT:
            raise ImportRefused(f"There are more than {PRESENTATIONS_LIMIT:,} presentations.")
        self._presentations[code] = Presentation(module, term, days, start_of(term, self._starts))
        self._places[code] = place
        return None

    def _known(self, code: str) -> str:
        if code not in self._presentations:
            raise RowRefused(f"There is no presentation {code} in the file courses.")
        return code

    def _activity(self, place: str, code: str, row: Row) -> str | None:
        return self._spool.add_activity(self._known(code), place, rows.activity(row))

    def _learner(self, place: str, code: str, row: Row) -> str | None:
        student = rows.number(row, "id_student")
        return self._spool.add_learner(
            self._known(code), student, place, rows.facts(row), rows.final_result(row)
        )

    def _registration(self, place: str, code: str, row: Row) -> str | None:
        days = (rows.day(row, "date_registration"), rows.day(row, "date_unregistration"))
        return self._spool.add_registration(self._known(code), rows.number(row, "id_student"), place, *days)


_VLE = (*rows.PRESENTATION, "id_site", "activity_type", "week_from", "week_to")
_REGISTRATION = (*rows.LEARNER, "date_registration", "date_unregistration")


def count_oddities(learner: rows.Learner, presentation: Presentation, counts: Counter[str]) -> None:
    """What is odd about an enrolment that is kept, by kind."""
    left, joined = learner.unregistered, learner.registered
    odd = {
        "withdrawn without an unregistration day": learner.state is EnrollmentState.WITHDRAWN
        and left is None,
        "unregistered without being withdrawn": learner.state is not EnrollmentState.WITHDRAWN
        and left is not None,
        "unregistered before the start": left is not None and left < 0,
        "unregistered after the end": left is not None and left > presentation.days,
        "unregistered by the day of registration": left is not None and joined is not None and left <= joined,
        "without a registration day": joined is None,
        "registered after the end": joined is not None and joined > presentation.days,
    }
    counts.update(kind for kind, is_odd in odd.items() if is_odd)
    counts.update(f"without {name}" for name, text in learner.facts.items() if not text)
