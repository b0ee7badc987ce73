"""Who acts: what a service or a read needs to know of the person behind a call."""

from dataclasses import dataclass
from uuid import UUID

from app.identity.models import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in user, or nobody. Built from a verified token, so the role may be as old as the token."""

    user_id: int | None = None
    role: Role | None = None
    session_id: UUID | None = None
    """The sign-in that the token came from."""

    @property
    def signed_in(self) -> bool:
        return self.user_id is not None

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    @property
    def may_teach(self) -> bool:
        return self.role is Role.INSTRUCTOR or self.role is Role.ADMIN


ANONYMOUS = Actor()
