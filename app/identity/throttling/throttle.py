"""Guessing is slow: after too many failures in a minute a key rests, longer each time. Kept in PostgreSQL.

A key is an account or a client's address, as a hash: the table names nobody. Nothing is reserved while a password is
verified: an attempt that ends after its key began to rest is refused whatever its password was. So of any number of
attempts at once no more than the allowed failures tell anything, and a process that dies leaves nothing behind.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from asyncpg import Record

from app.database import Database, Fetch, Query, Transaction
from app.errors import RateLimited
from app.identity.throttling.failures import Failures
from app.settings import AuthenticationSettings
from app.telemetry import Metrics

_MAILS = 3
_IPV6_PREFIX = 64  # what one customer of a network has; the rest of the address is theirs to choose

_RESTING = Query(
    "SELECT max(ceil(extract(epoch FROM rests_until - clock_timestamp()))::int) AS seconds FROM attempt_throttles"
    " WHERE key = ANY($1::bytea[]) AND rests_until > clock_timestamp()",
    ("keys",),
    {},
)
# The update changes nothing: it locks the row, and gives it back, whether it was there or not.
_LOCK = Query(
    "INSERT INTO attempt_throttles AS kept (key) SELECT unnest($1::bytea[]) AS key ORDER BY key"
    " ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING kept.*, clock_timestamp() AS now",
    ("keys",),
    {},
)
_STORE = Query(
    "UPDATE attempt_throttles AS kept SET failures = new.failures, window_began = new.window_began, rests = new.rests,"
    " rests_until = new.rests_until, last_failure = new.last_failure"
    " FROM unnest($1::bytea[], $2::int[], $3::timestamptz[], $4::int[], $5::timestamptz[], $6::timestamptz[])"
    " AS new (key, failures, window_began, rests, rests_until, last_failure) WHERE kept.key = new.key",
    ("keys", "failures", "window_began", "rests", "rests_until", "last_failure"),
    {},
)
_FORGIVE = Query("DELETE FROM attempt_throttles WHERE key = $1", ("key",), {})


@dataclass(frozen=True, slots=True)
class Key:
    """Whom attempts are counted for, and how many may fail within a minute."""

    kind: str
    digest: bytes
    attempts: int


class Throttle:
    """One per process; what it knows is in the database."""

    def __init__(self, settings: AuthenticationSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics

    def account(self, email_key: str) -> Key:
        """Sign-ins to an account, whether there is one or not."""
        return _key("account", email_key, self._settings.sign_in_attempts)

    def password(self, user_id: int) -> Key:
        """Proofs of the present password by somebody who is signed in."""
        return _key("password", str(user_id), self._settings.sign_in_attempts)

    def address(self, kind: str, client_address: str) -> list[Key]:
        """Attempts of one kind from a client's address; none where the address is not known."""
        network = _network(client_address)
        attempts = self._settings.sign_in_attempts_per_address
        return [_key(f"{kind}_address", network, attempts)] if network else []

    def registrations(self, client_address: str) -> list[Key]:
        """Accounts made from a client's address; none where the address is not known."""
        network = _network(client_address)
        attempts = self._settings.registrations_per_address
        return [_key("register_address", network, attempts)] if network else []

    def mails(self, kind: str, email_key: str) -> Key:
        """Mails of one kind that anybody can make us send to an address."""
        return _key(f"mail_{kind}", email_key, _MAILS)

    async def check(self, connection: Fetch, keys: Sequence[Key]) -> None:
        """Raises RateLimited while one of them rests."""
        if not keys:
            return
        rows = await connection.fetch(_RESTING, keys=[key.digest for key in keys])
        if rows[0]["seconds"] is not None:
            raise self._limited(keys, rows[0]["seconds"])

    async def count_failure(self, database: Database, keys: Sequence[Key]) -> None:
        """Counts in a transaction of its own, so that it stays. Raises RateLimited when a key has begun to rest since."""
        if not keys:
            return
        async with database.transaction() as tx:
            seconds = await self._count(tx, keys)
        if seconds:
            raise self._limited(keys, seconds)

    async def settle_success(self, tx: Transaction, key: Key, others: Sequence[Key] = ()) -> None:
        """Forgives a key, not the others: with an account of one's own one shall not buy attempts at other accounts.

        Raises RateLimited when one of them has begun to rest since the attempt began.
        """
        await self.check(tx, [key, *others])
        await self.forgive(tx, key)

    async def forgive(self, tx: Transaction, key: Key) -> None:
        """Forgets a key's failures, and ends its rest."""
        await tx.fetch(_FORGIVE, key=key.digest)

    async def allows(self, tx: Transaction, key: Key) -> bool:
        """Counts one more; False when there have been too many. For what is then left out in silence."""
        seconds = await self._count(tx, [key])
        if seconds:
            self._metrics.throttled.labels(key.kind).inc()
        return not seconds

    async def _count(self, tx: Transaction, keys: Sequence[Key]) -> int:
        """Seconds that remain when some key rests, and nothing is counted then; else 0."""
        allowed = {key.digest: key.attempts for key in keys}
        rows = await tx.fetch(_LOCK, keys=list(allowed))
        now: datetime = max(row["now"] for row in rows)
        states = {row["key"]: _state(row) for row in rows}
        resting = [
            state.rests_until - now for state in states.values() if state.rests_until and state.resting(now)
        ]
        if resting:
            return math.ceil(max(resting).total_seconds())
        new = {digest: state.after_failure(now, allowed[digest]) for digest, state in states.items()}
        await tx.fetch(
            _STORE,
            keys=list(new),
            **{
                name: [getattr(state, name) for state in new.values()]
                for name in ("failures", "window_began", "rests", "rests_until", "last_failure")
            },
        )
        return 0

    def _limited(self, keys: Sequence[Key], seconds: int) -> RateLimited:
        self._metrics.throttled.labels(keys[0].kind).inc()
        return RateLimited(max(seconds, 1))


def _key(kind: str, name: str, attempts: int) -> Key:
    return Key(kind, hashlib.sha256(f"{kind}:{name}".encode()).digest(), attempts)


def _state(row: Record) -> Failures:
    return Failures(
        row["failures"], row["window_began"], row["rests"], row["rests_until"], row["last_failure"]
    )


def _network(address: str) -> str:
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> _IPV6_PREFIX << _IPV6_PREFIX))
    return str(parsed)
