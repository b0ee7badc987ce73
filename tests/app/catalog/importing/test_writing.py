"""What an import writes over what people have done since."""

from decimal import Decimal
from pathlib import Path

from app.catalog.importing import ImportOptions, ImportResult, Refusals, import_catalog
from app.database import Database
from tests.factories.catalog import run

HEADER = "key,title,description,rating_sum,rating_count\n"


async def test_ratings_of_a_file_and_of_reviews_add_up(database: Database, tmp_path: Path) -> None:
    """A file knows nothing of what was reviewed here since: it is neither taken away nor counted twice."""
    file = tmp_path / "f.csv"

    async def imported(row: str) -> tuple[int, int, int]:
        file.write_text(HEADER + row)
        result = ImportResult(Refusals())
        await import_catalog(database, file, ImportOptions(), result)
        return result.tally.created, result.tally.updated, result.tally.unchanged

    async def sums() -> tuple[Decimal, int, list[int]]:
        (row,) = await run(database, "SELECT rating_sum, rating_count, rating_histogram FROM course_stats")
        return tuple(row)

    assert await imported("1,A,Text.,9.5,2\n") == (1, 0, 0)
    await run(
        database,
        "UPDATE course_stats SET rating_sum = rating_sum + 15, rating_count = rating_count + 5,"
        " rating_histogram = '{1,1,1,1,1}'",
    )
    assert await imported("1,A,Text.,9.5,2\n") == (0, 0, 1)
    assert await sums() == (Decimal("24.5"), 7, [1, 1, 1, 1, 1])
    assert await imported("1,A,Text.,10.25,4\n") == (0, 1, 0)
    assert await sums() == (Decimal("25.25"), 9, [1, 1, 1, 1, 1])
