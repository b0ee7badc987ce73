"""Batches: one read for all keys of a turn, whatever becomes of those who wait."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from app.database import Database, Fetch, Query
from app.identity.actor import Actor
from app.identity.models import Role
from app.resources import Resources
from app.telemetry import Metrics
from loaders import Loaders
from loaders.batching import DomainLoaders, Source, many_per_key, one_per_key, pages_per_key

_ROWS = Query(
    "SELECT key, 'row ' || key || '.' || n AS name FROM unnest($1::bigint[]) AS key, generate_series(1, key % 10) AS n "
    "ORDER BY key, n DESC",
    ("keys",),
    {},
)
_FIRST = Query(f"SELECT * FROM ({_ROWS.text}) AS found WHERE name LIKE '%.1'", ("keys",), {})
ACTOR = Actor(7, Role.STUDENT)

Call = tuple[str, list[int], tuple[Any, ...]]


class Reads:
    """Reads that note how they were called; `before` may wait or fail."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.before: Callable[[], Awaitable[None]] | None = None

    async def read(self, name: str, query: Query, connection: Fetch, keys: Sequence[int], *rest: Any) -> Any:
        self.calls.append((name, list(keys), rest))
        if self.before is not None:
            await self.before()
        return await connection.fetch(query, keys=keys)


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def domain(reads: Reads, metrics: Metrics, database: Database, resources: Resources) -> Any:
    """Loaders over real rows: a key k has k % 10 of them, numbered, the last first."""

    async def one(connection: Fetch, keys: Sequence[int]) -> Any:
        return await reads.read("one", _FIRST, connection, keys)

    async def many(connection: Fetch, keys: Sequence[int]) -> Any:
        return await reads.read("many", _ROWS, connection, keys)

    async def mine(connection: Fetch, keys: Sequence[int], actor: Actor) -> Any:
        return await reads.read("mine", _FIRST, connection, keys, actor)

    async def page(connection: Fetch, keys: Sequence[int], first: int, after: int | None) -> Any:
        return await reads.read("page", _ROWS, connection, keys, first, after)

    async def my_page(connection: Fetch, keys: Sequence[int], actor: Actor, first: int) -> Any:
        return await reads.read("my_page", _ROWS, connection, keys, actor, first)

    class Domain(DomainLoaders):
        one_loader = one_per_key(one, key="key")
        many_loader = many_per_key(many, key="key")
        mine_loader = one_per_key(mine, key="key", for_actor=True)
        pages = pages_per_key(page, key="key")
        my_pages = pages_per_key(my_page, key="key", for_actor=True)

    return Domain(Source(database, ACTOR, metrics, resources.cache, resources.progress_buffer))


def named(row: Any) -> Any:
    return None if row is None else row["name"]


async def test_one_row_per_key(domain: Any, reads: Reads) -> None:
    rows = await asyncio.gather(*(domain.one_loader.load(key) for key in (3, 10, 1, 3, 20)))
    assert [named(row) for row in rows] == ["row 3.1", None, "row 1.1", "row 3.1", None]
    assert reads.calls == [("one", [3, 10, 1, 20], ())]


async def test_many_rows_per_key_in_the_order_of_the_read(domain: Any, reads: Reads) -> None:
    lists = await asyncio.gather(*(domain.many_loader.load(key) for key in (2, 10, 3, 2)))
    assert [[row["name"] for row in rows] for rows in lists] == [
        ["row 2.2", "row 2.1"],
        [],
        ["row 3.3", "row 3.2", "row 3.1"],
        ["row 2.2", "row 2.1"],
    ]
    assert reads.calls == [("many", [2, 10, 3], ())]


async def test_a_page_of_each_set_of_arguments_is_a_batch(domain: Any, reads: Reads) -> None:
    await asyncio.gather(
        *(
            domain.pages(first, after).load(key)
            for key in (1, 2)
            for first, after in ((5, None), (5, 3), (6, None))
        )
    )
    assert sorted(reads.calls, key=repr) == [
        ("page", [1, 2], (5, 3)),
        ("page", [1, 2], (5, None)),
        ("page", [1, 2], (6, None)),
    ]
    assert domain.pages(5, None) is domain.pages(5, None)
    assert [row["name"] for row in await domain.pages(5, None).load(2)] == ["row 2.2", "row 2.1"]
    assert len(reads.calls) == 3


async def test_the_actor_comes_from_the_loaders(domain: Any, reads: Reads) -> None:
    await domain.mine_loader.load(1)
    await domain.my_pages(9).load(1)
    assert reads.calls == [("mine", [1], (ACTOR,)), ("my_page", [1], (ACTOR, 9))]


async def test_what_was_read_is_kept(domain: Any, reads: Reads) -> None:
    row = await domain.one_loader.load(1)
    assert await domain.one_loader.load(1) is row
    await domain.one_loader.load(2)
    assert reads.calls == [("one", [1], ()), ("one", [2], ())]


