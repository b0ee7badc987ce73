"""What people tell of themselves: name, language, time zone."""

import re
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from asyncpg import Record
from sqlalchemy import BigInteger, bindparam, update

from app.database import Query, Transaction, compiled
from app.errors import DomainError
from app.identity import reads
from app.identity.actor import Actor
from app.identity.cards import user_changed
from app.identity.errors import AccountGone
from app.identity.models import User
from app.identity.service.accounts import checked_name

_LOCALE = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<script>[a-z]{4}))?(-(?P<region>[a-z]{2}|[0-9]{3}))?",
    re.IGNORECASE | re.ASCII,
)
# Of the database, but of no place: what the server's own clock happens to show, and a clock that was never set.
_NO_PLACES = frozenset({"localtime", "Factory"})
_FIELDS = ("name", "locale", "time_zone")


@cache
def _update(names: tuple[str, ...]) -> Query:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return compiled(
        update(User)
        .where(User.id == bindparam("user_id", type_=BigInteger))
        .values(values)
        .returning(*reads.PUBLIC_COLUMNS)
    )


async def update_profile(tx: Transaction, actor: Actor, **changes: str | None) -> Record:
    """Changes the actor's name, locale, time_zone: those that are given; None clears the latter two.

    Returns the account's row. Raises INVALID_INPUT at the field at fault, AccountGone.
    """
    assert actor.user_id is not None
    names = tuple(name for name in _FIELDS if name in changes)
    if not names:
        raise DomainError("Give at least one of name, locale and timeZone.", path=("input",))
    checked = {f"new_{name}": _checked(name, changes[name]) for name in names}
    rows = await tx.fetch(_update(names), user_id=actor.user_id, **checked)
    if not rows:
        raise AccountGone
    if "name" in changes:
        await user_changed(tx, actor.user_id)
    return rows[0]


def _checked(name: str, value: str | None) -> str | None:
    if name == "name":
        return checked_name(value or "")
    if value is None:
        return None
    return _checked_locale(value) if name == "locale" else _checked_time_zone(value)


def _checked_locale(value: str) -> str:
    found = _LOCALE.fullmatch(value.strip().replace("_", "-"))
    if found is None:
        raise DomainError("A locale is a tag such as en, pt-BR or zh-Hant.", path=("input", "locale"))
    language, script, region = found["language"], found["script"], found["region"]
    parts = (language.lower(), script and script.title(), region and region.upper())
    return "-".join(part for part in parts if part)


def _checked_time_zone(value: str) -> str:
    if value not in _time_zones():
        raise DomainError("A time zone is a name such as Europe/Lisbon.", path=("input", "timeZone"))
    return value


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_PLACES
