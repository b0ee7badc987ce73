"""The mails that identity sends, written from their templates."""

from urllib.parse import quote

from app.identity.models import EmailTokenPurpose
from app.identity.tokens.email_tokens import LIFETIMES
from app.mail import Letters, Message
from app.settings import Settings

_HOUR = 3600


class AccountLetters:
    """One per process. No mail holds what its sender typed: a stranger's name for an account could be anything."""

    def __init__(self, settings: Settings) -> None:
        self._letters = Letters("app.identity", "mails")
        public = settings.authentication.public_url or f"http://127.0.0.1:{settings.http.port}"
        self._pages = (settings.mail.account_url or f"{public.rstrip('/')}/account").rstrip("/")

    def verify_email(self, *, to: str, token: str, message_id: str) -> Message:
        """To a new account's address: follow the link and it is yours."""
        return self._letters.write(
            "verify_email",
            to=to,
            message_id=message_id,
            link=self._link("verify-email", token),
            hours=_hours(EmailTokenPurpose.VERIFY_EMAIL),
        )

    def address_in_use(self, *, to: str, message_id: str) -> Message:
        """To the owner of an account whose address somebody registered with again."""
        link = f"{self._pages}/reset-password"
        return self._letters.write("address_in_use", to=to, message_id=message_id, link=link)

    def reset_password(self, *, to: str, token: str, message_id: str) -> Message:
        """To whoever asked for a new password: the link that sets it."""
        return self._letters.write(
            "reset_password",
            to=to,
            message_id=message_id,
            link=self._link("reset-password", token),
            hours=_hours(EmailTokenPurpose.RESET_PASSWORD),
        )

    def password_changed(self, *, to: str, message_id: str) -> Message:
        """To an owner, so that a change by somebody else is noticed."""
        link = f"{self._pages}/reset-password"
        return self._letters.write("password_changed", to=to, message_id=message_id, link=link)

    def _link(self, page: str, token: str) -> str:
        # In the fragment: it is sent to no server, and stands in no log and no referrer.
        return f"{self._pages}/{page}#token={quote(token)}"


def _hours(purpose: EmailTokenPurpose) -> int:
    return int(LIFETIMES[purpose].total_seconds()) // _HOUR
