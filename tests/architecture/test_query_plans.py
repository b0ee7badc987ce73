"""No read scans, throws away or sorts more rows than its answer is worth, on tables of a real size."""

import importlib
import inspect
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from app.database import Database, Query
from tests.architecture.plans import ExplainingConnection
from tests.architecture.read_examples import EXAMPLES

ROOT = Path(__file__).parents[2]


def public_reads() -> dict[str, Callable[..., Any]]:
    """Every public async function that a domain's reads define, by its dotted name."""
    found = {}
    for path in [*ROOT.glob("app/*/reads.py"), *ROOT.glob("app/*/reads/**/*.py")]:
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(dotted)
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction):
            if function.__module__ == dotted and not name.startswith("_"):
                found[f"{dotted}.{name}"] = function
    return found


READS = public_reads()


@pytest.fixture
async def explaining(filled: Database) -> AsyncIterator[ExplainingConnection]:
    connection = await filled.acquire()
    try:
        async with ExplainingConnection(connection) as explaining:
            yield explaining
    finally:
        await filled.release(connection)


@pytest.fixture(scope="session")
async def rows_of_table(filled: Database) -> dict[str, int]:
    connection = await filled.acquire()
    try:
        rows = await connection.fetch("SELECT relname, reltuples::bigint FROM pg_class WHERE relkind = 'r'")
    finally:
        await filled.release(connection)
    return dict(map(tuple, rows))


def test_reads_are_found() -> None:
    assert {
        "app.catalog.reads.listing.courses_page",
        "app.identity.reads.accounts.users_by_id",
    } <= READS.keys()


@pytest.mark.parametrize("name", READS)
async def test_plans(name: str, explaining: ExplainingConnection, rows_of_table: dict[str, int]) -> None:
    examples = [example for example in EXAMPLES if example.read is READS[name]]
    assert examples, f"register an example of {name} in tests/architecture/read_examples.py"
    faults = []
    needed = set()
    for example in examples:
        explaining.plans.clear()
        await example.read(explaining, **example.values)
        assert explaining.plans, "the example sends no statement"
        for plan in explaining.plans:
            for fault in plan.faults(rows_of_table):
                excuses = [words for words in example.allow if words in fault]
                needed.update(excuses)
                if not excuses:
                    faults.append(f"{plan.mode} plan {fault}: {example.values}")
    assert not faults, "\n".join(faults)
    excused = {words for example in examples for words in example.allow}
    assert needed == excused, f"remove what is no longer needed from `allow`: {excused - needed}"


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("SELECT * FROM lessons WHERE title = 'Lesson 5'", "scans all of lessons"),
        ("SELECT * FROM courses WHERE status = 'published' ORDER BY description", "sorts 28801 rows by"),
        (
            "SELECT * FROM lessons WHERE course_id = 30001 AND title = 'Lesson 5'",
            "removes 999 rows of lessons and keeps 1",
        ),
        (
            "SELECT count(*) FROM modules WHERE id BETWEEN 1 AND 5000",
            "reads 5000 rows of modules to answer 1",
        ),
    ],
)
async def test_faults_are_seen(
    explaining: ExplainingConnection, rows_of_table: dict[str, int], statement: str, fault: str
) -> None:
    await explaining.fetch(Query(statement, (), {}))
    for plan in explaining.plans:
        assert any(sentence.startswith(fault) for sentence in plan.faults(rows_of_table))
