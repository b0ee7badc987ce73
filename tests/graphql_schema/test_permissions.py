"""Policies: who passes which, and what the others see."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from graphql_schema.permissions import (
    ADMINISTRATOR,
    OWNER,
    PUBLIC,
    SIGNED_IN,
    TEACHER,
    Denied,
    Policy,
    policy,
    refuse,
)

STUDENT, INSTRUCTOR, ADMIN = (Actor(number, role) for number, role in enumerate(Role, 1))
EVERYBODY = (ANONYMOUS, STUDENT, INSTRUCTOR, ADMIN)


@pytest.mark.parametrize(
    ("rule", "source", "allowed"),
    [
        (PUBLIC, None, EVERYBODY),
        (SIGNED_IN, None, (STUDENT, INSTRUCTOR, ADMIN)),
        (TEACHER, None, (INSTRUCTOR, ADMIN)),
        (ADMINISTRATOR, None, (ADMIN,)),
        (OWNER, SimpleNamespace(user_id=1), (STUDENT, ADMIN)),
        (OWNER, SimpleNamespace(user_id=None), (ADMIN,)),
    ],
)
def test_who_passes(rule: Policy, source: Any, allowed: tuple[Actor, ...]) -> None:
    assert tuple(actor for actor in EVERYBODY if rule.allows(actor, source)) == allowed


def test_what_the_others_see() -> None:
    assert OWNER.denied is Denied.NULL
    assert {rule.denied for rule in (PUBLIC, SIGNED_IN, TEACHER, ADMINISTRATOR)} == {Denied.ERROR}
    assert refuse(ANONYMOUS).extensions == {"code": "UNAUTHENTICATED"}
    assert refuse(STUDENT).extensions == {"code": "FORBIDDEN"}


def test_a_type_states_its_policy() -> None:
    @policy(TEACHER)
    class Secret:
        policy: Policy

    assert Secret.policy is TEACHER
