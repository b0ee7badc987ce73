import asyncio
from typing import Any

import pytest
from argon2 import PasswordHasher

from app.database import Database, Query
from app.errors import DomainError, Unavailable
from app.identity import passwords, service
from app.identity.errors import EmailTaken, InvalidCredentials, UserNotFound
from app.identity.models import Role
from app.resources import Resources
from app.telemetry import Metrics
from tests.factories.identity import PASSWORD, make_user

COUNT = Query("SELECT count(*) FROM users", (), {})
ALL = Query("SELECT * FROM users ORDER BY id", (), {})


async def count(database: Database) -> int:
    return int((await database.fetch(COUNT))[0]["count"])


async def register(database: Database, **changes: str) -> Any:
    values = {"email": "ann@school.test", "password": PASSWORD, "name": "Ann", **changes}
    async with database.transaction() as tx:
        return await service.register(tx, **values)


async def login(database: Database, email: str, password: str) -> Any:
    return await service.login(database, Metrics(), email=email, password=password)


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parameters of each argon2 verification, in order."""
    made: list[str] = []
    verify = passwords._verify

    def counted(password_hash: str, password: str) -> bool:
        made.append(password_hash.rsplit("$", 2)[0])
        return verify(password_hash, password)

    monkeypatch.setattr(passwords, "_verify", counted)
    return made


async def test_register_makes_a_student(database: Database) -> None:
    row = await register(database, email="  Ann.Lee@School.TEST ", name="  Ann Lee ")
    assert dict(row).keys() == {"id", "name", "email", "role", "created_at"}
    assert (row["name"], row["email"], row["role"]) == ("Ann Lee", "Ann.Lee@school.test", "student")
    stored = (await database.fetch(ALL))[0]
    assert stored["email_key"] == "ann.lee@school.test"
    assert stored["password_hash"].startswith("$argon2id$")
    assert (await login(database, " ann.LEE@school.test", PASSWORD))["id"] == row["id"]


@pytest.mark.parametrize(
    "again",
    [
        "ann@school.test",
        "ANN@SCHOOL.TEST",
        "  ann@school.test\t",
        "\uff41nn@school.test",
        "ann@\uff53chool.test",
    ],
)
async def test_an_address_has_one_account(database: Database, again: str) -> None:
    await register(database)
    before = await database.fetch(ALL)
    with pytest.raises(EmailTaken) as refusal:
        await register(database, email=again, name="Other", password="another password")
    assert (refusal.value.code, refusal.value.path) == ("EMAIL_TAKEN", ("input", "email"))
    assert await database.fetch(ALL) == before


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


async def test_fifty_at_once_make_one_account(crowd: Resources) -> None:
    spellings = ("ann@school.test", "Ann@school.test", " ANN@SCHOOL.TEST ")
    results = await asyncio.gather(
        *(register(crowd.database, email=spellings[n % 3], name=f"Ann {n}") for n in range(50)),
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


async def test_login_holds_no_connection_while_verifying(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await make_user(database, password=PASSWORD)
    verified = passwords.verified

    async def with_a_look_at_the_pool(password_hash: str | None, password: str) -> bool:
        await database.ping()
        return await verified(password_hash, password)

    monkeypatch.setattr(passwords, "verified", with_a_look_at_the_pool)
    assert (await login(database, user.email, PASSWORD))["id"] == user.number


async def test_an_unknown_account_and_a_wrong_password_are_alike(
    database: Database, verifications: list[str]
) -> None:
    user = await make_user(database, password=PASSWORD)
    nobody = await make_user(database)
    answers = []
    for email, password in (
        (user.email, "a wrong password"),
        ("unknown@school.test", PASSWORD),
        (nobody.email, PASSWORD),  # an account that nobody can sign in to
    ):
        with pytest.raises(InvalidCredentials) as refusal:
            await login(database, email, password)
        answers.append((refusal.value.code, refusal.value.message, refusal.value.path))
    assert len(set(answers)) == 1
    assert answers[0][0] == "INVALID_CREDENTIALS"
    assert len(verifications) == 3
    assert len(set(verifications)) == 1  # the same parameters, so the same cost


async def test_the_dummy_password_opens_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "DUMMY_HASH", await passwords.hashed("known to all"))
    nobody = await make_user(database)
    for email in (nobody.email, "unknown@school.test"):
        with pytest.raises(InvalidCredentials):
            await login(database, email, "known to all")


@pytest.mark.parametrize(
    ("email", "password", "path"),
    [
        ("ann\x00@school.test", PASSWORD, "email"),
        ("ann", PASSWORD, "email"),
        ("ann@school.test", "pass\x00word", "password"),
        ("ann@school.test", "x" * 60_000, "password"),
    ],
)
async def test_malformed_credentials_are_bad_input(
    database: Database, email: str, password: str, path: str, verifications: list[str]
) -> None:
    with pytest.raises(DomainError) as refusal:
        await login(database, email, password)
    assert (refusal.value.code, refusal.value.path) == ("INVALID_INPUT", ("input", path))
    assert not verifications


async def test_a_hash_of_old_parameters_is_renewed_at_login(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
    monkeypatch.setattr(passwords, "_hash", weaker.hash)
    row = await register(database)
    monkeypatch.undo()
    old = (await database.fetch(ALL))[0]["password_hash"]
    assert passwords.outdated(old)
    with pytest.raises(InvalidCredentials):
        await login(database, row["email"], "a wrong password")
    assert (await database.fetch(ALL))[0]["password_hash"] == old
    await login(database, row["email"], PASSWORD)
    new = (await database.fetch(ALL))[0]["password_hash"]
    assert not passwords.outdated(new)
    await login(database, row["email"], PASSWORD)
    assert (await database.fetch(ALL))[0]["password_hash"] == new


async def test_renewing_a_hash_never_undoes_a_change_of_password(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
    monkeypatch.setattr(passwords, "_hash", weaker.hash)
    row = await register(database)
    monkeypatch.undo()
    changed = await passwords.hashed("a changed password")
    hashed = passwords.hashed

    async def changed_meanwhile(password: str) -> str:
        await database.fetch(Query("UPDATE users SET password_hash = $1", ("hash",), {}), hash=changed)
        return await hashed(password)

    monkeypatch.setattr(passwords, "hashed", changed_meanwhile)
    await login(database, row["email"], PASSWORD)
    assert (await database.fetch(ALL))[0]["password_hash"] == changed


async def test_logins_are_counted_by_outcome(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    user = await make_user(database, password=PASSWORD)
    await service.login(database, metrics, email=user.email, password=PASSWORD)
    for email, password in (
        (user.email, "wrong password"),
        ("unknown@school.test", PASSWORD),
        ("ann", PASSWORD),
    ):
        with pytest.raises(DomainError):
            await service.login(database, metrics, email=email, password=password)
    monkeypatch.setattr(passwords, "WAITING_LIMIT", 0)
    with pytest.raises(Unavailable):
        await service.login(database, metrics, email=user.email, password=PASSWORD)
    counted = {
        sample.labels["outcome"]: sample.value
        for metric in metrics.logins.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    assert counted == {"success": 1, "invalid_credentials": 2, "invalid_input": 1, "unavailable": 1}


async def test_an_account_of_any_role_with_or_without_a_password(database: Database) -> None:
    async with database.transaction() as tx:
        row = await service.create_user(
            tx, email="import@school.test", name="Import", role=Role.INSTRUCTOR, password=None
        )
    assert row["role"] == "instructor"
    assert (await database.fetch(ALL))[0]["password_hash"] is None


async def test_a_role_is_changed(database: Database) -> None:
    user = await make_user(database)
    other = await make_user(database)
    async with database.transaction() as tx:
        row = await service.set_role(tx, email=f" {user.email.upper()} ", role=Role.ADMIN)
    assert (row["id"], row["role"]) == (user.number, "admin")
    roles = {row["id"]: row["role"] for row in await database.fetch(ALL)}
    assert roles == {user.number: "admin", other.number: "student"}


async def test_the_role_of_nobody_is_not_changed(database: Database) -> None:
    await make_user(database)
    before = await database.fetch(ALL)
    with pytest.raises(UserNotFound):
        async with database.transaction() as tx:
            await service.set_role(tx, email="unknown@school.test", role=Role.ADMIN)
    assert await database.fetch(ALL) == before
