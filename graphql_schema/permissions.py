"""Who may see or do what. Every type, root field and mutation states a policy; binding.py refuses a schema without.

A policy is a plain function of the actor and the object: no waiting, no SQL, so a public field costs nothing and a
guarded one a call. What depends on rows (drafts, what is in lessons) is decided by the reads, which leave out what the
actor may not see.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from graphql import GraphQLError

from app.identity.actor import Actor

Class = TypeVar("Class", bound=type)


class Denied(Enum):
    """What a client sees of a field it may not see."""

    ERROR = "error"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    allows: Callable[[Actor, Any], bool]
    denied: Denied = Denied.ERROR


PUBLIC = Policy("public", lambda _actor, _source: True)
SIGNED_IN = Policy("signed in", lambda actor, _source: actor.signed_in)
TEACHER = Policy("instructor or administrator", lambda actor, _source: actor.may_teach)
ADMINISTRATOR = Policy("administrator", lambda actor, _source: actor.is_admin)
OWNER = Policy(
    "the user in question or an administrator",
    lambda actor, user: actor.is_admin or (actor.signed_in and actor.user_id == user.user_id),
    Denied.NULL,
)


def policy(rule: Policy) -> Callable[[Class], Class]:
    """States a type's policy; its fields inherit it unless they declare their own with `fields.field(policy=...)`."""

    def declare(cls: Class) -> Class:
        cls.policy = rule  # type: ignore[attr-defined]
        return cls

    return declare


def admit(rule: Policy, actor: Actor) -> None:
    """For root fields that check their policy themselves. Raises the top-level error for a missing right."""
    if not rule.allows(actor, None):
        raise refuse(actor)


def refuse(actor: Actor) -> GraphQLError:
    """The top-level error for a missing right."""
    if actor.signed_in:
        return GraphQLError("You may not do this.", extensions={"code": "FORBIDDEN"})
    return GraphQLError("Sign in first.", extensions={"code": "UNAUTHENTICATED"})
