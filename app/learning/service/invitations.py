"""Invitations: who may enrol by an address. Nothing here tells whether an address has an account."""

from asyncpg import Record

from app.database import Query, Transaction

# One statement, so that enrolling costs one more and no other takes the same invitation. An address counts once it is
# proved: anybody may type any.
_TAKE = Query(
    "WITH taken AS (DELETE FROM invitations USING users WHERE users.id = $1 AND users.email_verified_at IS NOT NULL"
    " AND invitations.email_key = users.email_key AND invitations.course_id = $2 AND invitations.expires_at > now()"
    " RETURNING invitations.id, invitations.course_id, invitations.cohort_id, invitations.invited_by),"
    " joined AS (INSERT INTO cohort_members (cohort_id, user_id)"
    " SELECT cohort_id, $1 FROM taken WHERE cohort_id IS NOT NULL ON CONFLICT DO NOTHING)"
    " SELECT * FROM taken",
    ("user_id", "course_id"),
    {},
)


async def take_invitation(tx: Transaction, user_id: int, course_id: int) -> Record | None:
    """Uses up the invitation of the account's proved address: deletes it, and makes the account a member of its cohort.

    Returns (id, course_id, cohort_id, invited_by); None when there is none, or it has expired. For whoever enrols the
    account in the same transaction: members of cohorts are enrolled.
    """
    return await tx.fetch_one(_TAKE, user_id=user_id, course_id=course_id)
