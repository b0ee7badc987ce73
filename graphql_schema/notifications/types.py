"""What somebody is told, and what they want to be told."""

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry

from app.notifications.kinds import NotificationKind, shown_text_of
from graphql_schema.catalog.types import Course
from graphql_schema.edges import edge
from graphql_schema.enums import described
from graphql_schema.fields import field
from graphql_schema.node import Node, global_id, is_node
from graphql_schema.pagination import Connection
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

described(
    NotificationKind,
    "What a notification is about. The list grows: keep a default branch.",
    {
        NotificationKind.INSTRUCTOR_ADDED: "The recipient now teaches a course.",
        NotificationKind.COURSE_COMPLETED: "The recipient has done all lessons of a course.",
        NotificationKind.INSTRUCTOR_REMOVED: "The recipient no longer teaches a course.",
        NotificationKind.WAITLIST_PROMOTED: "The recipient waited for a seat in a course and has got one.",
        NotificationKind.WAITLIST_ENDED: "The recipient waited for a seat in a course; waiting has ended without one.",
    },
)


@is_node(lambda loaders: loaders.notifications.notification, key=UUID)
@strawberry.type(description="Something that its recipient is told. Seen by them alone.")
@policy(PUBLIC)
class Notification(Node):
    course_id: strawberry.Private[int | None]
    kind: NotificationKind | None = field(
        description="What it is about; null for a kind that this release does not know."
    )
    title: str = field(description="One line of plain text.")
    body: str = field(description="A sentence or two of plain text.")
    created_at: datetime = field(description="When it happened.")
    read_at: datetime | None = field(description="When it was marked read; null while it is unread.")
    course: Course | None = edge(
        lambda loaders: loaders.catalog.course,
        key="course_id",
        description="The course it is about; null if it is about none, or none that the viewer may see.",
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        payload = row["payload"]
        title, body = shown_text_of(row["kind"], payload)
        return cls(
            id=global_id("Notification", row["id"]),
            course_id=payload.get("course_id"),
            kind=NotificationKind(row["kind"]) if row["kind"] in set(NotificationKind) else None,
            title=title,
            body=body,
            created_at=row["created_at"],
            read_at=row["read_at"],
        )


@strawberry.type(description="One page of notifications.")
@policy(PUBLIC)
class NotificationConnection(Connection[Notification]):
    pass


@strawberry.type(description="How the viewer wants to hear of one kind.")
@policy(PUBLIC)
class NotificationPreference:
    id: strawberry.ID = field(description="Opaque; one for each account and kind.")
    kind: NotificationKind = field(description="Of what.")
    in_app: bool = field(description="Whether it comes into `Viewer.notifications`.")
    mail: bool = field(
        description="Whether a mail tells of it at once, if the account has proved its address."
    )
    digest: bool = field(description="Whether the daily mail tells of it, unless a mail has at once.")

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(
            id=strawberry.ID(f"{global_id('NotificationPreference', row['user_id'])}.{row['kind']}"),
            kind=row["kind"],
            in_app=row["in_app"],
            mail=row["mail"],
            digest=row["digest"],
        )
