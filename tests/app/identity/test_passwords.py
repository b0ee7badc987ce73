import asyncio

import pytest

from app.errors import Unavailable
from app.identity import passwords
from app.identity.errors import InvalidPassword


@pytest.mark.parametrize(
    "password",
    [
        "12345678",
        "x" * 128,
        "ключ-от-дома",
        "пароль из слов",
        "\U0001f600" * 8,
        "        a       ",
        "\U0001f600" * 128,  # 512 bytes
    ],
)
def test_what_the_policy_allows(password: str) -> None:
    assert passwords.checked(password, email="ann@school.test") == password


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("1234567", "at least 8"),
        ("", "at least 8"),
        ("\ufdfa", "at least 8"),  # one character that NFKC turns into eighteen
        ("e\u0301" * 4, "at least 8"),  # eight code points that NFKC makes four
        ("x" * 129, "at most 128"),
        ("\ufdfa" * 20, "at most 128"),
        ("\U0001f600" * 300, "at most 128"),
        ("x" * 100_000, "at most 128"),
        (" " * 8, "spaces"),
        ("\u2003\t\u00a0     ", "spaces"),
        ("Ann@School.test", "e-mail"),
        (" ann@school.test ", "e-mail"),
        ("ann\x00password", "null"),
        ("ann\ud800password", "valid text"),
    ],
)
def test_what_the_policy_refuses(password: str, reason: str) -> None:
    with pytest.raises(InvalidPassword, match=reason) as refusal:
        passwords.checked(password, email="ann@school.test")
    assert refusal.value.path == ("input", "password")
    assert refusal.value.code == "INVALID_INPUT"


async def test_hashes_are_argon2id_and_salted() -> None:
    first, second = await passwords.hashed("correct horse"), await passwords.hashed("correct horse")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert await passwords.verified(first, "correct horse")
    assert not await passwords.verified(first, "correct horsf")


async def test_one_password_on_two_keyboards() -> None:
    composed, decomposed = "p\u00e9ch\u00e9 caf\u00e9", "pe\u0301che\u0301 cafe\u0301"
    assert composed != decomposed
    assert await passwords.verified(await passwords.hashed(composed), decomposed)


async def test_without_a_hash_nothing_matches() -> None:
    assert not await passwords.verified(None, "correct horse")
    assert not await passwords.verified("not a hash", "correct horse")


def test_the_dummy_hash_costs_what_a_real_one_costs() -> None:
    assert not passwords.outdated(passwords.DUMMY_HASH)


async def test_hashes_of_other_parameters_are_outdated() -> None:
    other = (await passwords.hashed("correct horse")).replace("t=2", "t=1")
    assert passwords.outdated(other)


async def test_a_storm_is_told_to_come_back_and_the_queue_drains() -> None:
    arrivals = passwords.WAITING_LIMIT + 20
    results = await asyncio.gather(
        *(passwords.hashed(f"password {number}") for number in range(arrivals)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, Unavailable)]
    assert len(refused) == 20
    assert sum(isinstance(result, str) for result in results) == passwords.WAITING_LIMIT
    assert refused[0].retry_after_seconds >= 1
    assert await passwords.verified(await passwords.hashed("afterwards"), "afterwards")


async def test_who_gives_up_waiting_leaves_the_queue() -> None:
    waiting = [asyncio.create_task(passwords.hashed(f"password {number}")) for number in range(30)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    assert all(
        isinstance(result, asyncio.CancelledError)
        for result in await asyncio.gather(*waiting, return_exceptions=True)
    )
    assert passwords._waiting == 0
