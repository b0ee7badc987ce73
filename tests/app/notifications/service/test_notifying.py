"""One row for each recipient and key, in the order of commits, however many tell at once."""

import asyncio

import pytest

from app.database import Database
from app.jobs import Job
from app.notifications import reads
from app.notifications.service import Choice, notify, update_preferences
from app.notifications.service.notifying import channel_of
from app.outbox import job_id_of
from app.pubsub import Message, Subscription
from app.resources import Resources
from app.telemetry import StatementCount, statements
from tests.factories.catalog import nothing_written, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.notifications import ADDED, REMOVED, listed, tell, wrong_counters


async def want(resources: Resources, user: MadeUser, **wanted: bool) -> None:
    async with resources.database.transaction() as tx:
        await update_preferences(tx, user.actor, choices=[Choice(ADDED, **wanted)])


async def test_everybody_is_told_once(resources: Resources) -> None:
    ann, ben = await make_user(resources.database), await make_user(resources.database)
    assert await tell(resources, ann.number, ben.number, ann.number, key="a") == 2
    assert await tell(resources, ann.number, key="a") == 0
    assert await tell(resources, ann.number, key="b") == 1
    # Another kind does not make another event of it.
    assert await tell(resources, ann.number, key="b", kind=REMOVED) == 0
    assert [(row["position"], row["kind"]) for row in await listed(resources.database, ann.number)] == [
        (2, "instructor_added"),
        (1, "instructor_added"),
    ]
    assert [row["position"] for row in await listed(resources.database, ben.number)] == [1]
    assert await wrong_counters(resources.database) == []


async def test_who_is_nobody_is_not_told(resources: Resources) -> None:
    ann = await make_user(resources.database)
    assert await tell(resources, 2**62) == 0
    assert await tell(resources) == 0
    assert await tell(resources, 2**62, ann.number) == 1


async def told_in_vain(resources: Resources, user: MadeUser) -> None:
    async with resources.database.transaction() as tx:
        facts = {"course_title": ""}
        await notify(tx, resources.notifier, kind=ADDED, recipients=[user.number], key="a", payload=facts)
        raise ZeroDivisionError


async def words(heard: Subscription, number: int) -> list[object]:
    """The next messages."""
    messages = aiter(heard)
    found = [await anext(messages) for _ in range(number)]
    assert all(isinstance(message, Message) for message in found)
    return [message.message for message in found if isinstance(message, Message)]


async def test_nothing_of_what_is_rolled_back(resources: Resources) -> None:
    ann = await make_user(resources.database)
    async with resources.pubsub.subscribe(channel_of(ann.number)) as heard:
        async with nothing_written(resources.database):
            with pytest.raises(ZeroDivisionError):
                await told_in_vain(resources, ann)
        await tell(resources, ann.number)
        assert await words(heard, 1) == [{"position": 1}]


async def test_a_missing_fact_is_a_bug_at_once(resources: Resources) -> None:
    ann = await make_user(resources.database)
    async with nothing_written(resources.database):
        with pytest.raises(KeyError, match="course_title"):
            async with resources.database.transaction() as tx:
                await notify(tx, resources.notifier, kind=ADDED, recipients=[ann.number], key="a", payload={})


async def test_fifty_at_once_stand_in_the_order_of_their_commits(crowd: Resources) -> None:
    """Whoever has read up to a position has missed nothing: at no moment does one stand there before those below it."""
    ann = await make_user(crowd.database)
    told = 0

    async def one(number: int) -> None:
        nonlocal told
        async with crowd.database.transaction() as tx:
            await notify(
                tx,
                crowd.notifier,
                kind=ADDED,
                recipients=[ann.number],
                key=f"event {number}",
                payload={"course_title": "", "number": number},
            )
            # Whoever came first is not whoever commits first, unless they had to wait for each other.
            await asyncio.sleep(0.01 if number % 2 else 0)
        told += 1

    async def seen() -> list[int]:
        return [row["position"] for row in await listed(crowd.database, ann.number)][::-1]

    lengths: set[int] = set()

    async def look() -> None:
        while told < 50:
            positions = await seen()
            assert positions == list(range(1, len(positions) + 1))
            lengths.add(len(positions))

    await asyncio.gather(look(), *map(one, range(50)))
    # It was looked while they came.
    assert len(lengths) > 5
    assert await seen() == list(range(1, 51))
    assert await wrong_counters(crowd.database) == []


async def test_the_same_event_told_by_many_at_once(crowd: Resources) -> None:
    ann = await make_user(crowd.database)
    told = await asyncio.gather(*(tell(crowd, ann.number, key=f"event {n % 5}") for n in range(50)))
    assert sum(told) == 5
    assert [row["position"] for row in await listed(crowd.database, ann.number)] == [5, 4, 3, 2, 1]
    assert await wrong_counters(crowd.database) == []


