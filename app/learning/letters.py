"""The mails that learning sends, written from their templates."""

from asyncpg import Record

from app.mail import Letters, Message
from app.settings import Settings


class LearningLetters:
    """One per process. English only, so far."""

    def __init__(self, settings: Settings) -> None:
        self._letters = Letters("app.learning", "mails")
        public = settings.authentication.public_url or f"http://127.0.0.1:{settings.http.port}"
        self._public = public.rstrip("/")

    def invitation(self, invitation: Record, *, message_id: str) -> Message:
        """From a row of `reads.invitation_for_mail`. The same whether or not the address has an account."""
        ends = invitation["expires_at"]
        return self._letters.write(
            "invitation",
            to=invitation["email"],
            message_id=message_id,
            title=invitation["title"],
            name=invitation["name"],
            inviter=invitation["inviter"],
            message=invitation["message"],
            link=self._public,
            ends=f"{ends.day} {ends:%B %Y}",
        )
