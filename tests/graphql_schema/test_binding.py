"""What binding.py lays on a schema: attributes, computed values, guards; and what it refuses to serve."""

from typing import Any

import pytest
import strawberry
from graphql import execute, graphql_sync, parse

from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from graphql_schema.binding import UndeclaredPolicyError, bind, policies
from graphql_schema.fields import computed, field
from graphql_schema.permissions import PUBLIC, SIGNED_IN, TEACHER, Denied, Policy, policy

HIDDEN = Policy("hidden from students", lambda actor, _source: actor.may_teach, Denied.NULL)


@strawberry.type
@policy(PUBLIC)
class Thing:
    snake_case: str = field(description="An attribute.")
    secret: str | None = field(description="For teachers.", policy=HIDDEN)
    strict: str | None = field(description="For the signed in.", policy=SIGNED_IN)
    shout: str = computed(lambda thing: thing.snake_case.upper(), description="Computed.")

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="A resolver of Strawberry's own.", metadata={"policy": TEACHER}
    )
    def asked(self, times: int) -> str | None:
        return self.snake_case * times


def _thing() -> Thing:
    return Thing(snake_case="a", secret="s", strict="t")


@strawberry.type
class Query:
    thing: Thing | None = strawberry.field(resolver=_thing, metadata={"policy": PUBLIC})
    guarded: Thing | None = strawberry.field(resolver=_thing, metadata={"policy": TEACHER})


SCHEMA = strawberry.Schema(query=Query)._schema
bind(SCHEMA)


class Asked:
    def __init__(self, actor: Actor) -> None:
        self.actor = actor


def ask(document: str, actor: Actor = ANONYMOUS) -> tuple[Any, list[tuple[Any, Any]]]:
    result: Any = execute(SCHEMA, parse(document), context_value=Asked(actor))
    errors = result.errors or []
    return result.data, [(error.path, (error.extensions or {}).get("code")) for error in errors]


STUDENT, TEACHING = Actor(1, Role.STUDENT), Actor(2, Role.INSTRUCTOR)


def test_attributes_and_computed_values() -> None:
    assert ask("{ thing { snakeCase shout } }") == ({"thing": {"snakeCase": "a", "shout": "A"}}, [])


@pytest.mark.parametrize(("actor", "value"), [(ANONYMOUS, None), (STUDENT, None), (TEACHING, "s")])
def test_a_field_that_is_null_for_others(actor: Actor, value: str | None) -> None:
    assert ask("{ thing { secret } }", actor) == ({"thing": {"secret": value}}, [])


def test_a_field_that_is_an_error_for_others() -> None:
    refused = [(["thing", "strict"], "UNAUTHENTICATED")]
    assert ask("{ thing { strict shout } }") == ({"thing": {"strict": None, "shout": "A"}}, refused)
    assert ask("{ thing { strict } }", STUDENT) == ({"thing": {"strict": "t"}}, [])


def test_resolvers_keep_their_arguments_behind_a_guard() -> None:
    assert ask("{ thing { asked(times: 3) } }", TEACHING) == ({"thing": {"asked": "aaa"}}, [])
    refused = [(["thing", "asked"], "FORBIDDEN")]
    assert ask("{ thing { asked(times: 3) } }", STUDENT) == ({"thing": {"asked": None}}, refused)


def test_root_fields_are_guarded() -> None:
    refused = [(["guarded"], "FORBIDDEN")]
    assert ask("{ guarded { shout } thing { shout } }", STUDENT) == (
        {"guarded": None, "thing": {"shout": "A"}},
        refused,
    )
    assert ask("{ guarded { shout } }", TEACHING) == ({"guarded": {"shout": "A"}}, [])


def test_introspection_is_left_alone() -> None:
    result = graphql_sync(SCHEMA, "{ __schema { queryType { name } } __typename }")
    assert result.data == {"__schema": {"queryType": {"name": "Query"}}, "__typename": "Query"}


def test_the_policy_of_each_field() -> None:
    assert policies(SCHEMA) == {
        ("Query", "thing"): PUBLIC,
        ("Query", "guarded"): TEACHER,
        ("Thing", "snakeCase"): PUBLIC,
        ("Thing", "secret"): HIDDEN,
        ("Thing", "strict"): SIGNED_IN,
        ("Thing", "shout"): PUBLIC,
        ("Thing", "asked"): TEACHER,
    }


@strawberry.type
class Careless:
    open_to_all: str = "?"


def _careless() -> Careless:
    return Careless()


def test_a_type_without_a_policy_is_not_served() -> None:
    @strawberry.type
    class CarelessQuery:
        careless: Careless = strawberry.field(resolver=_careless, metadata={"policy": PUBLIC})

    with pytest.raises(UndeclaredPolicyError, match=r"Careless\.openToAll states no policy"):
        bind(strawberry.Schema(query=CarelessQuery)._schema)


def test_a_root_field_without_a_policy_is_not_served() -> None:
    @strawberry.type
    class CarelessQuery:
        thing: Thing | None = strawberry.field(resolver=_thing)

    with pytest.raises(UndeclaredPolicyError, match=r"CarelessQuery\.thing states no policy"):
        bind(strawberry.Schema(query=CarelessQuery)._schema)