async def test_many_who_tell_the_same_people_in_any_order(crowd: Resources) -> None:
    users = [(await make_user(crowd.database)).number for _ in range(20)]
    told = await asyncio.gather(*(tell(crowd, *(users[n:] + users[:n])) for n in range(20)))
    assert told == [20] * 20
    for user in users:
        assert [row["position"] for row in await listed(crowd.database, user)] == list(range(20, 0, -1))


@pytest.mark.parametrize("recipients", [1, 100, 1_000])
async def test_statements_do_not_grow(resources: Resources, recipients: int) -> None:
    await run(
        resources.database,
        "INSERT INTO users (email, email_key, name, email_verified_at)"
        " SELECT n || '@crowd.test', n || '@crowd.test', 'U', now() FROM generate_series(1, $1::int) n",
        recipients,
    )
    ids = [row["id"] for row in await run(resources.database, "SELECT id FROM users")]
    counted = StatementCount(keep_texts=True)
    token = statements.set(counted)
    try:
        assert await tell(resources, *ids) == recipients
    finally:
        statements.reset(token)
    assert counted.total == 3, counted.texts
    mails = await run(resources.database, "SELECT count(*) FROM notification_mails")
    assert mails[0][0] == recipients


async def test_who_listens_is_woken_after_the_commit(resources: Resources) -> None:
    ann = await make_user(resources.database)
    async with resources.pubsub.subscribe(channel_of(ann.number)) as heard:
        await tell(resources, ann.number, key="a")
        await tell(resources, ann.number, key="a")
        await tell(resources, ann.number, key="b")
        assert await words(heard, 2) == [{"position": 1}, {"position": 2}]


async def test_redis_away_changes_nothing(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def away(channel: str, message: object) -> bool:
        asked.append(channel)
        return False

    monkeypatch.setattr(resources.pubsub, "publish", away)
    users = [await make_user(resources.database) for _ in range(3)]
    assert await tell(resources, *(user.number for user in users)) == 3
    assert len(asked) == 1, "each attempt may take half a second"


@pytest.mark.parametrize(
    ("wanted", "verified", "row"),
    [
        ({}, True, (1, False, True)),
        ({}, False, (1, False, False)),
        ({"mail": False}, True, (1, False, False)),
        ({"in_app": False}, True, (None, False, True)),
        ({"in_app": False, "mail": False}, True, (None, False, False)),
        ({"mail": False, "digest": True}, True, (1, True, False)),
        # Told at once, so not again; but whoever could not be told at once may prove the address before the digest.
        ({"mail": True, "digest": True}, True, (1, False, True)),
        ({"mail": True, "digest": True}, False, (1, True, False)),
    ],
)
async def test_preferences(
    resources: Resources, wanted: dict[str, bool], verified: bool, row: tuple[int | None, bool, bool]
) -> None:
    ann = await make_user(resources.database, verified=verified)
    if wanted:
        await want(resources, ann, **wanted)
    assert await tell(resources, ann.number) == 1
    # The choice is about one kind.
    other = await make_user(resources.database, verified=False)
    assert await tell(resources, other.number, kind=REMOVED) == 1
    (found,) = await run(
        resources.database, "SELECT * FROM notifications WHERE recipient_id = $1", ann.number
    )
    mails = await run(resources.database, "SELECT id FROM notification_mails")
    position, for_digest, mailed = row
    assert (found["position"], found["for_digest"]) == (position, for_digest)
    assert [mail["id"] for mail in mails] == ([found["id"]] if mailed else [])
    assert len(await listed(resources.database, ann.number)) == (0 if position is None else 1)
    assert await wrong_counters(resources.database) == []
    jobs = await run(resources.database, "SELECT id FROM jobs")
    expected = [job_id_of(Job.SEND_NOTIFICATION_MAILS, "all")] if mailed else []
    assert [job["id"] for job in jobs] == expected


async def test_what_is_not_listed_leaves_no_gap(resources: Resources) -> None:
    ann = await make_user(resources.database)
    await tell(resources, ann.number)
    await want(resources, ann, in_app=False)
    assert await tell(resources, ann.number, key="unseen") == 1
    assert await tell(resources, ann.number, key="unseen") == 0
    await want(resources, ann, in_app=True)
    await tell(resources, ann.number)
    assert [row["position"] for row in await listed(resources.database, ann.number)] == [2, 1]


async def test_an_account_that_goes_takes_all_with_it(database: Database, resources: Resources) -> None:
    ann = await make_user(database)
    await tell(resources, ann.number)
    await want(resources, ann, mail=False)
    await run(database, "DELETE FROM users WHERE id = $1", ann.number)
    for table in ("notifications", "notification_counters", "notification_preferences", "notification_mails"):
        assert await run(database, f"SELECT 1 FROM {table}") == []
    assert await reads.counters_of_users(database, [ann.number]) == []
