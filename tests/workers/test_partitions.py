from app.resources import Resources
from tests.app.test_partitions import MONTHS, names
from tests.factories.catalog import run
from workers.partitions import make_partitions


async def test_a_missing_month_is_made(resources: Resources) -> None:
    months = await names(resources.database, MONTHS)
    await run(resources.database, f"DROP TABLE {months[-1]}")
    assert await make_partitions(resources) == 1
    assert await make_partitions(resources) == 0
    assert months[-1] in await names(resources.database)
