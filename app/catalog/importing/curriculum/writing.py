"""One course tree in one transaction: a dozen statements, however many modules and lessons."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from asyncpg import Record

from app.catalog.cards import courses_changed
from app.catalog.importing.curriculum.trees import ImportedLesson, ImportedTree
from app.catalog.importing.errors import RowRefused
from app.catalog.importing.writing import IMPORT_LOCK, SLUG_ENDINGS, Tally, slug_with_ending
from app.catalog.models import BodyFormat, CourseStatus
from app.catalog.service.lessons import LESSON_LIMIT
from app.catalog.service.modules import MODULE_LIMIT
from app.database import Transaction

_EXISTING = "SELECT id, source_hash FROM courses WHERE source = $1 AND source_key = $2"
# As everybody who changes a course's structure locks it.
_LOCK = "SELECT id FROM courses WHERE id = $1 FOR NO KEY UPDATE"
_INSERT_COURSE = f"""
WITH course AS (
    INSERT INTO courses (slug, title, source, source_key, source_hash, status, published_at, instructor_id)
    VALUES ($1, $2, $3, $4, $5, $6::text, CASE WHEN $6 = '{CourseStatus.PUBLISHED}' THEN now() END, $7)
    ON CONFLICT (slug) DO NOTHING
    RETURNING id
),
stats AS (INSERT INTO course_stats (course_id) SELECT id FROM course),
instructor AS (INSERT INTO course_instructors (course_id, user_id) SELECT id, $7 FROM course)
SELECT id FROM course
"""  # noqa: S608 - made of constants of this module, as below
_UPDATE_COURSE = """
UPDATE courses SET title = $2, source_hash = $3, version = version + 1, updated_at = now() WHERE id = $1"""
_COUNT_LESSONS = """
UPDATE course_stats SET lesson_count = (SELECT count(*) FROM lessons WHERE course_id = $1) WHERE course_id = $1"""

_MODULES = "SELECT id, source_key FROM modules WHERE course_id = $1 ORDER BY position"
_MODULE_ROWS = (
    "unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS rows (key, title, description, place)"
)
# The unique constraints on positions are deferred: what is inserted stands behind all others until it is arranged.
_INSERT_MODULES = f"""
INSERT INTO modules (course_id, source_key, title, description, position)
SELECT $1, key, title, description, {MODULE_LIMIT} + place FROM {_MODULE_ROWS} ORDER BY place
RETURNING id, source_key"""  # noqa: S608
_UPDATE_MODULES = f"""
UPDATE modules SET title = rows.title, description = rows.description, version = version + 1
FROM {_MODULE_ROWS}
WHERE course_id = $1 AND source_key = rows.key
    AND (modules.title, modules.description) IS DISTINCT FROM (rows.title, rows.description)
RETURNING id"""  # noqa: S608
_ARRANGE_MODULES = """
UPDATE modules SET position = wanted.position
FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted (id, position)
WHERE modules.id = wanted.id AND modules.position <> wanted.position"""

_LESSONS = "SELECT id, source_key, module_id FROM lessons WHERE course_id = $1 ORDER BY module_id, position"
_LESSON_ROWS = """unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])
WITH ORDINALITY AS rows (key, title, kind, external_url, body_source, body_html, module_id, place)"""
_BODY_FORMAT = f"CASE WHEN rows.body_source IS NOT NULL THEN '{BodyFormat.HTML}' END"
_INSERT_LESSONS = f"""
INSERT INTO lessons (course_id, source_key, title, kind, external_url, body_source, body_html, body_format, module_id,
    position)
SELECT $1, key, title, kind, external_url, body_source, body_html, {_BODY_FORMAT}, module_id, {LESSON_LIMIT} + place
FROM {_LESSON_ROWS} ORDER BY place
RETURNING id, source_key"""  # noqa: S608
_UPDATE_LESSONS = f"""
UPDATE lessons SET title = rows.title, kind = rows.kind, external_url = rows.external_url,
    body_source = rows.body_source, body_html = rows.body_html, body_format = {_BODY_FORMAT}, version = version + 1
