"""Accounts of people whom another system knows by a number alone: nobody signs in to them, nobody is written to."""

from collections.abc import Sequence

from app.database import Query, Transaction
from app.mail import UNREACHABLE

# Of our kind alone: an address that somebody uses, or who may do more than learn, is not ours to hand out.
_FOUND = Query(
    "SELECT id, email_key FROM users WHERE email_key = ANY($1::text[]) AND email_verified_at IS NOT NULL"
    " AND password_hash IS NULL AND role = 'student'",
    ("keys",),
    {},
)
# Vouched for, as every account that an operator makes: so there is one of each address, whoever claims it.
_INSERT = Query(
    "INSERT INTO users (email, email_key, name, role, email_verified_at)"
    " SELECT key, key, name, 'student', now() FROM unnest($1::text[], $2::text[]) AS t (key, name) ORDER BY key"
    " ON CONFLICT (email_key) WHERE email_verified_at IS NOT NULL DO NOTHING RETURNING id, email_key",
    ("keys", "names"),
    {},
)


async def ensure_pseudonyms(
    tx: Transaction, addresses: Sequence[str], names: Sequence[str]
) -> tuple[dict[str, int], int]:
    """Ids by address, and how many accounts were made; those whose address belongs to somebody are not among them.

    Addresses in the form of addresses.email_key, each once, in a domain that no mail reaches. Raises ValueError for others.
    """
    if not all(address.endswith(UNREACHABLE) for address in addresses):
        raise ValueError("a pseudonym's address must be one that no mail reaches")
    ids = {row["email_key"]: row["id"] for row in await tx.fetch(_FOUND, keys=addresses)}
    missing = [(address, name) for address, name in zip(addresses, names, strict=True) if address not in ids]
    if not missing:
        return ids, 0
    made = await tx.fetch(
        _INSERT, keys=[address for address, _ in missing], names=[name for _, name in missing]
    )
    return ids | {row["email_key"]: row["id"] for row in made}, len(made)
