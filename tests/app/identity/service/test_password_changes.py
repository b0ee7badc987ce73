"""A password that is reset by a link and changed at once: an account is locked before its tokens."""

import pytest

from app.database import Transaction
from app.identity.errors import InvalidEmailToken
from app.identity.models import EmailTokenPurpose
from app.identity.service import password_changes
from app.identity.tokens import email_tokens
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import PASSWORD, make_user
from tests.support.meeting import meet


async def test_a_reset_and_a_change_of_the_password(crowd: Resources) -> None:
    ann = await make_user(crowd.database, password=PASSWORD)
    async with crowd.database.transaction() as tx:
        token = await email_tokens.issue(tx, user_id=ann.number, purpose=EmailTokenPurpose.RESET_PASSWORD)

    async def reset(tx: Transaction) -> None:
        await password_changes.reset_password(
            tx,
            database=crowd.database,
            throttle=crowd.throttle,
            ended=crowd.ended_sessions,
            outbox=crowd.outbox,
            token=token,
            new_password="reset to this one",
            client_address="192.0.2.1",
        )

    async def change(tx: Transaction) -> None:
        await password_changes.change_password(
            tx,
            ann.actor,
            database=crowd.database,
            throttle=crowd.throttle,
            ended=crowd.ended_sessions,
            outbox=crowd.outbox,
            current_password=PASSWORD,
            new_password="changed to this one",
            client_address="192.0.2.1",
        )

    # The address is proved by whoever resets: that locks the account.
    with pytest.raises(InvalidEmailToken):
        await meet(crowd.database, reset, change, before="pg_advisory_xact_lock")
    assert await run(crowd.database, "SELECT FROM email_tokens") == []
