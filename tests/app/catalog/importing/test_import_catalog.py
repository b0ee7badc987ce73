"""Imports into a real database: what is stored, what a second run does, and what two at once do."""

import asyncio
import csv
import gzip
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from app.catalog import service as catalog
from app.catalog.importing import ImportOptions, ImportRefused, ImportResult, Refusals, import_catalog
from app.catalog.importing.account import IMPORT_EMAIL
from app.catalog.models import CourseStatus
from app.catalog.slugs import slug_of
from app.database import Database
from app.identity import reads
from app.identity.actor import Actor
from app.identity.models import Role
from app.identity.service import accounts
from app.resources import Resources
from tests.factories.identity import make_user

OPTIONS = ImportOptions(
    columns={"title": "name", "description": "about", "category": "area", "url": "link"},
    key="id",
    chunk_size=10,
)
HEADER = ["id", "name", "about", "area", "link", "price"]
STATE = """
SELECT slug, courses.title, courses.description, category, status, courses.version, source, courses.source_key,
    attributes, modules.title AS module, modules.position AS module_position, lessons.title AS lesson, kind,
    lessons.position, body_html, external_url, lesson_count, rating_sum, rating_count, course_instructors.user_id
FROM courses JOIN modules ON modules.course_id = courses.id JOIN lessons ON lessons.module_id = modules.id
JOIN course_stats ON course_stats.course_id = courses.id
JOIN course_instructors ON course_instructors.course_id = courses.id ORDER BY slug"""
TOUCHED = """
SELECT 'course' AS kind, id, xmin::text FROM courses UNION ALL SELECT 'module', id, xmin::text FROM modules
UNION ALL SELECT 'lesson', id, xmin::text FROM lessons UNION ALL SELECT 'stats', course_id, xmin::text FROM course_stats
UNION ALL SELECT 'instructor', course_id, xmin::text FROM course_instructors ORDER BY 1, 2"""


async def rows(database: Database, statement: str) -> list[dict[str, Any]]:
    async with database.transaction() as tx:
        return [dict(row) for row in await tx.fetch_text(statement)]


