"""One row of the file -> one course as it may be stored, or the reason why not."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from app.catalog.importing.columns import ColumnPlan
from app.catalog.importing.errors import RowRefused
from app.catalog.importing.plain_text import rendered
from app.catalog.models import CourseLevel, LessonKind
from app.catalog.service.courses import CATEGORY_LIMIT, DESCRIPTION_LIMIT, TITLE_LIMIT, checked_details
from app.catalog.service.lessons import checked_url
from app.errors import DomainError
from app.validation import checked_text

KEY_LIMIT = 500
SKILL_LIMIT = 100
SKILLS_LIMIT = 100
ATTRIBUTE_LIMIT = 10_000
# numeric(16, 4) and integer, the types of the columns.
_SUM_LIMIT = 10**12
_COUNT_LIMIT = 2**31
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_LEVELS = frozenset(level.value for level in CourseLevel)


@dataclass(frozen=True, slots=True)
class ImportedCourse:
    """A checked row. The lesson is a page with `description` as its body, or a link to `external_url`."""

    key: str
    title: str
    description: str
    category: str | None
    level: str | None
    language: str | None
    skills: list[str]
    rating_sum: str
    rating_count: int
    external_url: str | None
    body_html: str | None
    attributes: bytes
    """JSON object of texts."""
    digest: bytes
    """Of everything above that comes from the file."""

    @property
    def kind(self) -> LessonKind:
        return LessonKind.LINK if self.external_url else LessonKind.PAGE


class RowReader:
    """Reads rows of one file. Every method raises RowRefused with the reason."""

    def __init__(self, plan: ColumnPlan) -> None:
        self._plan = plan
        self._width = len(plan.header)

    def course(self, fields: Sequence[str]) -> ImportedCourse:
        if len(fields) != self._width:
            raise RowRefused(f"The row has {len(fields)} columns, the header {self._width}.")
        key = _text(fields[self._plan.key], "key", KEY_LIMIT)
        if not key:
            raise RowRefused("The key is missing.")
        title = self._field(fields, "title", TITLE_LIMIT)
        if not title:
            raise RowRefused("The title is missing.")
        attributes = {
            name: text for place, name in self._plan.attributes if (text := _attribute(fields[place], name))
        }
        description = self._field(fields, "description", DESCRIPTION_LIMIT, breaks=True)
        level = self._known(fields, "level", attributes)
        language = self._known(fields, "language", attributes)
        rating_sum, rating_count = self._ratings(fields)
        skills = self._skills(fields)
        category = self._field(fields, "category", CATEGORY_LIMIT) or None
        url = self._url(key, fields, attributes, needed=not description)
        packed = orjson.dumps(attributes)
        content = [title, description, category, level, language, skills, rating_sum, rating_count, url]
        return ImportedCourse(
            key=key,
            title=title,
            description=description,
            category=category,
            level=level,
            language=language,
            skills=skills,
            rating_sum=rating_sum,
            rating_count=rating_count,
            external_url=url,
            body_html=rendered(description) if description else None,
            attributes=packed,
            digest=hashlib.blake2b(orjson.dumps(content) + packed, digest_size=16).digest(),
        )

    def _field(self, fields: Sequence[str], target: str, limit: int, *, breaks: bool = False) -> str:
        place = self._plan.places.get(target)
        return "" if place is None else _text(fields[place], target, limit, breaks=breaks)

    def _known(self, fields: Sequence[str], target: str, attributes: dict[str, str]) -> str | None:
        """A level or a language. One that we have no word for is kept as an attribute, not a reason to lose a course."""
        text = self._field(fields, target, ATTRIBUTE_LIMIT)
        if not text:
            return None
        word = text.lower()
        if target == "language":
            try:
                return str(checked_details({"language": word})["language"])
            except DomainError:
                pass
        elif word in _LEVELS:
            return word
        attributes[self._plan.header[self._plan.places[target]]] = text
        return None

    def _skills(self, fields: Sequence[str]) -> list[str]:
        text = self._field(fields, "skills", ATTRIBUTE_LIMIT, breaks=True)
        if not text:
            return []
        parts = (" ".join(part.split()) for part in text.split(";" if ";" in text else ","))
        skills = list(dict.fromkeys(part for part in parts if part))
        if len(skills) > SKILLS_LIMIT or any(len(skill) > SKILL_LIMIT for skill in skills):
            raise RowRefused(f"skills: At most {SKILLS_LIMIT} of at most {SKILL_LIMIT} characters each.")
        return skills

    def _ratings(self, fields: Sequence[str]) -> tuple[str, int]:
        total = self._number(fields, "rating_sum", _SUM_LIMIT)
        count = self._number(fields, "rating_count", _COUNT_LIMIT)
        whole, _, fraction = count.partition(".")
        if fraction.strip("0"):
            raise RowRefused(f'rating_count: "{count}" is not a whole number.')
        if int(whole) == 0 and total.strip("0.") != "":
            raise RowRefused("rating_sum: There is a sum, but no rating is counted.")
        return total, int(whole)

    def _number(self, fields: Sequence[str], target: str, limit: int) -> str:
        text = self._field(fields, target, ATTRIBUTE_LIMIT)
        if not text:
            return "0"
        if not _NUMBER.fullmatch(text):
            raise RowRefused(f'{target}: "{text[:40]}" is not a number.')
        if text.startswith("-"):
            raise RowRefused(f"{target}: {text} is negative.")
        if int(text.partition(".")[0]) >= limit - 1:
            raise RowRefused(f"{target}: {text} is too large.")
        return text

    def _url(
        self, key: str, fields: Sequence[str], attributes: dict[str, str], *, needed: bool
    ) -> str | None:
        """The lesson's address when there is no description to show; beside one the address is an attribute."""
        place = self._plan.places.get("url")
        if not needed:
            if place is not None and (text := _attribute(fields[place], "url")):
                attributes[self._plan.header[place]] = text
            return None
        # A catalogue's key often is the address itself.
        address = (fields[place].strip() if place is not None else "") or (
            key if key.startswith("http") else ""
        )
        if not address:
            raise RowRefused("There is neither a description nor an address to make a lesson of.")
        try:
            return checked_url(address, "url")
        except DomainError as error:
            raise RowRefused(f"url: {error.message}") from None


def _attribute(value: str, name: str) -> str:
    return _text(value, name, ATTRIBUTE_LIMIT, breaks=True)


def _text(value: str, name: str, limit: int, *, breaks: bool = False) -> str:
    # Printable text has no control character; this is what nearly every field is, at a tenth of the check's cost.
    if value.isprintable() and len(value) <= limit:
        return value.strip()
    if "\udcff" in value:
        raise RowRefused(f"{name}: Some bytes are not valid in the file's encoding.")
    try:
        return checked_text(value, maximum=limit, breaks=breaks)
    except DomainError as error:
        raise RowRefused(f"{name}: {error.message}") from None
