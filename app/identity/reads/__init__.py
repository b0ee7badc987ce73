"""Every SELECT of identity. A `connection` is the database itself (a short connection) or a transaction."""

from app.identity.reads.accounts import (
    PUBLIC_COLUMNS,
    accounts_of_address,
    credentials,
    owners_of_addresses,
    public_users_by_id,
    user_by_email_key,
    users_by_id,
    verified_user_by_email_key,
    visible_users_by_id,
)
from app.identity.reads.audit import AuditFilter, audit_entries_page
from app.identity.reads.sessions import session_columns, sessions_of_users, sessions_revoked_within

__all__ = [
    "PUBLIC_COLUMNS",
    "AuditFilter",
    "accounts_of_address",
    "audit_entries_page",
    "credentials",
    "owners_of_addresses",
    "public_users_by_id",
    "session_columns",
    "sessions_of_users",
    "sessions_revoked_within",
    "user_by_email_key",
    "users_by_id",
    "verified_user_by_email_key",
    "visible_users_by_id",
]
