"""Failures are counted exactly, whoever comes at once; rests grow, are forgiven, and outlive the process."""

import asyncio

import pytest

from app.database import Database
from app.errors import RateLimited
from app.identity.throttling.failures import FORGIVEN_AFTER, WINDOW
from app.identity.throttling.throttle import Key, Throttle
from app.resources import Resources
from app.settings import AuthenticationSettings
from app.telemetry import Metrics
from tests.factories.catalog import run


@pytest.fixture
def throttle(resources: Resources) -> Throttle:
    return resources.throttle


async def fail(throttle: Throttle, database: Database, key: Key, times: int = 5) -> None:
    for _ in range(times):
        await throttle.count_failure(database, [key])


async def rests(throttle: Throttle, database: Database, key: Key) -> int:
    """Seconds, or 0 when it does not rest."""
    try:
        await throttle.check(database, [key])
    except RateLimited as refusal:
        return refusal.retry_after_seconds
    return 0


async def pass_time(database: Database, seconds: float) -> None:
    for column in ("window_began", "rests_until", "last_failure"):
        await run(
            database, f"UPDATE attempt_throttles SET {column} = {column} - make_interval(secs => $1)", seconds
        )


async def test_the_fifth_failure_begins_a_rest(throttle: Throttle, database: Database) -> None:
    key = throttle.account("ann@school.test")
    await fail(throttle, database, key, 4)
    assert await rests(throttle, database, key) == 0
    await fail(throttle, database, key, 1)
    assert 59 <= await rests(throttle, database, key) <= 60
    assert await rests(throttle, database, throttle.account("bob@school.test")) == 0
    with pytest.raises(RateLimited):
        await throttle.count_failure(database, [key])


async def test_rests_grow_and_are_forgiven(throttle: Throttle, database: Database) -> None:
    key = throttle.account("ann@school.test")
    for expected in (60, 120, 240, 480, 900, 900):
        await fail(throttle, database, key)
        assert expected - 5 <= await rests(throttle, database, key) <= expected
        await pass_time(database, expected)
        assert await rests(throttle, database, key) == 0
    await pass_time(database, FORGIVEN_AFTER.total_seconds())
    await fail(throttle, database, key)
    assert 55 <= await rests(throttle, database, key) <= 60


async def test_failures_of_another_minute_do_not_count(throttle: Throttle, database: Database) -> None:
    key = throttle.account("ann@school.test")
    for _ in range(3):
        await fail(throttle, database, key, 4)
        await pass_time(database, WINDOW.total_seconds())
    assert await rests(throttle, database, key) == 0


async def test_it_outlives_the_process(throttle: Throttle, database: Database) -> None:
    key = throttle.account("ann@school.test")
    await fail(throttle, database, key)
    another = Throttle(AuthenticationSettings(), Metrics())
    assert await rests(another, database, another.account("ann@school.test")) > 0


async def test_of_fifty_failures_at_once_five_are_told(crowd: Resources) -> None:
    throttle = crowd.throttle
    keys = [throttle.account("ann@school.test"), *throttle.address("sign_in", "192.0.2.1")]
    # In both orders: rows are locked in one.
    results = await asyncio.gather(
        *(throttle.count_failure(crowd.database, keys[:: 1 if n % 2 else -1]) for n in range(50)),
        return_exceptions=True,
    )
    assert [type(result) for result in results].count(type(None)) == 5
    assert [type(result) for result in results].count(RateLimited) == 45


async def test_a_success_that_ends_too_late_is_refused(throttle: Throttle, database: Database) -> None:
    account, *addresses = [throttle.account("ann@school.test"), *throttle.address("sign_in", "192.0.2.1")]
    await fail(throttle, database, addresses[0])

    async def settle() -> None:
        async with database.transaction() as tx:
            await throttle.settle_success(tx, account, addresses)

    with pytest.raises(RateLimited):
        await settle()


async def test_a_success_forgives_the_account_not_the_address(throttle: Throttle, database: Database) -> None:
    account, *addresses = keys = [
        throttle.account("ann@school.test"),
        *throttle.address("sign_in", "192.0.2.1"),
    ]
    for _ in range(4):
        await throttle.count_failure(database, keys)
    async with database.transaction() as tx:
        await throttle.settle_success(tx, account, addresses)
    await fail(throttle, database, account, 4)
    assert await rests(throttle, database, account) == 0
    await fail(throttle, database, addresses[0], 1)
    assert await rests(throttle, database, addresses[0]) > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("a socket", "a socket", True),
    ],
)
def test_who_shares_an_address(throttle: Throttle, one: str, other: str, same: bool) -> None:
    assert (throttle.address("sign_in", one) == throttle.address("sign_in", other)) is same


async def test_an_unknown_address_is_not_counted(throttle: Throttle, database: Database) -> None:
    assert throttle.address("sign_in", "") == []
    await throttle.count_failure(database, [])
    await throttle.check(database, [])
    assert await run(database, "SELECT 1 FROM attempt_throttles") == []


async def test_nobody_is_named(throttle: Throttle, database: Database) -> None:
    await throttle.count_failure(
        database, [throttle.account("ann@school.test"), *throttle.address("sign_in", "192.0.2.1")]
    )
    stored = repr([tuple(row) for row in await run(database, "SELECT * FROM attempt_throttles")])
    assert "ann" not in stored
    assert "192" not in stored


async def test_what_is_left_out_in_silence(throttle: Throttle, database: Database) -> None:
    key = throttle.mails("reset", "ann@school.test")
    answers = []
    for _ in range(5):
        async with database.transaction() as tx:
            answers.append(await throttle.allows(tx, key))
    assert answers == [True, True, True, False, False]
