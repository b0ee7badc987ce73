"""The mails that identity sends, handed to the postbox once their transaction has committed."""

from urllib.parse import quote

from app.database import Transaction
from app.identity.models import EmailTokenPurpose
from app.identity.tokens.email_tokens import LIFETIMES
from app.mail import Letters, Message, Postbox
from app.settings import Settings

_HOUR = 3600


class AccountLetters:
    """One per process. No mail holds what its sender typed: a stranger's name for an account could be anything."""

    def __init__(self, settings: Settings, postbox: Postbox) -> None:
        self._postbox = postbox
        self._letters = Letters("app.identity", "mails")
        public = settings.authentication.public_url or f"http://127.0.0.1:{settings.http.port}"
        self._pages = (settings.mail.account_url or f"{public.rstrip('/')}/account").rstrip("/")

    def verify_email(self, tx: Transaction, *, to: str, token: str) -> None:
        """To a new account's address: follow the link and it is yours."""
        self._send_after(
            tx,
            self._letters.write(
                "verify_email",
                to=to,
                link=self._link("verify-email", token),
                hours=_hours(EmailTokenPurpose.VERIFY_EMAIL),
            ),
        )

    def address_in_use(self, tx: Transaction, *, to: str) -> None:
        """To the owner of an account whose address somebody registered with again."""
        self._send_after(
            tx, self._letters.write("address_in_use", to=to, link=f"{self._pages}/reset-password")
        )

    def reset_password(self, tx: Transaction, *, to: str, token: str) -> None:
        """To whoever asked for a new password: the link that sets it."""
        self._send_after(
            tx,
            self._letters.write(
                "reset_password",
                to=to,
                link=self._link("reset-password", token),
                hours=_hours(EmailTokenPurpose.RESET_PASSWORD),
            ),
        )

    def password_changed(self, tx: Transaction, *, to: str) -> None:
        """To an owner, so that a change by somebody else is noticed."""
        self._send_after(
            tx, self._letters.write("password_changed", to=to, link=f"{self._pages}/reset-password")
        )

    def _link(self, page: str, token: str) -> str:
        # In the fragment: it is sent to no server, and stands in no log and no referrer.
        return f"{self._pages}/{page}#token={quote(token)}"

    def _send_after(self, tx: Transaction, message: Message) -> None:
        async def post() -> None:
            await self._postbox.post(message)

        tx.after_commit(post)


def _hours(purpose: EmailTokenPurpose) -> int:
    return int(LIFETIMES[purpose].total_seconds()) // _HOUR