FROM {_LESSON_ROWS}
WHERE course_id = $1 AND source_key = rows.key
    AND (lessons.title, lessons.kind, lessons.external_url, lessons.body_source, lessons.body_format)
    IS DISTINCT FROM (rows.title, rows.kind, rows.external_url, rows.body_source, {_BODY_FORMAT})
RETURNING id"""  # noqa: S608
_ARRANGE_LESSONS = """
UPDATE lessons SET position = wanted.position, module_id = wanted.module_id
FROM unnest($1::bigint[], $2::bigint[], $3::int[]) AS wanted (id, module_id, position)
WHERE lessons.id = wanted.id AND (lessons.module_id, lessons.position) <> (wanted.module_id, wanted.position)"""


@dataclass(slots=True)
class TreeTally:
    """What became of courses, modules and lessons. A lesson that only changed its place is unchanged."""

    courses: Tally = field(default_factory=Tally)
    modules: Tally = field(default_factory=Tally)
    lessons: Tally = field(default_factory=Tally)

    def add(self, other: "TreeTally") -> None:
        for mine, theirs in (
            (self.courses, other.courses),
            (self.modules, other.modules),
            (self.lessons, other.lessons),
        ):
            mine.created += theirs.created
            mine.updated += theirs.updated
            mine.unchanged += theirs.unchanged


class TreeWriter:
    """Writes the courses of one import; holds what is the same for all of them."""

    def __init__(self, *, source: str, status: CourseStatus, instructor_id: int) -> None:
        self._source = source
        self._status = status
        self._instructor_id = instructor_id

    async def write(self, tx: Transaction, tree: ImportedTree) -> TreeTally:
        """Upserts on (source, key). A course whose digest has not changed is not touched.

        What is here and not in the tree, made here or gone from the archive, stays, behind what is in the tree.
        Raises RowRefused when it then would be too much; the transaction must be rolled back.
        """
        lessons = sum(len(module.lessons) for module in tree.modules)
        digest = tree.digest()
        await tx.fetch_text(IMPORT_LOCK)
        found = await tx.fetch_text(_EXISTING, self._source, tree.key)
        if not found:
            course_id = await self._insert(tx, tree, digest)
            course = Tally(created=1)
        elif found[0]["source_hash"] == digest:
            return TreeTally(Tally(unchanged=1), Tally(unchanged=len(tree.modules)), Tally(unchanged=lessons))
        else:
            course_id = found[0]["id"]
            course = Tally(updated=1)
            await tx.fetch_text(_LOCK, course_id)
            await tx.fetch_text(_UPDATE_COURSE, course_id, tree.title, digest)
            await courses_changed(tx, course_id)
        module_ids, module_tally = await _write_modules(tx, course_id, tree)
        lesson_tally = await _write_lessons(tx, course_id, tree, module_ids)
        await tx.fetch_text(_COUNT_LESSONS, course_id)
        return TreeTally(course, module_tally, lesson_tally)

    async def _insert(self, tx: Transaction, tree: ImportedTree, digest: bytes) -> int:
        for ending in SLUG_ENDINGS:
            slug = slug_with_ending(self._source, tree.key, tree.title, ending)
            origin = (self._source, tree.key, digest)
            rows = await tx.fetch_text(
                _INSERT_COURSE, slug, tree.title, *origin, self._status, self._instructor_id
            )
            if rows:
                return int(rows[0]["id"])
        raise RuntimeError("a slug made from 160 bits of a hash clashes")


async def _write_modules(tx: Transaction, course_id: int, tree: ImportedTree) -> tuple[dict[str, int], Tally]:
    """Ids by key, and what became of the tree's modules."""
    here = await tx.fetch_text(_MODULES, course_id)
    known = {row["source_key"] for row in here}
    new = [module for module in tree.modules if module.key not in known]
    old = [module for module in tree.modules if module.key in known]

    updated = await _run(tx, _UPDATE_MODULES, course_id, old, ("key", "title", "description"))
    made = await _run(tx, _INSERT_MODULES, course_id, new, ("key", "title", "description"))
    in_tree = {module.key for module in tree.modules}
    ids = {row["source_key"]: row["id"] for row in (*here, *made) if row["source_key"] in in_tree}
    others = [row["id"] for row in here if row["source_key"] not in in_tree]
    if len(ids) + len(others) > MODULE_LIMIT:
        raise RowRefused(
            f"With the {len(others)} modules that are here alone, the course would have more than {MODULE_LIMIT}."
        )
    await tx.fetch_text(_ARRANGE_MODULES, [*(ids[module.key] for module in tree.modules), *others])
    return ids, Tally(len(new), len(updated), len(old) - len(updated))


