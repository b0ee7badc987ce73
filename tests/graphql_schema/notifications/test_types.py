"""Every kind is something that clients can name."""

from graphql import GraphQLEnumType

from app.notifications.kinds import NotificationKind
from tests.support.api import SCHEMA


def test_the_schema_has_every_kind() -> None:
    kind = SCHEMA.type_map["NotificationKind"]
    assert isinstance(kind, GraphQLEnumType)
    assert {name: value.value for name, value in kind.values.items()} == {
        kind.name: kind for kind in NotificationKind
    }
