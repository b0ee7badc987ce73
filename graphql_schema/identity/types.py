"""User, the viewer's account, and what a sign-in gives."""

from asyncio import shield
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Self

import strawberry
from graphql import GraphQLResolveInfo

from app.identity.models import Role
from app.identity.service.sessions import Grant
from app.identity.tokens.access_tokens import AccessToken
from graphql_schema.edges import edge
from graphql_schema.enums import described
from graphql_schema.fields import field
from graphql_schema.node import Node, global_id, global_id_of, is_node
from graphql_schema.permissions import ADMINISTRATOR, OWNER, PUBLIC, Denied, Policy, policy
from loaders.batching import Row

described(
    Role,
    "What an account may do.",
    {
        Role.STUDENT: "Learns: enrols in courses.",
        Role.INSTRUCTOR: "Teaches: makes courses and publishes them.",
        Role.ADMIN: "Runs the platform: may do everything.",
    },
)

# A payload of register or login answers somebody who has just proved to be that user, though the operation
# itself began, and stays, anonymous.
EMAIL = Policy(OWNER.name, lambda actor, user: user.proven or OWNER.allows(actor, user), Denied.NULL)


def _of_account(of: Callable[[Row], Any], description: str) -> Any:
    """What is for the owner and administrators: read only for them where the user came from a public card."""

    async def load(account: Awaitable[Row | None]) -> Any:
        row = await shield(account)
        return None if row is None else of(row)

    def resolve(user: "User", info: GraphQLResolveInfo[Any]) -> Any:
        if user.account is not None:
            return of(user.account)
        return load(info.context.loaders.identity.user.load(user.user_id))

    return strawberry.field(
        description=description, default=None, metadata={"policy": EMAIL, "resolve": resolve}
    )


@is_node(lambda loaders: loaders.identity.visible_user)
@strawberry.type(description="A person with an account.")
@policy(PUBLIC)
class User(Node):
    user_id: strawberry.Private[int]
    name: str = field(description="The name shown to others.")
    email: str | None = _of_account(
        lambda row: row["email"], "Seen by its owner and by administrators; null for others."
    )
    role: Role = field(description="What the account may do.")
    email_verified: bool | None = _of_account(
        lambda row: row["email_verified_at"] is not None,
        "Whether the account has proved that the address is its own. Seen like the address.",
    )
    locale: str | None = _of_account(
        lambda row: row["locale"],
        "Language tag that the owner prefers, such as pt-BR. Seen like the address.",
    )
    time_zone: str | None = _of_account(
        lambda row: row["time_zone"], "Time zone of the owner, such as Europe/Lisbon. Seen like the address."
    )
    account: strawberry.Private[Any] = None
    proven: strawberry.Private[bool] = False

    @classmethod
    def of(cls, row: Row, *, proven: bool = False) -> Self:
        """From a row of reads.PUBLIC_COLUMNS or an InstructorCard. `proven`: who asks has just proved to be this user."""
        number = row["id"]
        return cls(
            id=global_id("User", number),
            user_id=number,
            name=row["name"],
            role=row["role"],
            account=row if "email" in row else None,
            proven=proven,
        )


@strawberry.type(description="A sign-in on one device. Seen by its owner alone.")
@policy(PUBLIC)
class Session:
    id: strawberry.ID = field(description="Opaque, stable.")
    device: str | None = field(description="What the browser or program called itself when it signed in.")
    created_at: datetime = field(description="When it signed in.")
    last_used_at: datetime = field(description="When it last signed in or refreshed.")
    expires_at: datetime = field(description="When it ends unless it refreshes before.")
    current: bool = field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(
            id=global_id("Session", row["id"]),
            device=row["device"],
            created_at=row["created_at"],
            last_used_at=row["last_used_at"],
            expires_at=row["expires_at"],
            current=row["current"],
        )


@strawberry.type
@policy(PUBLIC)
class IdentityViewer:
    """What identity puts into `Viewer`."""

    id: strawberry.ID = field(description="Opaque; one for each user.")
    user_id: strawberry.Private[int]
    user: User = edge(
        lambda loaders: loaders.identity.user, key="user_id", description="The viewer's account."
    )
    sessions: list[Session] = edge(
        lambda loaders: loaders.identity.sessions,
        key="user_id",
        description="Where the viewer is signed in, last used first; at most 100.",
    )


@strawberry.type(description="What a client signs its requests with.")
@policy(PUBLIC)
class AuthenticationSession:
    access_token: str = field(description="For the header `Authorization: Bearer ...`.")
    access_token_expires_at: datetime = field(description="When the access token ends.")
    refresh_token: str = field(description="For `refreshSession`, once. Keep it secret.")
    refresh_token_expires_at: datetime = field(description="When the refresh token ends.")

    @classmethod
    def of(cls, access_token: AccessToken, grant: Grant) -> Self:
        return cls(
            access_token=access_token.token,
            access_token_expires_at=access_token.expires_at,
            refresh_token=grant.refresh_token,
            refresh_token_expires_at=grant.expires_at,
        )


@strawberry.type(description="One attempt at a mutation, as the audit log keeps it.")
@policy(ADMINISTRATOR)
class AuditEntry:
    id: strawberry.ID = field(description="Opaque, stable.")
    actor_id: strawberry.Private[int | None]
    at: datetime = field(description="When it was tried.")
    actor: User | None = edge(
        lambda loaders: loaders.identity.user,
        key="actor_id",
        description="Who tried; null when anonymous, or when the account is gone. After a sign-in, who signed in.",
    )
    action: str = field(description="The mutation's name.")
    outcome: str = field(description="SUCCESS, or the code of the error that it was refused with.")
    subject_id: strawberry.ID | None = field(
        description="The object it was done to or meant for; null when it named none of ours."
    )
    client_address: str | None = field(description="Address that the request came from.")
    device: str | None = field(description="What the browser or program called itself.")
    request_id: str | None = field(description="Id of the request, as in the logs.")

    @classmethod
    def of(cls, row: Row) -> Self:
        subject = row["subject"]
        return cls(
            id=global_id("AuditEntry", row["id"]),
            actor_id=row["actor_id"],
            at=row["at"],
            action=row["action"],
            outcome=row["outcome"],
            subject_id=None if subject is None else global_id_of(subject),
            client_address=row["client_address"],
            device=row["device"],
            request_id=row["request_id"],
        )
