"""What resolvers know of the operation they serve."""

from collections.abc import Mapping

import strawberry

from app.identity.actor import ANONYMOUS, Actor
from app.resources import Resources
from loaders import Loaders


class Context:
    """One per operation. `loaders` is renewed after each mutation root field, so that its payload sees what it wrote."""

    __slots__ = ("actor", "client_address", "loaders", "request_id", "resources", "user_agent")

    def __init__(
        self,
        resources: Resources,
        actor: Actor,
        *,
        request_id: str = "",
        client_address: str = "",
        user_agent: str = "",
    ) -> None:
        self.resources = resources
        self.actor = actor
        self.request_id = request_id
        self.client_address = client_address
        self.user_agent = user_agent
        self.renew_loaders()

    def renew_loaders(self) -> None:
        resources = self.resources
        self.loaders = Loaders(
            resources.database, self.actor, resources.metrics, resources.cache, resources.progress_buffer
        )


Info = strawberry.Info[Context, None]


async def authenticate(resources: Resources, headers: Mapping[str, str], *, patience: float = 0.0) -> Actor:
    """The actor behind the `authorization` header (names in lower case). Nobody without one.

    Raises InvalidAccessToken for a header that is there and does not prove anything: never silently anonymous. Raises
    Unavailable when the database cannot say whether the session has ended, and has not for `patience` seconds.
    """
    authorization = headers.get("authorization")
    if authorization is None:
        return ANONYMOUS
    scheme, _, token = authorization.partition(" ")
    actor = resources.access_tokens.verify(token.strip() if scheme.lower() == "bearer" else "")
    await resources.ended_sessions.check(actor.session_id, patience=patience)
    return actor
