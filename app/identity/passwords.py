"""Passwords: the policy, and argon2id off the event loop.

Everything is normalised to NFKC before it is hashed: one password typed on two keyboards is one password.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import Unavailable
from app.identity.errors import InvalidPassword

MIN_LENGTH = 8
MAX_LENGTH = 128
MAX_BYTES = 1024
"""One code point may be four bytes, and NFKC may turn one code point into eighteen."""

# What OWASP asks of argon2id at least: 19 MiB and two passes on one lane, 20 to 40 ms of a current core.
# Three times as much memory would cost small machines a tenth of a second and more per login.
_HASHER = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)

DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$AxcgjCNLXP9KZiLsyN3gsw$2a2NfAfWJfQphzSY0Rl+xXnNg8Uva8VVPt/UqFAKBOg"
)
"""What a password is verified against where there is no account: the same parameters, so the same cost."""

# Two at a time: argon2 releases the GIL and fills a core each; the threads that the rest of the program
# uses stay free. In a storm of logins up to WAITING_LIMIT wait, about a second's work. Whoever comes later
# is told at once to try again, and no other operation waits.
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
WAITING_LIMIT = 64
_waiting = 0

Result = TypeVar("Result")


def checked(password: str, *, email: str) -> str:
    """The password, if allowed. Raises InvalidPassword. Length decides, not composition (NIST 800-63B)."""
    normalised = _normalised(password)
    shortest, longest = sorted((len(password), len(normalised)))
    if shortest < MIN_LENGTH:
        raise InvalidPassword(f"The password must have at least {MIN_LENGTH} characters.")
    if longest > MAX_LENGTH:
        raise InvalidPassword(f"The password must have at most {MAX_LENGTH} characters.")
    if not normalised.strip():
        raise InvalidPassword("The password must not consist of spaces alone.")
    if normalised.strip().casefold() == unicodedata.normalize("NFKC", email).strip().casefold():
        raise InvalidPassword("The password must not be the e-mail address.")
    return password


async def hashed(password: str) -> str:
    """The argon2id hash, salted, in its usual text form. Takes tens of milliseconds: hold no connection."""
    return await _in_thread(_hash, _normalised(password))


async def verified(password_hash: str | None, password: str) -> bool:
    """Whether the password is right. Without a hash it costs the same and is False.

    Hold no connection meanwhile. Raises InvalidPassword for what no account's password can be.
    """
    matches = await _in_thread(_verify, password_hash or DUMMY_HASH, _normalised(password))
    return matches and password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def _normalised(password: str) -> str:
    if len(password) > MAX_BYTES:
        raise InvalidPassword(f"The password must have at most {MAX_LENGTH} characters.")
    if "\x00" in password:
        raise InvalidPassword("The password must not contain a null character.")
    try:
        normalised = unicodedata.normalize("NFKC", password)
        size = len(normalised.encode())
    except UnicodeEncodeError:
        raise InvalidPassword("The password is not valid text.") from None
    if size > MAX_BYTES:
        raise InvalidPassword(f"The password must have at most {MAX_LENGTH} characters.")
    return normalised


def _hash(password: str) -> str:
    return _HASHER.hash(password)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


async def _in_thread(function: Callable[..., Result], *arguments: str) -> Result:
    global _waiting  # noqa: PLW0603 - the queue is the process's, as the cores are
    if _waiting >= WAITING_LIMIT:
        raise Unavailable(
            "Too many people are signing in right now. Please try again.", retry_after_seconds=2
        )
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, function, *arguments)
    finally:
        _waiting -= 1