def write(path: Path, lines: Iterable[Iterable[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *lines])
    return path


def some(count: int, *, title: str = "Course {}") -> list[list[object]]:
    return [
        [number, title.format(number), f"About {number}.", "Area", "", number * 10] for number in range(count)
    ]


async def run(database: Database, file: Path, options: ImportOptions = OPTIONS) -> ImportResult:
    result = ImportResult(Refusals())
    await import_catalog(database, file, options, result)
    return result


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    tally = result.tally
    return tally.created, tally.updated, tally.unchanged, result.refusals.count


async def test_a_row_becomes_a_published_course_with_one_lesson(database: Database, tmp_path: Path) -> None:
    page = [1, "Soil & Seeds", "Grow **beans**.", "Garden", "https://example.org/soil", 5]
    link = [2, "Ponds", "", "Garden", "https://example.org/ponds", 7]
    result = await run(database, write(tmp_path / "f.csv", [page, link]))

    assert counts(result) == (2, 0, 0, 0)
    account = await reads.user_by_email_key(database, IMPORT_EMAIL)
    assert account is not None
    assert (account["role"], account["password_hash"]) == (Role.INSTRUCTOR, None)
    shared = {
        "category": "Garden",
        "status": "published",
        "version": 1,
        "source": "catalog",
        "module_position": 1,
        "position": 1,
        "lesson_count": 1,
        "rating_sum": 0,
        "rating_count": 0,
        "user_id": account["id"],
    }
    assert await rows(database, STATE) == [
        shared
        | dict.fromkeys(("title", "module", "lesson"), "Ponds")
        | {"slug": "ponds", "description": "", "source_key": "2", "attributes": {"price": "7"}}
        | {"kind": "link", "external_url": "https://example.org/ponds", "body_html": None},
        shared
        | dict.fromkeys(("title", "module", "lesson"), "Soil & Seeds")
        | {"slug": "soil-seeds", "description": "Grow **beans**.", "source_key": "1"}
        | {"attributes": {"price": "5", "link": "https://example.org/soil"}}
        | {"kind": "page", "external_url": None, "body_html": "<p>Grow <strong>beans</strong>.</p>\n"},
    ]


async def test_skills_and_ratings(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(
        "key,title,description,skills,rating_sum,rating_count\n1,A,Text.,x;y,9.5,2\n2,B,Text.,,,\n"
    )
    assert counts(await run(database, file, ImportOptions())) == (2, 0, 0, 0)
    found = await rows(
        database, "SELECT skills, rating FROM courses JOIN course_stats ON course_id = id ORDER BY slug"
    )
    assert found == [{"skills": ["x", "y"], "rating": 4.75}, {"skills": [], "rating": 0.0}]


async def test_a_second_run_touches_no_row(database: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", some(25))
    assert counts(await run(database, file)) == (25, 0, 0, 0)
    before = await rows(database, TOUCHED)

    assert counts(await run(database, file)) == (0, 0, 25, 0)

    assert len(before) == 125
    assert await rows(database, TOUCHED) == before


async def test_only_changed_rows_are_updated(database: Database, tmp_path: Path) -> None:
    await run(database, write(tmp_path / "f.csv", some(12)))
    before = {(row["kind"], row["id"]): row["xmin"] for row in await rows(database, TOUCHED)}
    changed = some(12)
    changed[3] = [3, "Course three", "", "Other", "https://example.org/3", 1]

    assert counts(await run(database, write(tmp_path / "f.csv", changed))) == (0, 1, 11, 0)

    [course] = [row for row in await rows(database, STATE) if row["source_key"] == "3"]
    assert course["slug"] == "course-3"
    assert (course["title"], course["module"], course["lesson"]) == ("Course three",) * 3
    assert (course["description"], course["category"], course["version"]) == ("", "Other", 2)
    assert (course["kind"], course["external_url"], course["body_html"]) == (
        "link",
        "https://example.org/3",
        None,
    )
    assert course["attributes"] == {"price": "1"}
    after = {(row["kind"], row["id"]): row["xmin"] for row in await rows(database, TOUCHED)}
    touched = sorted(kind for (kind, number), xmin in after.items() if before[kind, number] != xmin)
    assert touched == ["course", "lesson", "module"]


async def test_edits_made_here_stay_until_the_row_changes(database: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", some(1))
    await run(database, file)
    [course] = await rows(database, "SELECT id, instructor_id FROM courses")
    actor = Actor(course["instructor_id"], Role.INSTRUCTOR)
    async with database.transaction() as tx:
        changes = {"title": "Better", "language": "en"}
        await catalog.update_course(tx, actor, course_id=course["id"], expected_version=1, changes=changes)
        await catalog.archive_course(tx, actor, course_id=course["id"])

    assert counts(await run(database, file)) == (0, 0, 1, 0)
    assert [row["title"] for row in await rows(database, STATE)] == ["Better"]

    assert counts(await run(database, write(file, [[0, "Newer", "Text.", "Area", "", 0]]))) == (0, 1, 0, 0)
    [now] = await rows(database, "SELECT title, language, status, version, slug FROM courses")
    # What the file has no column for stays, and so does the state.
    assert now == {"title": "Newer", "language": "en", "status": "archived", "version": 3, "slug": "course-0"}


async def test_a_lesson_that_was_removed_stays_away(database: Database, tmp_path: Path) -> None:
    await run(database, write(tmp_path / "f.csv", some(1)))
    [lesson] = await rows(
        database, "SELECT lessons.id, instructor_id FROM lessons JOIN courses ON courses.id = course_id"
    )
    actor = Actor(lesson["instructor_id"], Role.INSTRUCTOR)
    async with database.transaction() as tx:
        [course] = await tx.fetch_text("SELECT id FROM courses")
        await catalog.unpublish_course(tx, actor, course_id=course["id"])
        await catalog.remove_lesson(tx, actor, lesson_id=lesson["id"])

    assert counts(await run(database, write(tmp_path / "f.csv", some(1, title="New {}")))) == (0, 1, 0, 0)

    assert await rows(database, "SELECT id FROM lessons") == []
    assert await rows(database, "SELECT lesson_count FROM course_stats") == [{"lesson_count": 0}]


async def test_courses_with_one_title_get_slugs_of_their_own_that_stay(
    database: Database, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", some(35, title="The same"))
    assert counts(await run(database, file)) == (35, 0, 0, 0)
    slugs = {row["source_key"]: row["slug"] for row in await rows(database, STATE)}
    assert len(set(slugs.values())) == 35
    assert slugs["0"] == "the-same"
    assert all(slug.startswith("the-same") for slug in slugs.values())

    await _empty(database)
    await run(database, file)

    assert {row["source_key"]: row["slug"] for row in await rows(database, STATE)} == slugs


async def test_a_slug_that_somebody_has_is_left_to_them(database: Database, tmp_path: Path) -> None:
    async with database.transaction() as tx:
        teacher = await accounts.create_user(
            tx, email="t@example.org", name="T", role=Role.INSTRUCTOR, password=None
        )
        await catalog.create_course(tx, Actor(teacher["id"], Role.INSTRUCTOR), title="Course 1")
    await run(database, write(tmp_path / "f.csv", some(2)))
    slugs = {
        row["source_key"]: row["slug"] for row in await rows(database, "SELECT source_key, slug FROM courses")
    }
    assert slugs[None] == slug_of("Course 1")
    assert slugs["0"] == "course-0"
    assert slugs["1"].startswith("course-1-")


async def test_bad_rows_are_listed_and_the_others_are_in(database: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", some(30))
    lines = file.read_bytes().splitlines(keepends=True)
    lines[3] = b"2,,About.,Area,,1\r\n"
    lines[5] = b"4,br\xfcck,About.,Area,,1\r\n"
    lines[7] = b"6,Too few\r\n"
    lines[9] = b'8,"Open,About.,Area,,1\r\n'
    lines[11] = b"0,Again,About.,Area,,1\r\n"
    # The key of a refused row may still be used by a good one.
    lines[13] = b"2,Two at last,About.,Area,,1\r\n"
    file.write_bytes(b"".join(lines))

    result = await run(database, file)

    assert counts(result) == (25, 0, 0, 5)
    assert [(refusal.place, refusal.reason) for refusal in result.refusals.kept] == [
        (4, "The title is missing."),
        (6, "title: Some bytes are not valid in the file's encoding."),
        (8, "The row has 2 columns, the header 6."),
        (10, "A quote is never closed."),
        (12, "The key is that of line 2."),
    ]
    assert len(await rows(database, STATE)) == 25


async def test_draft_and_an_instructor_of_ones_own(database: Database, tmp_path: Path) -> None:
    async with database.transaction() as tx:
        teacher = await accounts.create_user(
            tx, email="T@example.org", name="T", role=Role.INSTRUCTOR, password=None
        )
    options = ImportOptions(
        columns=OPTIONS.columns,
        key="id",
        status=CourseStatus.DRAFT,
        instructor=" t@EXAMPLE.org ",
        source="mine",
    )
    await run(database, write(tmp_path / "f.csv", some(1)), options)
    [course] = await rows(database, "SELECT status, published_at, instructor_id, source FROM courses")
    assert course == {
        "status": "draft",
        "published_at": None,
        "instructor_id": teacher["id"],
        "source": "mine",
    }
    assert await reads.user_by_email_key(database, IMPORT_EMAIL) is None


async def test_equal_keys_of_two_sources_are_two_courses(database: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", some(2))
    await run(database, file)
    other = ImportOptions(columns=OPTIONS.columns, key="id", source="other")
    assert counts(await run(database, file, other)) == (2, 0, 0, 0)


@pytest.mark.parametrize(
    ("content", "changes", "reason"),
    [
        ("", {}, "The file is empty"),
        ("\n\n", {}, "The file is empty"),
        ('"id,name\n1,A\n', {}, "The header in line 1 cannot be read"),
        ("id,name,about,area,link,\x00\n", {}, "The header is not text"),
        ("id,name,about,area\n", {}, 'no column "link"'),
        ("id,name,about,area,link\n", {"instructor": "nobody@example.org"}, "There is no account"),
        ("id,name,about,area,link\n", {"instructor": "student@example.org"}, "is a student"),
        ("id,name,about,area,link\n", {"instructor": "not an address"}, "not valid"),
        ("id,name,about,area,link\n", {"source": " "}, "A source is a name"),
        ("id,name,about,area,link\n", {"delimiter": ",,"}, "A delimiter is one character"),
        ("id,name,about,area,link\n", {"delimiter": '"'}, "A delimiter is one character"),
    ],
)
async def test_what_is_refused_as_a_whole_writes_nothing(
    database: Database, tmp_path: Path, content: str, changes: dict[str, Any], reason: str
) -> None:
    async with database.transaction() as tx:
        await accounts.create_user(
            tx, email="student@example.org", name="S", role=Role.STUDENT, password=None
        )
    file = tmp_path / "f.csv"
    file.write_text(content)
    options = ImportOptions(**({"columns": OPTIONS.columns, "key": "id"} | changes))

    with pytest.raises(ImportRefused, match=reason):
        await run(database, file, options)

    assert await rows(database, "SELECT id FROM courses") == []
    assert len(await rows(database, "SELECT id FROM users")) == 1


async def test_whoever_registers_the_imports_address_gets_no_courses(
    database: Database, tmp_path: Path
) -> None:
    async with database.transaction() as tx:
        sly = await accounts.register(tx, email=IMPORT_EMAIL, password="something of my own", name="Sly")
    await run(database, write(tmp_path / "f.csv", some(1)))
    owners = await rows(database, "SELECT instructor_id FROM courses")
    assert len(owners) == 1
    assert owners[0]["instructor_id"] != sly["id"]


async def test_an_imports_address_that_somebody_has_is_refused(database: Database, tmp_path: Path) -> None:
    await make_user(database, email=IMPORT_EMAIL, password="something of my own")
    with pytest.raises(ImportRefused, match="belongs to somebody"):
        await run(database, write(tmp_path / "f.csv", some(1)))
    assert await rows(database, "SELECT id FROM courses") == []


async def test_a_header_alone_is_an_empty_catalogue(database: Database, tmp_path: Path) -> None:
    assert counts(await run(database, write(tmp_path / "f.csv", []))) == (0, 0, 0, 0)


async def test_two_imports_of_one_file_at_once(crowd: Resources, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", some(200, title="The same"))
    await _empty(crowd.database)

    results = await asyncio.gather(*(run(crowd.database, file) for _ in range(4)))

    assert sum(result.tally.created for result in results) == 200
    assert sum(result.tally.unchanged for result in results) == 600
    state = await rows(crowd.database, STATE)
    assert (
        len(state) == len({row["slug"] for row in state}) == len({row["source_key"] for row in state}) == 200
    )


async def test_two_imports_of_different_versions_and_orders_at_once(crowd: Resources, tmp_path: Path) -> None:
    await run(crowd.database, write(tmp_path / "old.csv", some(200)))
    forth = write(tmp_path / "forth.csv", some(200, title="Forth {}"))
    back = write(tmp_path / "back.csv", reversed(some(200, title="Back {}")))

    results = await asyncio.gather(run(crowd.database, forth), run(crowd.database, back))

    assert [counts(result) for result in results] == [(0, 200, 0, 0)] * 2
    state = await rows(crowd.database, STATE)
    assert {row["title"] for row in state} <= {
        f"{word} {number}" for word in ("Forth", "Back") for number in range(200)
    }
    assert all(row["title"] == row["module"] == row["lesson"] for row in state)
    assert {row["version"] for row in state} == {3}


async def test_the_real_catalogue(database: Database) -> None:
    shared = Path(os.environ.get("LECTERN_SHARED_DATA") or Path(__file__).parents[5] / "shared" / "data")
    file = shared / "catalog" / "coursera_courses.csv.gz"
    if not file.exists():
        pytest.skip(f"the catalogue is not part of the project, and {file} is not there")
    with gzip.open(file, "rt", encoding="utf-8", newline="") as content:
        original = {row["url"]: row for row in csv.DictReader(content)}
    options = ImportOptions(
        columns={"title": "course_title", "category": "domain", "level": "level"}, key="url"
    )

    assert counts(await run(database, file, options)) == (1525, 0, 0, 0)
    assert counts(await run(database, file, options)) == (0, 0, 1525, 0)

    courses = await rows(
        database,
        """SELECT courses.title, category, level, external_url, attributes FROM courses
           JOIN lessons ON course_id = courses.id WHERE status = 'published' AND kind = 'link'""",
    )
    assert len(courses) == len(original) == 1525
    for course in courses:
        row = original[course["external_url"]]
        assert course["title"] == row["course_title"].strip()
        assert course["category"] == row["domain"]
        assert course["level"] == row["level"].lower()
        assert course["attributes"] == {
            name: row[name] for name in ("sub_domain", "duration", "paid_free", "price")
        }


async def _empty(database: Database) -> None:
    async with database.transaction() as tx:
        for table in ("lessons", "modules", "course_stats", "course_instructors", "courses"):
            await tx.fetch_text(f"DELETE FROM {table}")
