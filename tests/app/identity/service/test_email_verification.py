"""Two links that prove one address, opened at once: an account is locked before its tokens."""

import pytest

from app.database import Transaction
from app.identity.errors import InvalidEmailToken
from app.identity.models import EmailTokenPurpose
from app.identity.service import email_verification
from app.identity.tokens import email_tokens
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import MadeUser, make_user
from tests.support.meeting import Action, meet


async def link(crowd: Resources, user: MadeUser, purpose: EmailTokenPurpose) -> str:
    async with crowd.database.transaction() as tx:
        return await email_tokens.issue(tx, user_id=user.number, purpose=purpose)


def verifying(crowd: Resources, user: MadeUser, token: str) -> Action:
    async def verify(tx: Transaction) -> None:
        await email_verification.verify(
            tx,
            user.actor,
            database=crowd.database,
            throttle=crowd.throttle,
            token=token,
            password=None,
            client_address="192.0.2.1",
        )

    return verify


async def test_one_of_two_links_succeeds(crowd: Resources) -> None:
    ann = await make_user(crowd.database, verified=False)
    first, second = [await link(crowd, ann, EmailTokenPurpose.VERIFY_EMAIL) for _ in range(2)]
    with pytest.raises(InvalidEmailToken):
        await meet(
            crowd.database,
            verifying(crowd, ann, first),
            verifying(crowd, ann, second),
            before="DELETE FROM email_tokens",
            turn=2,
        )
    (row,) = await run(crowd.database, "SELECT email_verified_at IS NOT NULL AS proved FROM users")
    assert row["proved"]
    assert await run(crowd.database, "SELECT FROM email_tokens") == []
