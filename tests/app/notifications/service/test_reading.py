"""The counter is the number of unread rows, whoever reads and tells at once."""

import asyncio
import random
from uuid import UUID

import pytest

from app.notifications.errors import NotificationNotFound
from app.notifications.service import mark_all_read, mark_read, mark_read_up_to
from app.resources import Resources
from tests.factories.catalog import nothing_written
from tests.factories.identity import MadeUser, make_user
from tests.factories.notifications import listed, tell, wrong_counters
from tests.support.meeting import Halt, as_far_as_it_comes, begin


@pytest.fixture
async def ann(resources: Resources) -> MadeUser:
    return await make_user(resources.database)


async def read_these(resources: Resources, user: MadeUser, *ids: object) -> int:
    async with resources.database.transaction() as tx:
        return await mark_read(tx, user.actor, ids=ids)  # type: ignore[arg-type]


async def read_up_to(resources: Resources, user: MadeUser, position: int) -> int:
    async with resources.database.transaction() as tx:
        return await mark_read_up_to(tx, user.actor, position=position)


async def read_all(resources: Resources, user: MadeUser) -> int:
    async with resources.database.transaction() as tx:
        return await mark_all_read(tx, user.actor)


async def test_some_and_again(resources: Resources, ann: MadeUser) -> None:
    for _ in range(4):
        await tell(resources, ann.number)
    fourth, third, second, first = await listed(resources.database, ann.number)
    assert await read_these(resources, ann, third["id"], first["id"], third["id"]) == 2
    again = (await listed(resources.database, ann.number))[1]
    assert await read_these(resources, ann, third["id"]) == 2
    assert (await listed(resources.database, ann.number))[1]["read_at"] == again["read_at"]
    unread = await listed(resources.database, ann.number, unread_only=True)
    assert [row["id"] for row in unread] == [fourth["id"], second["id"]]
    assert await wrong_counters(resources.database) == []


async def test_what_came_meanwhile_stays_unread(resources: Resources, ann: MadeUser) -> None:
    for _ in range(3):
        await tell(resources, ann.number)
    assert await read_up_to(resources, ann, 2) == 1
    assert await read_up_to(resources, ann, 2) == 1
    assert await read_up_to(resources, ann, 99) == 0
    await tell(resources, ann.number)
    assert await read_all(resources, ann) == 0
    assert await wrong_counters(resources.database) == []


async def test_of_somebody_else_nothing(resources: Resources, ann: MadeUser) -> None:
    ben = await make_user(resources.database)
    await tell(resources, ann.number, ben.number)
    own = (await listed(resources.database, ben.number))[0]["id"]
    foreign = (await listed(resources.database, ann.number))[0]["id"]
    async with nothing_written(resources.database):
        with pytest.raises(NotificationNotFound):
            await read_these(resources, ben, own, foreign)
    assert await read_all(resources, ben) == 0
    assert (await listed(resources.database, ann.number))[0]["read_at"] is None
    assert await wrong_counters(resources.database) == []


async def test_who_was_told_nothing(resources: Resources, ann: MadeUser) -> None:
    assert await read_all(resources, ann) == 0
    assert await read_up_to(resources, ann, 5) == 0


async def test_two_devices_at_once(crowd: Resources) -> None:
    ann = await make_user(crowd.database)
    for _ in range(10):
        await tell(crowd, ann.number)
    ids = [row["id"] for row in await listed(crowd.database, ann.number)]
    answers = await asyncio.gather(
        *(read_these(crowd, ann, *ids[:6]) for _ in range(10)),
        *(read_up_to(crowd, ann, 4) for _ in range(5)),
    )
    assert min(answers) == 0
    assert await wrong_counters(crowd.database) == []


@pytest.mark.parametrize("seed", range(3))
async def test_the_counter_is_right_whatever_happens_at_once(crowd: Resources, seed: int) -> None:
    chance = random.Random(seed)
    users = [await make_user(crowd.database) for _ in range(3)]

    async def anything() -> None:
        user = chance.choice(users)
        match chance.randrange(5):
            case 0 | 1:
                some = chance.sample(users, 2)
                await tell(crowd, *(one.number for one in some), key=f"event {chance.randrange(40)}")
            case 2:
                rows = await listed(crowd.database, user.number)
                ids = [row["id"] for row in chance.sample(rows, min(len(rows), 3))]
                await read_these(crowd, user, *ids)
            case 3:
                await read_up_to(crowd, user, chance.randrange(20))
            case 4:
                await read_all(crowd, user)

    for _ in range(8):
        await asyncio.gather(*(anything() for _ in range(15)))
        assert await wrong_counters(crowd.database) == []
    rows = await listed(crowd.database, users[0].number)
    assert [row["position"] for row in rows] == list(range(len(rows), 0, -1))
    assert len(rows) > 1


async def test_who_reads_before_anything_was_told_locks_nothing_of_what_is_told_then(
    crowd: Resources,
) -> None:
    """Two read at once; when the one began there was no counter that it could have locked."""
    ann = await make_user(crowd.database)
    before, after = Halt("WITH seen"), Halt("WITH seen")
    early = begin(crowd.database, lambda tx: mark_all_read(tx, ann.actor), before)
    await before.reached_by(early)
    await tell(crowd, ann.number)
    late = begin(crowd.database, lambda tx: mark_all_read(tx, ann.actor), after)
    await after.reached_by(late)
    before.go.set()
    await as_far_as_it_comes(crowd.database, early)
    after.go.set()
    assert (await early, await late) == (0, 0)
    assert await wrong_counters(crowd.database) == []


async def test_nothing_was_ever_told(resources: Resources, ann: MadeUser) -> None:
    async with nothing_written(resources.database):
        assert await read_these(resources, ann) == 0
        with pytest.raises(NotificationNotFound):
            await read_these(resources, ann, UUID(int=1))
