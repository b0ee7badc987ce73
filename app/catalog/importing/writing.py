"""One chunk of an import in one transaction: a handful of statements, however many rows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.catalog.cards import courses_changed
from app.catalog.importing.rows import ImportedCourse
from app.catalog.models import BodyFormat, CourseStatus
from app.catalog.service.editing import lock_courses
from app.catalog.slugs import slug_of
from app.database import Transaction

# Imports take turns chunk by chunk: two of the same file meet each other's rows, never each other's locks.
IMPORT_LOCK = "SELECT pg_advisory_xact_lock(7305811942)"
_EXISTING = (
    "SELECT id, source_key, source_hash FROM courses WHERE source = $1 AND source_key = ANY($2::text[])"
)

# The plain slug, else one with an end made from the key: the same in every run. The last length cannot clash.
SLUG_ENDINGS = (0, 10, 40)

_ARRAYS = {
    "key": "text",
    "title": "text",
    "description": "text",
    "category": "text",
    "level": "text",
    "language": "text",
    "skills": "text",
    "attributes": "text",
    "digest": "bytea",
    "kind": "text",
    "external_url": "text",
    "body_html": "text",
    "rating_sum": "text",
    "rating_count": "integer",
}
"""The columns of `rows` in the statements below, after the one that only the statement itself has."""


def _rows(own: str, own_type: str, first: int) -> str:
    types = [own_type, *_ARRAYS.values()]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, first))
    names = ", ".join([own, *_ARRAYS, "place"])
    return f"rows AS (SELECT * FROM unnest({arrays}) WITH ORDINALITY AS t ({names}))"  # noqa: S608


# No control character gets past the checks, so a line break separates skills safely.
_SKILLS = "string_to_array(rows.skills, E'\\n')"
_BODY = f"CASE WHEN rows.kind = 'page' THEN '{BodyFormat.MARKDOWN}' END"
_BODY_SOURCE = "CASE WHEN rows.kind = 'page' THEN rows.description END"
# What reviews written here have added to the sums: a file knows nothing of them, and takes nothing of them away.
_REVIEWED_SUM = " + ".join(f"{stars} * s.rating_histogram[{stars}]" for stars in range(1, 6))
_REVIEWED_COUNT = " + ".join(f"s.rating_histogram[{stars}]" for stars in range(1, 6))

# In the order of the slugs, so that two writers wait for each other in one direction only.
_INSERT = f"""
WITH {_rows("slug", "text", 4)},
course AS (
    INSERT INTO courses (slug, title, description, category, level, language, skills, attributes, source, source_key,
        source_hash, status, published_at, instructor_id)
    SELECT slug, title, description, category, level, language, {_SKILLS}, attributes::jsonb, $1, key, digest, $2,
        CASE WHEN $2 = '{CourseStatus.PUBLISHED}' THEN now() END, $3
    FROM rows ORDER BY place
    ON CONFLICT (slug) DO NOTHING
    RETURNING id, source_key
),
module AS (
    INSERT INTO modules (course_id, title, position, source_key)
    SELECT course.id, rows.title, 1, rows.key FROM course JOIN rows ON rows.key = course.source_key
    RETURNING id, course_id, source_key
),
lesson AS (
    INSERT INTO lessons (course_id, module_id, title, kind, position, external_url, body_format, body_source, body_html,
        source_key)
    SELECT module.course_id, module.id, rows.title, rows.kind, 1, rows.external_url, {_BODY}, {_BODY_SOURCE},
        rows.body_html, rows.key
    FROM module JOIN rows ON rows.key = module.source_key
),
stats AS (
    INSERT INTO course_stats (course_id, lesson_count, rating_sum, rating_count)
    SELECT course.id, 1, rows.rating_sum::numeric, rows.rating_count
    FROM course JOIN rows ON rows.key = course.source_key
),
instructor AS (INSERT INTO course_instructors (course_id, user_id) SELECT id, $3 FROM course)
SELECT source_key FROM course
"""  # noqa: S608 - made of constants of this module


def _update(targets: frozenset[str]) -> str:
    """Overwrites what the file has columns for, and leaves alone what it says nothing about."""
    mapped = [
        f"{name} = rows.{name}"
        for name in ("description", "category", "level", "language")
        if name in targets
    ]
    if "skills" in targets:
        mapped.append(f"skills = {_SKILLS}")
    details = "".join(f"{assignment}, " for assignment in mapped)
    stats = f""", stats AS (
        UPDATE course_stats s SET rating_sum = rows.rating_sum::numeric + {_REVIEWED_SUM},
            rating_count = rows.rating_count + {_REVIEWED_COUNT}
        FROM rows WHERE s.course_id = rows.id)"""  # noqa: S608
    return f"""
