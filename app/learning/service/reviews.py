"""Reviewing a course. Its sums change in the statement that changes the review: they are exact, whoever else reviews."""

from app.catalog.cards import courses_changed
from app.database import Query, Transaction
from app.errors import DomainError, Forbidden
from app.identity.actor import Actor
from app.learning.errors import InvalidState, NotFound
from app.learning.service.events import count_after
from app.telemetry import Metrics
from app.validation import checked_text

BODY_LIMIT = 5_000
REASON_LIMIT = 500

# What a change takes out of the sums, and what it puts in: a rating, or null. The row of the sums is locked last, and so
# for the shortest time.
_COUNTED = """
    UPDATE course_stats s SET
        rating_sum = s.rating_sum + coalesce(c.added, 0) - coalesce(c.taken, 0),
        rating_count = s.rating_count + (c.added IS NOT NULL)::int - (c.taken IS NOT NULL)::int,
        rating_histogram = ARRAY(
            SELECT number + (stars IS NOT DISTINCT FROM c.added)::int - (stars IS NOT DISTINCT FROM c.taken)::int
            FROM unnest(s.rating_histogram) WITH ORDINALITY AS kept (number, stars) ORDER BY stars)
    FROM changed c WHERE s.course_id = $1 AND c.added IS DISTINCT FROM c.taken
"""
_TERMS = Query(
    """
SELECT c.status, e.enrolled_at IS NOT NULL AS had_a_seat, r.removed_at IS NOT NULL AS removed,
       EXISTS (SELECT FROM course_instructors i WHERE i.course_id = c.id AND i.user_id = $2) AS teaches
FROM courses c
LEFT JOIN enrollments e ON e.course_id = c.id AND e.user_id = $2
LEFT JOIN course_reviews r ON r.course_id = c.id AND r.user_id = $2
WHERE c.id = $1
""",
    ("course_id", "user_id"),
    {},
)
_WRITE = Query(
    f"""
WITH changed AS (
    INSERT INTO course_reviews AS r (course_id, user_id, rating, body) VALUES ($1, $2, $3, $4)
    ON CONFLICT (course_id, user_id) DO UPDATE SET rating = excluded.rating, body = excluded.body, updated_at = now()
        WHERE r.removed_at IS NULL AND (r.rating, r.body) <> (excluded.rating, excluded.body)
    RETURNING new.rating AS added, old.rating AS taken
), counted AS ({_COUNTED})
SELECT added, taken FROM changed
""",  # noqa: S608
    ("course_id", "user_id", "rating", "body"),
    {},
)
_REMOVE = Query(
    f"""
WITH changed AS (
    UPDATE course_reviews SET removed_at = now(), removed_by = $3, removal_reason = $4
    WHERE course_id = $1 AND user_id = $2 AND removed_at IS NULL
    RETURNING NULL::smallint AS added, rating AS taken
), counted AS ({_COUNTED})
SELECT taken FROM changed
""",  # noqa: S608
    ("course_id", "user_id", "removed_by", "reason"),
    {},
)
_RESTORE = Query(
    f"""
WITH changed AS (
    UPDATE course_reviews SET removed_at = NULL, removed_by = NULL, removal_reason = NULL
    WHERE course_id = $1 AND user_id = $2 AND removed_at IS NOT NULL
    RETURNING rating AS added, NULL::smallint AS taken
), counted AS ({_COUNTED})
SELECT added FROM changed
""",  # noqa: S608
    ("course_id", "user_id"),
    {},
)
_EXISTS = Query(
    "SELECT 1 FROM course_reviews WHERE course_id = $1 AND user_id = $2", ("course_id", "user_id"), {}
)


async def review_course(
    tx: Transaction, metrics: Metrics, actor: Actor, *, course_id: int, rating: int, body: str = ""
) -> None:
    """Of who has, or had, a seat in it: 1 to 5 stars and a text. Again changes it; the same again writes nothing.

    Raises NOT_FOUND, INVALID_INPUT, INVALID_STATE for who never learnt there, who teaches it, and where an administrator
    has removed the review.
    """
    if actor.user_id is None:
        raise Forbidden
    if not 1 <= rating <= 5:
        raise DomainError("Between 1 and 5 stars.", path=("input", "rating"))
    body = checked_text(body, "input", "body", maximum=BODY_LIMIT, breaks=True)
    terms = await tx.fetch_one(_TERMS, course_id=course_id, user_id=actor.user_id)
    if terms is None or (terms["status"] == "draft" and not (terms["had_a_seat"] or terms["teaches"])):
        raise NotFound("course", "courseId")
    if terms["teaches"]:
        raise InvalidState("Who teaches a course does not review it.", "courseId")
    if not terms["had_a_seat"]:
        raise InvalidState("Only who learns, or learnt, in a course reviews it.", "courseId")
    written = await tx.fetch_one(_WRITE, course_id=course_id, user_id=actor.user_id, rating=rating, body=body)
    if written is None:
        # The same again, or removed, perhaps a moment ago.
        terms = await tx.fetch_one(_TERMS, course_id=course_id, user_id=actor.user_id)
        if terms is not None and terms["removed"]:
            raise InvalidState("An administrator has removed this review.", "courseId")
        return
    if written["added"] != written["taken"]:
        await courses_changed(tx, course_id)
    count_after(tx, metrics.reviews.labels("written" if written["taken"] is None else "changed"))


async def remove_review(
    tx: Transaction, metrics: Metrics, actor: Actor, *, course_id: int, user_id: int, reason: str
) -> None:
    """Takes it out of lists and sums; its author reads why, and cannot write another. Again changes nothing.

    Raises FORBIDDEN, NOT_FOUND, INVALID_INPUT.
    """
    if not actor.is_admin or actor.user_id is None:
        raise Forbidden
    reason = checked_text(reason, "input", "reason", minimum=1, maximum=REASON_LIMIT, breaks=True)
    values = {"course_id": course_id, "user_id": user_id}
    if await tx.fetch(_REMOVE, **values, removed_by=actor.user_id, reason=reason):
        await courses_changed(tx, course_id)
        count_after(tx, metrics.reviews.labels("removed"))
    elif not await tx.fetch(_EXISTS, **values):
        raise NotFound("review", "reviewId")


async def restore_review(
    tx: Transaction, metrics: Metrics, actor: Actor, *, course_id: int, user_id: int
) -> None:
    """Takes a removal back. Again changes nothing. Raises FORBIDDEN, NOT_FOUND."""
    if not actor.is_admin:
        raise Forbidden
    values = {"course_id": course_id, "user_id": user_id}
    if await tx.fetch(_RESTORE, **values):
        await courses_changed(tx, course_id)
        count_after(tx, metrics.reviews.labels("restored"))
    elif not await tx.fetch(_EXISTS, **values):
        raise NotFound("review", "reviewId")
