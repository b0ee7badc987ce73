"""Every field says who may see it, in a committed matrix: a change of authorisation shows in review.

`python -m tests.architecture.test_policies` writes the matrix anew.
"""

from pathlib import Path

from graphql import GraphQLObjectType

from graphql_schema.binding import policies
from graphql_schema.permissions import PUBLIC, Denied, Policy
from graphql_schema.schema import build_schema

SNAPSHOT = Path(__file__).with_name("policies.txt")
SCHEMA = build_schema()._schema
ROOTS = [
    root for root in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type) if root is not None
]


def matrix() -> str:
    """A line a field: who may see it, and what others get."""

    def described(policy: Policy) -> str:
        if policy is PUBLIC:
            return policy.name
        return f"{policy.name}; others get {'null' if policy.denied is Denied.NULL else 'an error'}"

    return "".join(
        f"{type_name}.{field}: {described(policy)}\n"
        for (type_name, field), policy in sorted(policies(SCHEMA).items())
    )


def test_every_field_has_a_policy_and_the_matrix_is_committed() -> None:
    objects = [
        graphql_type
        for name, graphql_type in SCHEMA.type_map.items()
        if isinstance(graphql_type, GraphQLObjectType) and not name.startswith("__")
    ]
    assert {(kind.name, field) for kind in objects for field in kind.fields} == set(policies(SCHEMA))
    assert SNAPSHOT.read_text() == matrix(), "if this is meant: python -m tests.architecture.test_policies"


def test_root_fields_state_their_own_policy() -> None:
    inheriting = [
        f"{root.name}.{name}"
        for root in ROOTS
        for name, field in root.fields.items()
        if not isinstance(field.extensions["strawberry-definition"].metadata.get("policy"), Policy)
    ]
    assert not inheriting


def test_policies_that_read_alike_are_one() -> None:
    # The matrix shows names: two rules under one name would hide a change.
    rules = {policy.name: policy for policy in policies(SCHEMA).values()}
    assert all(policy is rules[policy.name] for policy in policies(SCHEMA).values())


if __name__ == "__main__":
    SNAPSHOT.write_text(matrix())
