"""What learners say of lessons: that they have opened one, that they are done with it."""

from asyncpg import Record

from app.catalog.models import LessonKind
from app.database import Fetch, Query, Transaction
from app.errors import Forbidden
from app.identity.actor import Actor
from app.learning import reads
from app.learning.completion_rules import Completion, CompletionRule, completion_of
from app.learning.errors import LessonNotCompleted, NotEnrolled, NotFound
from app.learning.models import EnrollmentState
from app.learning.progress_buffer import ProgressBuffer
from app.learning.service.completion import complete_lessons
from app.learning.video_progress import current_progress
from app.notifications.service import Notifier

_LEARNING = {EnrollmentState.ACTIVE, EnrollmentState.COMPLETED}

# The enrolment first, as everybody locks it before the progress that is counted in it.
_BUSY = Query(
    "UPDATE enrollments SET last_active_at = now(), last_lesson_id = $3"
    " WHERE user_id = $1 AND course_id = $2 AND state IN ('active', 'completed') RETURNING user_id",
    ("user_id", "course_id", "lesson_id"),
    {},
)
_OPEN = Query(
    "INSERT INTO lesson_progress AS p (user_id, lesson_id, course_id, opened_at, marked_at)"
    " VALUES ($1, $2, $3, now(), CASE WHEN $4 THEN now() END) ON CONFLICT (user_id, lesson_id) DO UPDATE"
    " SET opened_at = coalesce(p.opened_at, now()), marked_at = coalesce(p.marked_at, excluded.marked_at)"
    " WHERE p.opened_at IS NULL OR (p.marked_at IS NULL AND $4)",
    ("user_id", "lesson_id", "course_id", "marked"),
    {},
)
_SEEN = Query(
    "SELECT l.id FROM lessons l JOIN courses c ON c.id = l.course_id WHERE l.id = $1 AND ($2 OR c.status <> 'draft'"
    " OR EXISTS (SELECT FROM course_instructors i WHERE i.course_id = c.id AND i.user_id = $3))",
    ("lesson_id", "sees_all", "viewer"),
    {},
)


async def standing_of(
    connection: Fetch, buffer: ProgressBuffer, actor: Actor, lesson_id: int
) -> tuple[Record, Completion]:
    """Where the actor is with a lesson, also by what they reported a moment ago. Before any transaction: it asks Redis.

    Raises NOT_FOUND, and INVALID_STATE for who is not enrolled in the lesson's course.
    """
    if actor.user_id is None:
        raise Forbidden
    rows = await reads.standings_of_viewer(connection, [lesson_id], actor)
    if not rows or rows[0]["state"] not in _LEARNING:
        # Those who see the lesson hear what they lack; to others it does not exist.
        if not await connection.fetch(
            _SEEN, lesson_id=lesson_id, sees_all=actor.is_admin, viewer=actor.user_id
        ):
            raise NotFound("lesson", "lessonId")
        raise NotEnrolled("lessonId")
    standing = rows[0]
    watched = None
    if standing["kind"] == LessonKind.VIDEO and standing["video_id"] is not None:
        found = await current_progress(connection, [(actor.user_id, standing["video_id"])], actor, buffer)
        watched = found[0]["watched"] if found else None
    return standing, completion_of(standing, watched)


async def open_lesson(tx: Transaction, notifier: Notifier, standing: Record) -> None:
    """Notes that its learner has opened it, which completes a link. Again changes when they were last here, no more."""
    await _note(tx, standing, marked=False)
    if standing["kind"] == LessonKind.LINK:
        await _complete(tx, notifier, standing)


async def complete_lesson(
    tx: Transaction, notifier: Notifier, standing: Record, completion: Completion
) -> None:
    """Its learner is done with it. Again changes nothing. Raises INVALID_STATE for a video of which too little was watched,
    and for a quiz, which is passed and not marked.
    """
    if completion.completed_at is None:
        if completion.rule is CompletionRule.PASSED or (
            completion.rule is CompletionRule.WATCHED and not completion.satisfied
        ):
            raise LessonNotCompleted(completion)
        await _note(tx, standing, marked=True)
        await _complete(tx, notifier, standing)


async def _note(tx: Transaction, standing: Record, *, marked: bool) -> None:
    user_id, lesson_id, course_id = standing["user_id"], standing["lesson_id"], standing["course_id"]
    if not await tx.fetch(_BUSY, user_id=user_id, course_id=course_id, lesson_id=lesson_id):
        # Withdrawn while we looked.
        raise NotEnrolled("lessonId")
    await tx.fetch(_OPEN, user_id=user_id, lesson_id=lesson_id, course_id=course_id, marked=marked)


async def _complete(tx: Transaction, notifier: Notifier, standing: Record) -> None:
    await complete_lessons(
        tx,
        notifier.outbox,
        user_ids=[standing["user_id"]],
        lesson_ids=[standing["lesson_id"]],
        course_ids=[standing["course_id"]],
    )