WITH {_rows("id", "bigint", 1)},
course AS (
    UPDATE courses SET title = rows.title, {details} attributes = rows.attributes::jsonb, source_hash = rows.digest,
        version = version + 1, updated_at = now()
    FROM rows WHERE courses.id = rows.id
),
module AS (
    UPDATE modules SET title = rows.title, version = version + 1
    FROM rows WHERE modules.course_id = rows.id AND modules.source_key = rows.key AND modules.title <> rows.title
),
lesson AS (
    UPDATE lessons SET title = rows.title, kind = rows.kind, external_url = rows.external_url, body_format = {_BODY},
        body_source = {_BODY_SOURCE}, body_html = rows.body_html, version = version + 1
    FROM rows WHERE lessons.course_id = rows.id AND lessons.source_key = rows.key
        AND (lessons.title, lessons.kind, lessons.external_url, lessons.body_source)
        IS DISTINCT FROM (rows.title, rows.kind, rows.external_url, {_BODY_SOURCE})
){stats if "rating_sum" in targets else ""}
SELECT FROM rows LIMIT 0
"""  # noqa: S608


@dataclass(slots=True)
class Tally:
    """What became of the rows of a chunk, or of a file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


class ChunkWriter:
    """Writes the chunks of one import; holds what is the same for all of them."""

    def __init__(
        self, *, source: str, status: CourseStatus, instructor_id: int, targets: frozenset[str]
    ) -> None:
        self._source = source
        self._status = status
        self._instructor_id = instructor_id
        self._update = _update(targets)

    async def write(self, tx: Transaction, courses: Sequence[ImportedCourse]) -> Tally:
        """Upserts on (source, key); no key may come twice. A course whose row has not changed is not touched."""
        await tx.fetch_text(IMPORT_LOCK)
        found = await tx.fetch_text(_EXISTING, self._source, [course.key for course in courses])
        existing = {row["source_key"]: row for row in found}
        new = [course for course in courses if course.key not in existing]
        changed = [
            course
            for course in courses
            if course.key in existing and existing[course.key]["source_hash"] != course.digest
        ]
        if new:
            await self._insert(tx, new)
        if changed:
            ids = [existing[course.key]["id"] for course in changed]
            # Course before lesson, as everybody else locks them.
            await lock_courses(tx, ids)
            await tx.fetch_text(self._update, ids, *_arrays(changed))
            await courses_changed(tx, *ids)
        return Tally(len(new), len(changed), len(courses) - len(new) - len(changed))

    async def _insert(self, tx: Transaction, courses: Sequence[ImportedCourse]) -> None:
        for ending in SLUG_ENDINGS:
            slugged = sorted(
                (
                    (slug_with_ending(self._source, course.key, course.title, ending), course)
                    for course in courses
                ),
                key=lambda pair: pair[0],
            )
            slugs = [slug for slug, _ in slugged]
            arrays = _arrays([course for _, course in slugged])
            rows = await tx.fetch_text(
                _INSERT, self._source, self._status, self._instructor_id, slugs, *arrays
            )
            created = {row["source_key"] for row in rows}
            courses = [course for course in courses if course.key not in created]
            if not courses:
                return
        raise RuntimeError("slugs made from 160 bits of a hash clash")


def slug_with_ending(source: str, key: str, title: str, ending: int) -> str:
    """The title's slug and `ending` digits made from what identifies the course, none for 0."""
    plain = slug_of(title)
    if ending == 0:
        return plain
    identity = f"{source}\n{key}".encode()
    return f"{plain}-{hashlib.sha256(identity).hexdigest()[:ending]}"


def _arrays(courses: Sequence[ImportedCourse]) -> list[list[Any]]:
    """One list per entry of `_ARRAYS`."""
    columns = {name: [getattr(course, name) for course in courses] for name in _ARRAYS}
    columns["skills"] = ["\n".join(skills) for skills in columns["skills"]]
    columns["attributes"] = [packed.decode() for packed in columns["attributes"]]
    return list(columns.values())