async def test_a_thousand_keys_are_one_batch(domain: Any, reads: Reads) -> None:
    rows = await asyncio.gather(*(domain.one_loader.load(key) for key in range(1, 5_001)))
    assert len(reads.calls) == 1
    assert [row is None for row in rows] == [key % 10 == 0 for key in range(1, 5_001)]


async def test_none_is_no_key(domain: Any) -> None:
    with pytest.raises(TypeError):
        domain.one_loader.load(None)


async def test_a_batch_that_fails_reaches_all_and_is_forgotten(domain: Any, reads: Reads) -> None:
    async def fail() -> None:
        raise ConnectionError("gone")

    reads.before = fail
    results = await asyncio.gather(
        *(domain.one_loader.load(key) for key in (1, 2, 1)), return_exceptions=True
    )
    assert [(type(result), str(result)) for result in results] == [(ConnectionError, "gone")] * 3
    reads.before = None
    assert named(await domain.one_loader.load(1)) == "row 1.1"
    assert named(await domain.one_loader.load(2)) == "row 2.1"


async def shielded(future: Awaitable[Any]) -> Any:
    """As every edge waits."""
    return await asyncio.shield(future)


@pytest.mark.parametrize("when", ["before the batch", "while it runs"])
async def test_who_is_cancelled_takes_nobody_along(domain: Any, reads: Reads, when: str) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        entered.set()
        await go_on.wait()

    reads.before = wait
    tasks = [asyncio.create_task(shielded(domain.one_loader.load(key))) for key in (1, 1, 2)]
    if when == "while it runs":
        await entered.wait()
    else:
        await asyncio.sleep(0)
    tasks[0].cancel()
    go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert [named(row) for row in results[1:]] == ["row 1.1", "row 2.1"]
    assert named(await domain.one_loader.load(1)) == "row 1.1"
    assert reads.calls == [("one", [1, 2], ())]


async def test_a_cancelled_future_is_not_kept(domain: Any, reads: Reads) -> None:
    first = domain.one_loader.load(1)
    other = domain.one_loader.load(2)
    first.cancel()
    # The batch goes on for the others, and the key is read anew for whoever asks next.
    assert named(await domain.one_loader.load(1)) == "row 1.1"
    assert named(await other) == "row 2.1"
    finished = domain.one_loader.load(3)
    finished.cancel()
    await asyncio.sleep(0.01)
    assert named(await domain.one_loader.load(3)) == "row 3.1"


async def test_batches_are_counted(domain: Any, metrics: Metrics) -> None:
    def counted(loader: str, what: str) -> float | None:
        return metrics.registry.get_sample_value(f"lectern_loader_batch_keys_{what}", {"loader": loader})

    await asyncio.gather(*(domain.one_loader.load(key) for key in range(1, 6)))
    await domain.one_loader.load(9)
    await asyncio.gather(domain.pages(1, None).load(1), domain.pages(2, None).load(1))
    assert (counted("one_loader", "count"), counted("one_loader", "sum")) == (2, 6)
    assert (counted("pages", "count"), counted("pages", "sum")) == (2, 2)
    assert counted("many_loader", "count") is None


async def test_a_row_of_another_key_is_a_mistake_of_ours(
    metrics: Metrics, database: Database, resources: Resources
) -> None:
    async def wrong(connection: Fetch, keys: Sequence[int]) -> Any:
        return await connection.fetch(_ROWS, keys=[key + 1 for key in keys])

    class Domain(DomainLoaders):
        rows = many_per_key(wrong, key="key")

    with pytest.raises(KeyError):
        await Domain(Source(database, ACTOR, metrics, resources.cache, resources.progress_buffer)).rows.load(
            1
        )


async def test_loaders_are_of_one_operation(
    database: Database, metrics: Metrics, resources: Resources
) -> None:
    first, second = (
        Loaders(database, ACTOR, metrics, resources.cache, resources.progress_buffer) for _ in range(2)
    )
    assert first.catalog.course is first.catalog.course
    assert first.catalog.course is not second.catalog.course
    assert first.catalog.module_lessons(1, None) is not second.catalog.module_lessons(1, None)


async def test_a_key_of_nothing_loads_nothing(
    database: Database, metrics: Metrics, resources: Resources
) -> None:
    loaders = Loaders(database, ACTOR, metrics, resources.cache, resources.progress_buffer)
    assert await loaders.catalog.course.load(2**63 - 1) is None
    assert await loaders.catalog.module.load(0) is None
    assert await loaders.catalog.lesson.load(-1) is None
    assert await loaders.catalog.modules.load(0) == []
    assert await loaders.catalog.course_instructors.load(0) == []
    assert await loaders.catalog.course_lessons(2, None).load(0) == []
    assert await loaders.catalog.module_lessons(2, (1, 1, 1, 1)).load(0) == []
    assert await loaders.identity.user.load(0) is None
