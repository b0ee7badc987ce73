"""Accounts for tests."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import insert

from app.database import Database, compiled
from app.identity import passwords
from app.identity.actor import Actor
from app.identity.addresses import email_key
from app.identity.models import Role, User
from graphql_schema.node import global_id

PASSWORD = "correct horse battery"
_numbers = count(1)
_hashes: dict[str, str] = {}
_INSERT = compiled(
    insert(User).returning(User.id),
    columns=("email", "email_key", "name", "role", "password_hash", "email_verified_at"),
)


@dataclass(frozen=True)
class MadeUser:
    number: int
    email: str
    name: str
    role: Role

    @property
    def actor(self) -> Actor:
        return Actor(user_id=self.number, role=self.role)

    @property
    def id(self) -> str:
        return global_id("User", self.number)


async def make_user(
    database: Database,
    role: Role = Role.STUDENT,
    *,
    email: str | None = None,
    name: str | None = None,
    password: str | None = None,
    verified: bool = True,
) -> MadeUser:
    """An account; without a password nobody can sign in to it, which saves the hashing.

    `verified`: it has proved that the address is its own, and so is the only one with it.
    """
    number = next(_numbers)
    email = email or f"user{number}@school.test"
    name = name or f"User {number}"
    password_hash = None
    if password is not None:
        # One hash for each password of the run: the salt plays no part in tests.
        password_hash = _hashes[password] = _hashes.get(password) or await passwords.hashed(password)
    rows = await database.fetch(
        _INSERT,
        email=email,
        email_key=email_key(email),
        name=name,
        role=role,
        password_hash=password_hash,
        email_verified_at=datetime.now(UTC) if verified else None,
    )
    return MadeUser(rows[0]["id"], email, name, role)


async def make_actor(database: Database, role: Role = Role.STUDENT) -> Actor:
    """Somebody of that role who is signed in."""
    return (await make_user(database, role)).actor
