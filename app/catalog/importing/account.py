"""Whose courses an import makes: a given instructor's, or the import account's."""

from asyncpg import Record

from app.catalog.importing.errors import ImportRefused
from app.database import Database
from app.errors import DomainError
from app.identity import addresses, reads
from app.identity.errors import EmailTaken
from app.identity.models import Role
from app.identity.service import accounts

IMPORT_EMAIL = "catalogue-import@lectern.invalid"
IMPORT_NAME = "Catalogue import"


async def instructor_of_import(database: Database, email: str | None) -> int:
    """The account's id; without an e-mail the import account's, made when it is first needed. Raises ImportRefused."""
    if email is None:
        return await _import_account(database)
    try:
        account = await _account(database, addresses.checked_email(email))
    except DomainError as error:
        raise ImportRefused(error.message) from None
    if account is None:
        raise ImportRefused(f"There is no account with the e-mail address {email}.")
    if account["role"] == Role.STUDENT:
        raise ImportRefused(f"{email} is a student; only instructors and administrators have courses.")
    return int(account["id"])


async def _import_account(database: Database) -> int:
    account = await reads.verified_user_by_email_key(database, IMPORT_EMAIL)
    if account is None:
        try:
            async with database.transaction() as tx:
                made = await accounts.create_user(
                    tx, email=IMPORT_EMAIL, name=IMPORT_NAME, role=Role.INSTRUCTOR, password=None
                )
                return int(made["id"])
        except EmailTaken:  # another import was faster
            account = await reads.verified_user_by_email_key(database, IMPORT_EMAIL)
    # An operator may have given the address to somebody; nobody gets our courses by having been here before us.
    if account is None or account["password_hash"] is not None or account["role"] != Role.INSTRUCTOR:
        raise ImportRefused(
            f"The import's own address {IMPORT_EMAIL} belongs to somebody; say whose the courses are: --instructor EMAIL."
        )
    return int(account["id"])


async def _account(database: Database, email: str) -> Record | None:
    return await reads.user_by_email_key(database, addresses.email_key(email))
