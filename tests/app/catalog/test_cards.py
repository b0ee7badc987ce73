"""Imports change courses past the services: caches hear of those that they change, and of no others."""

from pathlib import Path

from app.cache import PUBLIC
from app.catalog.cards import COURSE_CARDS
from app.catalog.importing import ImportOptions, ImportResult, Refusals, import_catalog
from app.catalog.importing.curriculum import CurriculumOptions, CurriculumResult, import_curriculum
from app.database import Database
from app.outbox import unsettled_entries
from tests.factories.catalog import run
from tests.support.curricula import block, challenge, curriculum


async def entries(database: Database, title: str) -> frozenset[str]:
    rows = await run(database, "SELECT id FROM courses WHERE title = $1", title)
    return frozenset(COURSE_CARDS.entry(PUBLIC, row["id"]) for row in rows)


async def test_an_import_says_which_courses_it_has_changed(database: Database, tmp_path: Path) -> None:
    async def imported(second: str) -> None:
        file = tmp_path / "courses.csv"
        file.write_text(f"key,title,description\n1,Bread,Text\n2,{second},Text\n")
        await import_catalog(database, file, ImportOptions(), ImportResult(Refusals()))

    await imported("Salt")
    await imported("Salt")
    assert await unsettled_entries(database) == frozenset(), "a course that is new had no card"
    await imported("Sugar")
    changed = await entries(database, "Sugar")
    assert len(changed) == 1
    assert await unsettled_entries(database) == changed


async def test_so_does_an_import_of_a_curriculum(database: Database, tmp_path: Path) -> None:
    async def imported(lessons: int) -> None:
        blocks = {
            "01-bread/one": block("Module", 0, [challenge(str(number), "Text") for number in range(2)]),
            "02-salt/one": block("Module", 0, [challenge(str(number), "Text") for number in range(lessons)]),
        }
        archive = curriculum(tmp_path / "a.tgz", blocks)
        await import_curriculum(database, archive, CurriculumOptions(), CurriculumResult(Refusals()))

    await imported(1)
    await imported(1)
    assert await unsettled_entries(database) == frozenset()
    await imported(2)
    changed = await entries(database, "Salt")
    assert len(changed) == 1
    assert await unsettled_entries(database) == changed
