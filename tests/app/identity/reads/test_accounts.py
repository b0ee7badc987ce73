from app.database import Database
from app.identity import reads
from app.identity.models import Role
from app.telemetry import StatementCount, statements
from tests.factories.identity import make_user


async def test_users_by_id_is_one_statement_for_any_number(database: Database) -> None:
    users = [await make_user(database, Role.INSTRUCTOR) for _ in range(20)]
    counted = StatementCount()
    token = statements.set(counted)
    rows = await reads.users_by_id(database, [user.number for user in users] + [2**62])
    statements.reset(token)
    assert counted.total == 1
    assert {row["id"]: row["email"] for row in rows} == {user.number: user.email for user in users}
    assert set(rows[0].keys()) == {column.name for column in reads.PUBLIC_COLUMNS}
    assert "password_hash" not in dict(rows[0])


async def test_no_ids_no_rows(database: Database) -> None:
    await make_user(database)
    assert await reads.users_by_id(database, []) == []


async def test_user_by_email_key(database: Database) -> None:
    user = await make_user(database, email="Ann@school.test")
    row = await reads.user_by_email_key(database, "ann@school.test")
    assert row is not None
    assert (row["id"], row["password_hash"]) == (user.number, None)
    assert await reads.user_by_email_key(database, "Ann@school.test") is None
