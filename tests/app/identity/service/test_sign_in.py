"""Who gets in by address and password; what time and words tell those who do not."""

from typing import Any

import pytest
from argon2 import PasswordHasher

from app.database import Database, Query
from app.errors import DomainError, RateLimited, Unavailable
from app.identity import passwords
from app.identity.errors import InvalidCredentials
from app.identity.service import accounts, sign_in
from app.identity.throttling.throttle import Throttle
from app.settings import AuthenticationSettings
from app.telemetry import Metrics
from tests.factories.identity import PASSWORD, make_user

ALL = Query("SELECT * FROM users ORDER BY id", (), {})
THROTTLE = Throttle(AuthenticationSettings(), Metrics())


async def register(database: Database, password: str = PASSWORD) -> Any:
    async with database.transaction() as tx:
        return await accounts.register(tx, email="ann@school.test", password=password, name="Ann")


async def login(database: Database, email: str, password: str) -> Any:
    return await sign_in.login(database, Metrics(), THROTTLE, email=email, password=password)


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
    assert len(verifications) == 6  # an owner's and a claimant's each, whether there is one or not
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
    with pytest.raises(InvalidCredentials):
        await login(database, row["email"], PASSWORD)
    assert (await database.fetch(ALL))[0]["password_hash"] == changed


async def test_two_who_renew_a_hash_at_once_both_get_in(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
    monkeypatch.setattr(passwords, "_hash", weaker.hash)
    row = await register(database)
    monkeypatch.undo()
    hashed = passwords.hashed

    async def after_the_other(password: str) -> str:
        monkeypatch.undo()
        await login(database, row["email"], PASSWORD)
        return await hashed(password)

    monkeypatch.setattr(passwords, "hashed", after_the_other)
    proved = await login(database, row["email"], PASSWORD)
    assert proved["password_hash"] == (await database.fetch(ALL))[0]["password_hash"]
    assert not passwords.outdated(proved["password_hash"])


async def test_logins_are_counted_by_outcome(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    user = await make_user(database, password=PASSWORD)
    await sign_in.login(database, metrics, THROTTLE, email=user.email, password=PASSWORD)
    for email, password in (
        (user.email, "wrong password"),
        ("unknown@school.test", PASSWORD),
        ("ann", PASSWORD),
    ):
        with pytest.raises(DomainError):
            await sign_in.login(
                database,
                metrics,
                THROTTLE,
                email=email,
                password=password,
            )
    monkeypatch.setattr(passwords, "WAITING_LIMIT", 0)
    with pytest.raises(Unavailable):
        await sign_in.login(
            database,
            metrics,
            THROTTLE,
            email=user.email,
            password=PASSWORD,
        )
    counted = {
        sample.labels["outcome"]: sample.value
        for metric in metrics.logins.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    assert counted == {"success": 1, "invalid_credentials": 2, "invalid_input": 1, "unavailable": 1}


async def test_the_owner_costs_one_verification_and_a_claimant_two(
    database: Database, verifications: list[str]
) -> None:
    alone = await register(database)
    assert (await login(database, "ann@school.test", PASSWORD))["id"] == alone["id"]
    assert len(verifications) == 2
    owner = await make_user(database, email="ann@school.test", password="the owner's own")
    # That somebody has the address by now, a claimant's success does not tell.
    assert (await login(database, "ann@school.test", PASSWORD))["id"] == alone["id"]
    assert len(verifications) == 4
    assert (await login(database, "ann@school.test", "the owner's own"))["id"] == owner.number
    assert len(verifications) == 5


async def test_of_several_claimants_the_last_gets_in_whether_there_is_an_owner_or_not(
    database: Database,
) -> None:
    await register(database, "the first password")
    second = await register(database, "the second password")
    for owned in (False, True):
        if owned:
            await make_user(database, email="ann@school.test", password=PASSWORD)
        with pytest.raises(InvalidCredentials):
            await login(database, "ann@school.test", "the first password")
        assert (await login(database, "ann@school.test", "the second password"))["id"] == second["id"]


async def test_with_one_password_for_both_the_owner_gets_in(database: Database) -> None:
    await register(database)
    owner = await make_user(database, email="ann@school.test", password=PASSWORD)
    assert (await login(database, "ann@school.test", PASSWORD))["id"] == owner.number


async def test_after_five_failures_even_the_right_password_is_refused(
    database: Database, verifications: list[str]
) -> None:
    user = await make_user(database, password=PASSWORD)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await login(database, user.email, "a wrong password")
    verifications.clear()
    with pytest.raises(RateLimited) as refusal:
        await login(database, user.email, PASSWORD)
    assert 50 <= refusal.value.retry_after_seconds <= 60
    assert verifications == []  # a refusal costs no hashing
