"""E-mail addresses: what is one, and when two are the same."""

import unicodedata

import email_validator

from app.identity.errors import InvalidEmail

# The library's own switch: addresses in an intranet end in .local or .internal, and no list of names knows
# whether mail arrives there.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


def checked_email(email: str) -> str:
    """The address without surrounding space, in normal form. Raises InvalidEmail. Asks no name server."""
    try:
        return email_validator.validate_email(email.strip(), check_deliverability=False).normalized
    except email_validator.EmailNotValidError as error:
        raise InvalidEmail(f"The e-mail address is not valid: {error}") from None


def email_key(address: str) -> str:
    """What makes two addresses the same account: the address without case and without compatibility forms."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).casefold())
