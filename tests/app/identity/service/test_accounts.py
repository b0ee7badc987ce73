import asyncio
from typing import Any

import pytest

from app.database import Database, Query
from app.errors import DomainError
from app.identity import passwords, reads
from app.identity.errors import EmailTaken, SeveralAccounts, UserNotFound
from app.identity.models import Role
from app.identity.service import accounts
from app.resources import Resources
from tests.factories.identity import PASSWORD, make_user

COUNT = Query("SELECT count(*) FROM users", (), {})
ALL = Query("SELECT * FROM users ORDER BY id", (), {})


async def count(database: Database) -> int:
    return int((await database.fetch(COUNT))[0]["count"])


async def register(database: Database, **changes: str) -> Any:
    values = {"email": "ann@school.test", "password": PASSWORD, "name": "Ann", **changes}
    async with database.transaction() as tx:
        return await accounts.register(tx, **values)


async def create(database: Database, email: str = "ann@school.test", name: str = "Ann") -> Any:
    async with database.transaction() as tx:
        return await accounts.create_user(tx, email=email, name=name, role=Role.STUDENT, password=None)


async def test_register_makes_a_student(database: Database) -> None:
    row = await register(database, email="  Ann.Lee@School.TEST ", name="  Ann Lee ")
    assert dict(row).keys() == {column.name for column in reads.PUBLIC_COLUMNS}
    assert (row["name"], row["email"], row["role"]) == ("Ann Lee", "Ann.Lee@school.test", "student")
    stored = (await database.fetch(ALL))[0]
    assert stored["email_key"] == "ann.lee@school.test"
    assert stored["password_hash"].startswith("$argon2id$")
    assert await passwords.verified(stored["password_hash"], PASSWORD)


@pytest.mark.parametrize(
    "again",
    [
        "ann@school.test",
        "ANN@SCHOOL.TEST",
        "  ann@school.test\t",
        "ann@\uff53chool.test",
    ],
)
async def test_an_operator_makes_one_account_of_an_address(database: Database, again: str) -> None:
    await create(database)
    before = await database.fetch(ALL)
    with pytest.raises(EmailTaken) as refusal:
        await create(database, email=again, name="Other")
    assert (refusal.value.code, refusal.value.path) == ("EMAIL_TAKEN", ("input", "email"))
    assert await database.fetch(ALL) == before


async def test_anybody_may_claim_any_address(database: Database) -> None:
    owner = await create(database)
    rows = [await register(database, name=f"Ann {number}") for number in range(3)]
    assert len({row["id"] for row in [owner, *rows]}) == 4
    assert owner["email_verified_at"] is not None
    assert [row["email_verified_at"] for row in rows] == [None] * 3


async def test_other_addresses_have_their_own(database: Database) -> None:
    for email in ("ann@school.test", "ann+1@school.test", "a.nn@school.test", "ann@b\u00fccher.test"):
        await register(database, email=email)
    assert await count(database) == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", ""),
        ("email", "ann"),
        ("email", "ann@"),
        ("email", "ann@school"),
        ("email", "ann lee@school.test"),
        ("email", "ann@school.test, bob@school.test"),
        ("email", "Ann <ann@school.test>"),
        ("email", "ann\x00@school.test"),
        ("email", "ann@school.test\x00"),
        ("email", "ann\n@school.test"),
        ("email", "ann\ud800@school.test"),
        ("email", f"{'a' * 300}@school.test"),
        ("email", f"ann@{'b' * 300}.test"),
        ("password", "short"),
        ("password", "ann@school.test"),
        ("password", "pass\x00word"),
        ("name", ""),
        ("name", "   "),
        ("name", "\u200b\u200d"),
        ("name", "x" * 101),
        ("name", "Ann\x00Lee"),
        ("name", "Ann\nLee"),
        ("name", "Ann\u2028Lee"),
        ("name", "Ann\x1b[31m"),
        ("name", "Ann \u202eeeL"),
        ("name", "Ann\ud800"),
    ],
)
async def test_bad_input_names_its_field_and_writes_nothing(
    database: Database, field: str, value: str
) -> None:
    with pytest.raises(DomainError) as refusal:
        await register(database, **{field: value})
    assert (refusal.value.code, refusal.value.path) == ("INVALID_INPUT", ("input", field))
    assert "\x00" not in refusal.value.message
    assert await count(database) == 0


@pytest.mark.parametrize(
    "name", ["X", "x" * 100, "Zo\u00eb O'Hara-L\u00f3pez", "\u738b\u5c0f\u660e", "\U0001f469\u200d\U0001f3eb"]
)
async def test_names_of_the_world(database: Database, name: str) -> None:
    assert (await register(database, name=name))["name"] == name


async def test_of_fifty_operators_at_once_one_makes_the_account(crowd: Resources) -> None:
    spellings = ("ann@school.test", "Ann@school.test", " ANN@SCHOOL.TEST ")
    results = await asyncio.gather(
        *(create(crowd.database, email=spellings[n % 3], name=f"Ann {n}") for n in range(50)),
        return_exceptions=True,
    )
    made = [result for result in results if not isinstance(result, BaseException)]
    assert len(made) == 1
    assert [type(result) for result in results if result is not made[0]] == [EmailTaken] * 49
    assert [row["name"] for row in await crowd.database.fetch(ALL)] == [made[0]["name"]]


async def test_registering_holds_no_connection_while_hashing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = passwords.hashed

    async def with_a_look_at_the_pool(password: str) -> str:
        await database.ping()  # the pool has one connection: this would wait for ever
        return await hashed(password)

    monkeypatch.setattr(passwords, "hashed", with_a_look_at_the_pool)
    await register(database)
    assert await count(database) == 1


async def test_an_account_of_any_role_with_or_without_a_password(database: Database) -> None:
    async with database.transaction() as tx:
        row = await accounts.create_user(
            tx, email="import@school.test", name="Import", role=Role.INSTRUCTOR, password=None
        )
    assert row["role"] == "instructor"
    assert (await database.fetch(ALL))[0]["password_hash"] is None


async def test_a_role_is_changed(database: Database) -> None:
    user = await make_user(database)
    other = await make_user(database)
    async with database.transaction() as tx:
        row = await accounts.set_role(tx, email=f" {user.email.upper()} ", role=Role.ADMIN)
    assert (row["id"], row["role"]) == (user.number, "admin")
    roles = {row["id"]: row["role"] for row in await database.fetch(ALL)}
    assert roles == {user.number: "admin", other.number: "student"}


async def test_the_role_of_nobody_is_not_changed(database: Database) -> None:
    await make_user(database)
    before = await database.fetch(ALL)
    with pytest.raises(UserNotFound):
        async with database.transaction() as tx:
            await accounts.set_role(tx, email="unknown@school.test", role=Role.ADMIN)
    assert await database.fetch(ALL) == before


async def test_of_several_that_claim_an_address_none_gets_a_role(database: Database) -> None:
    for _ in range(2):
        await register(database)
    async with database.transaction() as tx:
        with pytest.raises(SeveralAccounts, match="Several accounts"):
            await accounts.set_role(tx, email="ann@school.test", role=Role.ADMIN)
    assert {row["role"] for row in await database.fetch(ALL)} == {"student"}
    owner = await create(database)
    async with database.transaction() as tx:
        row = await accounts.set_role(tx, email="Ann@school.test", role=Role.INSTRUCTOR)
    assert (row["id"], row["role"]) == (owner["id"], "instructor")
    assert [row["role"] for row in await database.fetch(ALL)] == ["student", "student", "instructor"]
