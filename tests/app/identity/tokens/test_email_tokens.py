import asyncio

import pytest

from app.identity.errors import InvalidEmailToken
from app.identity.models import EmailTokenPurpose
from app.identity.tokens import email_tokens
from app.identity.tokens.email_tokens import LIFETIMES
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import make_user

VERIFY, RESET = EmailTokenPurpose.VERIFY_EMAIL, EmailTokenPurpose.RESET_PASSWORD


async def issue(resources: Resources, user: int, purpose: EmailTokenPurpose = VERIFY) -> str:
    async with resources.database.transaction() as tx:
        return await email_tokens.issue(tx, user_id=user, purpose=purpose)


async def spend(resources: Resources, token: str, purpose: EmailTokenPurpose = VERIFY) -> int:
    async with resources.database.transaction() as tx:
        return await email_tokens.spend(tx, token, purpose)


async def test_a_token_is_good_once(resources: Resources) -> None:
    user = await make_user(resources.database)
    token = await issue(resources, user.number)
    owner = await email_tokens.owner(
        resources.database, resources.throttle, token, VERIFY, client_address="192.0.2.1"
    )
    assert owner == user.number
    assert await spend(resources, token) == user.number
    with pytest.raises(InvalidEmailToken):
        await spend(resources, token)


async def test_it_is_stored_as_a_hash(resources: Resources) -> None:
    token = await issue(resources, (await make_user(resources.database)).number)
    stored = await run(resources.database, "SELECT * FROM email_tokens")
    assert token not in repr([tuple(row) for row in stored])
    assert token.encode() not in stored[0]["token_hash"]


async def test_of_many_at_once_one_succeeds(crowd: Resources) -> None:
    token = await issue(crowd, (await make_user(crowd.database)).number)
    results = await asyncio.gather(*(spend(crowd, token) for _ in range(20)), return_exceptions=True)
    assert len([result for result in results if isinstance(result, int)]) == 1
    assert len([result for result in results if isinstance(result, InvalidEmailToken)]) == 19


@pytest.mark.parametrize("purpose", EmailTokenPurpose)
async def test_it_expires(resources: Resources, purpose: EmailTokenPurpose) -> None:
    token = await issue(resources, (await make_user(resources.database)).number, purpose)
    age = LIFETIMES[purpose].total_seconds()
    move = "UPDATE email_tokens SET expires_at = expires_at - make_interval(secs => $1)"
    await run(resources.database, move, age - 60)
    async with resources.database.transaction() as tx:
        await email_tokens.spend(tx, token, purpose)
        await tx.fetch_text("SELECT 1")
    token = await issue(resources, (await make_user(resources.database)).number, purpose)
    await run(resources.database, move, age + 1)
    with pytest.raises(InvalidEmailToken):
        await spend(resources, token, purpose)


async def test_using_one_ends_the_others_of_its_purpose(resources: Resources) -> None:
    user = await make_user(resources.database)
    first, second = await issue(resources, user.number), await issue(resources, user.number)
    other = await issue(resources, user.number, RESET)
    await spend(resources, second)
    with pytest.raises(InvalidEmailToken):
        await spend(resources, first)
    assert await spend(resources, other, RESET) == user.number


async def test_a_token_of_another_purpose_is_none(resources: Resources) -> None:
    token = await issue(resources, (await make_user(resources.database)).number)
    with pytest.raises(InvalidEmailToken):
        await spend(resources, token, RESET)
    await spend(resources, token)


@pytest.mark.parametrize("token", ["", "x", "\ud800", "x" * 60_000, "\x00"])
async def test_nonsense_is_refused(resources: Resources, token: str) -> None:
    with pytest.raises(InvalidEmailToken):
        await spend(resources, token)
