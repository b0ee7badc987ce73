"""What learning throws away in time, in steps small enough to disturb nobody."""

from app.database import Query, Transaction

_ROWS = 5_000
"""In a step: some tens of milliseconds along an index."""
_FORGET = {
    "invitations": Query(
        "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at <= now() LIMIT $1::int"
        " FOR UPDATE SKIP LOCKED) RETURNING id",
        ("rows",),
        {},
    ),
    # What kept a second mail back for a day, and what was counted within an hour, has done so.
    "mails": Query(
        "DELETE FROM invitation_mails WHERE ctid IN (SELECT ctid FROM invitation_mails"
        " WHERE mailed_at <= now() - interval '1 day' LIMIT $1::int FOR UPDATE SKIP LOCKED) RETURNING course_id",
        ("rows",),
        {},
    ),
    "allowances": Query(
        "DELETE FROM invitation_allowances WHERE user_id IN (SELECT user_id FROM invitation_allowances"
        " WHERE hour_began <= now() - interval '1 hour' LIMIT $1::int FOR UPDATE SKIP LOCKED) RETURNING user_id",
        ("rows",),
        {},
    ),
}


async def forget_invitations(tx: Transaction, *, rows: int = _ROWS) -> int:
    """Deletes up to `rows` invitations that have expired. Returns how many."""
    return len(await tx.fetch(_FORGET["invitations"], rows=rows))


async def forget_invitation_records(tx: Transaction, *, rows: int = _ROWS) -> int:
    """Deletes up to `rows` notes each of mails and of allowances whose time is over. Returns how many."""
    mails = await tx.fetch(_FORGET["mails"], rows=rows)
    return len(mails) + len(await tx.fetch(_FORGET["allowances"], rows=rows))
