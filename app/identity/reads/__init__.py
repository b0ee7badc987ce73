"""Every SELECT of identity. A `connection` is the database itself (a short connection) or a transaction."""

from app.identity.reads.accounts import PUBLIC_COLUMNS, user_by_email_key, users_by_id, visible_users_by_id
from app.identity.reads.audit import AuditFilter, audit_entries_page
from app.identity.reads.sessions import session_columns, sessions_of_users, sessions_revoked_within

__all__ = [
    "PUBLIC_COLUMNS",
    "AuditFilter",
    "audit_entries_page",
    "session_columns",
    "sessions_of_users",
    "sessions_revoked_within",
    "user_by_email_key",
    "users_by_id",
    "visible_users_by_id",
]
