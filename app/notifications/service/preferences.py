"""Who wants what: in the list, by mail, in the daily digest."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.database import Query, Transaction
from app.errors import DomainError
from app.identity.actor import Actor
from app.notifications.kinds import DEFAULTS, NAMES, NotificationKind
from app.notifications.unsubscribing import DIGEST

LIMIT = 100

# Rows as they are or would be by default, locked in the order of their kinds until the commit.
_LOCK = Query(
    "INSERT INTO notification_preferences AS kept (user_id, kind, in_app, mail, digest)"
    " SELECT u.id, k.kind, k.in_app, k.mail, k.digest FROM users u"
    " CROSS JOIN unnest($3::text[], $4::boolean[], $5::boolean[], $6::boolean[]) AS k (kind, in_app, mail, digest)"
    " WHERE u.id = $1 AND k.kind = ANY($2::text[]) ORDER BY k.kind"
    " ON CONFLICT (user_id, kind) DO UPDATE SET in_app = kept.in_app RETURNING kind",
    ("user_id", "chosen", "kinds", "in_app", "mail", "digest"),
    DEFAULTS,
)
_CHANGE = Query(
    "UPDATE notification_preferences p SET in_app = coalesce(c.in_app, p.in_app), mail = coalesce(c.mail, p.mail),"
    " digest = coalesce(c.digest, p.digest)"
    " FROM unnest($2::text[], $3::boolean[], $4::boolean[], $5::boolean[]) AS c (kind, in_app, mail, digest)"
    " WHERE p.user_id = $1 AND p.kind = c.kind",
    ("user_id", "kinds", "in_app", "mail", "digest"),
    {},
)


@dataclass(frozen=True, slots=True)
class Choice:
    """For one kind; None leaves that part as it is."""

    kind: NotificationKind
    in_app: bool | None = None
    mail: bool | None = None
    digest: bool | None = None


async def update_preferences(tx: Transaction, actor: Actor, *, choices: Sequence[Choice]) -> None:
    """Changes what the actor wants from now on. Raises INVALID_INPUT for none, too many, or a kind given twice."""
    path = ("input", "preferences")
    if not 1 <= len(choices) <= LIMIT:
        raise DomainError(f"Between 1 and {LIMIT} preferences.", path=path)
    if len({choice.kind for choice in choices}) < len(choices):
        raise DomainError("Each kind once.", path=path)
    assert actor.user_id is not None
    await _change(tx, actor.user_id, choices)


async def unsubscribe(tx: Transaction, *, user_id: int, scope: str) -> None:
    """No more mails of the kind that `scope` names, at once or in a digest; or no more digests of any kind.

    Nothing happens for an account, or a kind, that is gone.
    """
    if scope == DIGEST:
        await _change(tx, user_id, [Choice(NotificationKind(name), digest=False) for name in NAMES])
    elif scope in NAMES:
        await _change(tx, user_id, [Choice(NotificationKind(scope), mail=False, digest=False)])


async def _change(tx: Transaction, user_id: int, choices: Sequence[Choice]) -> None:
    kinds = [choice.kind.value for choice in choices]
    if await tx.fetch(_LOCK, user_id=user_id, chosen=kinds):
        await tx.fetch(
            _CHANGE,
            user_id=user_id,
            kinds=kinds,
            in_app=[choice.in_app for choice in choices],
            mail=[choice.mail for choice in choices],
            digest=[choice.digest for choice in choices],
        )
