"""What identity refuses, and why. Only the DomainErrors reach a client as data."""

from app.errors import DomainError, ErrorCode


class InvalidEmail(DomainError):
    def __init__(self, message: str) -> None:
        super().__init__(message, path=("input", "email"))


class InvalidPassword(DomainError):
    def __init__(self, message: str) -> None:
        super().__init__(message, path=("input", "password"))


class InvalidName(DomainError):
    def __init__(self, message: str) -> None:
        super().__init__(message, path=("input", "name"))


class EmailTaken(DomainError):
    code = ErrorCode.EMAIL_TAKEN

    def __init__(self) -> None:
        super().__init__("An account with this e-mail address exists already.", path=("input", "email"))


class InvalidCredentials(DomainError):
    """One answer for an unknown account, a wrong password and an account without a password."""

    code = ErrorCode.INVALID_CREDENTIALS

    def __init__(self, account_id: int | None = None, *path: str) -> None:
        what = "The password is wrong." if path else "The e-mail address or the password is wrong."
        super().__init__(what, path=("input", *path))
        self.account_id = account_id


class UserNotFound(DomainError):
    code = ErrorCode.NOT_FOUND

    def __init__(self, email: str) -> None:
        super().__init__(f"There is no account with the e-mail address {email}.", path=("input", "email"))


class InvalidRefreshToken(DomainError):
    """One answer for malformed, unknown, expired, revoked and used tokens; the audit log tells the last apart."""

    code = ErrorCode.INVALID_TOKEN

    def __init__(self, *, reused_from: int | None = None) -> None:
        super().__init__("The session has ended. Sign in again.", path=("input", "refreshToken"))
        if reused_from is not None:
            self.account_id = reused_from
            self.audit_outcome = "TOKEN_REUSED"


class InvalidEmailToken(DomainError):
    """One answer for malformed, unknown, expired and used tokens of mails."""

    code = ErrorCode.INVALID_TOKEN

    def __init__(self) -> None:
        super().__init__("The link has expired or was used. Ask for another.", path=("input", "token"))


class AddressUnproved(DomainError):
    """An operator means a person; who has not proved an address may be anybody."""

    code = ErrorCode.INVALID_STATE

    def __init__(self, email: str) -> None:
        super().__init__(
            f"The account that claims {email} has not proved it: its owner has to confirm the address first.",
            path=("input", "email"),
        )


class PasswordRequired(DomainError):
    """Several accounts claim an address: its owner must not prove somebody else's claim."""

    code = ErrorCode.INVALID_CREDENTIALS

    def __init__(self) -> None:
        super().__init__(
            "Several accounts claim this address: give the password of yours, or sign in to it first.",
            path=("input", "password"),
        )


class SeveralAccounts(DomainError):
    code = ErrorCode.CONFLICT

    def __init__(self, email: str) -> None:
        super().__init__(
            f"Several accounts claim {email} and none has proved it: its owner has to confirm the address first.",
            path=("input", "email"),
        )


class SessionNotFound(DomainError):
    code = ErrorCode.NOT_FOUND

    def __init__(self, *path: str) -> None:
        super().__init__("There is no such session, or it has ended.", path=("input", *path))


class InvalidAccessToken(Exception):
    """The token proves nothing: answered with 401, never taken for anonymous. The message is safe to show."""


class AccountGone(InvalidAccessToken):
    """The token outlived its account."""

    def __init__(self) -> None:
        super().__init__("The account of this access token is gone.")


class SigningKeyError(Exception):
    """Signing keys are missing, unreadable or unfit. One sentence for the operator; it never quotes a key."""
