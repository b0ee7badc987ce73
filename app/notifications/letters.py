"""The mails of notifications, written from their templates."""

from collections.abc import Sequence
from urllib.parse import quote

from asyncpg import Record

from app.mail import Letters, Message
from app.notifications.kinds import KINDS, NotificationKind, text_of
from app.notifications.unsubscribing import DIGEST, UnsubscribeTokens
from app.settings import Settings

UNSUBSCRIBE_PATH = "/notifications/unsubscribe"


class NotificationLetters:
    """One per process. English only, so far: whatever language an account prefers."""

    def __init__(self, settings: Settings, tokens: UnsubscribeTokens) -> None:
        self._letters = Letters("app.notifications", "mails")
        self._tokens = tokens
        public = settings.authentication.public_url or f"http://127.0.0.1:{settings.http.port}"
        self._public = public.rstrip("/")

    def notification(self, mail: Record, notification: Record, *, to: str) -> Message:
        """About one. Raises ValueError for a kind of another release."""
        kind = NotificationKind(notification["kind"])
        title, body = text_of(kind, notification["payload"])
        return self._written(KINDS[kind].template, kind, mail, to=to, title=title, body=body)

    def digest(self, mail: Record, notifications: Sequence[Record], *, to: str) -> Message:
        """About several. Raises ValueError for a kind of another release."""
        texts = [text_of(row["kind"], row["payload"]) for row in notifications]
        return self._written("digest", DIGEST, mail, to=to, items=texts, left_out=mail["left_out"])

    def _written(self, template: str, scope: str, mail: Record, *, to: str, **values: object) -> Message:
        token = self._tokens.make(mail["recipient_id"], scope)
        leave = f"{self._public}{UNSUBSCRIBE_PATH}?token={quote(token)}"
        return self._letters.write(
            template,
            to=to,
            # The same each time: of two deliveries the mailbox keeps one.
            message_id=f"notification-{mail['id']}",
            headers={
                "List-Unsubscribe": f"<{leave}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
            link=self._public,
            leave=leave,
            **values,
        )