async def _write_lessons(
    tx: Transaction, course_id: int, tree: ImportedTree, module_ids: dict[str, int]
) -> Tally:
    here = {row["source_key"]: row for row in await tx.fetch_text(_LESSONS, course_id) if row["source_key"]}
    wanted = [(lesson, module_ids[module.key]) for module in tree.modules for lesson in module.lessons]
    new = [(lesson, module_id) for lesson, module_id in wanted if lesson.key not in here]
    old = [(lesson, module_id) for lesson, module_id in wanted if lesson.key in here]

    updated = await tx.fetch_text(_UPDATE_LESSONS, course_id, *_lesson_arrays(old)) if old else []
    made = await tx.fetch_text(_INSERT_LESSONS, course_id, *_lesson_arrays(new)) if new else []
    changed = {row["id"] for row in updated}
    changed |= {
        here[lesson.key]["id"] for lesson, module_id in old if here[lesson.key]["module_id"] != module_id
    }
    ids = {key: row["id"] for key, row in here.items()} | {row["source_key"]: row["id"] for row in made}
    places = [(ids[lesson.key], module_id) for lesson, module_id in wanted]
    await _arrange_lessons(tx, course_id, places)
    return Tally(len(new), len(changed), len(old) - len(changed))


async def _arrange_lessons(tx: Transaction, course_id: int, wanted: Sequence[tuple[int, int]]) -> None:
    """`wanted`: (lesson, module) in order. The other lessons of each module follow in the order they have."""
    in_tree = {lesson_id for lesson_id, _ in wanted}
    modules: dict[int, list[int]] = {}
    for lesson_id, module_id in wanted:
        modules.setdefault(module_id, []).append(lesson_id)
    for row in await tx.fetch_text(_LESSONS, course_id):
        if row["id"] not in in_tree:
            modules.setdefault(row["module_id"], []).append(row["id"])
    if max(map(len, modules.values())) > LESSON_LIMIT:
        raise RowRefused(
            f"With the lessons that are here alone, a module would have more than {LESSON_LIMIT:,}."
        )
    rows = [
        (lesson_id, module_id, position)
        for module_id, lesson_ids in modules.items()
        for position, lesson_id in enumerate(lesson_ids, 1)
    ]
    await tx.fetch_text(_ARRANGE_LESSONS, *map(list, zip(*rows, strict=True)))


async def _run(
    tx: Transaction, statement: str, course_id: int, entries: Sequence[Any], columns: Iterable[str]
) -> list[Record]:
    if not entries:
        return []
    arrays = [[getattr(entry, name) for entry in entries] for name in columns]
    return await tx.fetch_text(statement, course_id, *arrays)


def _lesson_arrays(placed: Sequence[tuple[ImportedLesson, int]]) -> list[list[Any]]:
    """One list per column of `_LESSON_ROWS`."""
    names = ("key", "title", "kind", "external_url", "body_source", "body_html")
    return [
        *([getattr(lesson, name) for lesson, _ in placed] for name in names),
        [module_id for _, module_id in placed],
    ]
