"""One row of a roster, as it may be carried out, or the reason why not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.catalog.importing.errors import ImportRefused, RowRefused
from app.errors import DomainError
from app.identity.addresses import checked_email, email_key
from app.learning.service.cohorts import checked_cohort_name
from app.validation import checked_text

TARGETS = ("email", "course", "role", "cohort", "name")
REQUIRED = ("email", "course", "role")
NAME_LIMIT = 100
SLUG_LIMIT = 200
_ADDRESS_LIMIT = 320


class RosterRole(StrEnum):
    LEARNER = "learner"
    INSTRUCTOR = "instructor"


@dataclass(frozen=True, slots=True)
class RosterRow:
    """`line` is where it stands in the file, from 1, the header counted."""

    line: int
    email: str
    key: str
    slug: str
    role: RosterRole
    cohort: str | None
    name: str | None


class RosterReader:
    """Reads rows of one file."""

    def __init__(self, header: Sequence[str], columns: Mapping[str, str]) -> None:
        """`columns`: target -> column; empty: every column means what it is called. Raises ImportRefused."""
        names = [name.strip() for name in header]
        repeated = [name for name, count in Counter(names).items() if count > 1 and name]
        if repeated:
            raise ImportRefused(f'The header names the column "{repeated[0]}" twice.')
        known = {name.lower().replace("e-mail", "email"): name for name in names}
        chosen = dict(columns) or {target: known[target] for target in TARGETS if target in known}
        for target, column in chosen.items():
            if column not in names:
                raise ImportRefused(
                    f'The file has no column "{column}" for {target}; its columns are {", ".join(names)}.'
                )
        for target in REQUIRED:
            if target not in chosen:
                raise ImportRefused(f"Say which column holds the {target}: --columns {target}=COLUMN.")
        self._width = len(names)
        self._places = {target: names.index(column) for target, column in chosen.items()}

    def row(self, line: int, fields: Sequence[str]) -> RosterRow:
        """Raises RowRefused with the reason."""
        if len(fields) != self._width:
            raise RowRefused(f"The row has {len(fields)} columns, the header {self._width}.")
        written = {target: fields[place].strip() for target, place in self._places.items()}
        for target in REQUIRED:
            if not written[target]:
                raise RowRefused(f"The {target} is missing.")
        try:
            email = checked_email(checked_text(written["email"], maximum=_ADDRESS_LIMIT))
            cohort = checked_cohort_name(written["cohort"]) if written.get("cohort") else None
            name = checked_text(written["name"], maximum=NAME_LIMIT) if written.get("name") else None
            slug = checked_text(written["course"], maximum=SLUG_LIMIT)
        except DomainError as error:
            raise RowRefused(error.message) from None
        role = written["role"].lower()
        if role not in list(RosterRole):
            raise RowRefused(f'The role "{role[:40]}" is neither learner nor instructor.')
        if role == RosterRole.INSTRUCTOR and cohort is not None:
            raise RowRefused("Cohorts are for learners.")
        return RosterRow(line, email, email_key(email), slug, RosterRole(role), cohort, name)
