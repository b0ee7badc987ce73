"""E-mail addresses: what is one, and when two are the same."""

import unicodedata

import email_validator
import idna

from app.identity.errors import InvalidEmail

# The library's own switch: addresses in an intranet end in .local or .internal, and no list of names knows
# whether mail arrives there.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


def checked_email(email: str) -> str:
    """The address without surrounding space, in normal form. Raises InvalidEmail. Asks no name server."""
    if "=?" in email:
        # Mail programs read it as something else: other letters, other lines, another mailbox.
        raise InvalidEmail("The e-mail address is not valid: =? stands in no address.")
    try:
        return email_validator.validate_email(email.strip(), check_deliverability=False).normalized
    except email_validator.EmailNotValidError as error:
        raise InvalidEmail(f"The e-mail address is not valid: {error}") from None


def email_key(address: str) -> str:
    """What makes two addresses one mailbox: the domain as name servers know it, the rest without case.

    No more than that: casefold() and NFKC make one of straße.de and strasse.de, which two people can register.
    """
    local, _, domain = unicodedata.normalize("NFC", address).rpartition("@")
    return f"{local.lower()}@{_ascii(domain)}"


def _ascii(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode().lower()
    except idna.IDNAError:
        # No name of the public network; nothing of it is another's.
        return domain.lower()
