"""Who learns what in the demo: enrolments, progress and reviews as rows, made of plain arithmetic, the same in every clone.

The sums of a course are counted from these rows. Nothing is announced: nobody is to be told of a past that was made up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.catalog.models import LessonKind
from app.cli.demo.content import DemoCourse
from app.cli.demo.opinions import OPINIONS
from app.database import Transaction
from app.learning.models import EnrollmentEventKind, EnrollmentState
from app.learning.service.events import Happened, write_events

LEFT = 2
"""So many have left each course that has learners."""
_REVIEWED_WITH_WORDS = 2
"""Every second review says something."""

_ENROLL = """
INSERT INTO enrollments (user_id, course_id, state, created_at, enrolled_at, completed_at, withdrawn_at, last_active_at,
                         lessons_completed)
SELECT user_id, course_id, state, enrolled_at, enrolled_at, CASE state WHEN 'completed' THEN last_at END,
       CASE state WHEN 'withdrawn' THEN last_at END, CASE WHEN done > 0 THEN last_at END, done
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[])
    AS t (user_id, course_id, state, enrolled_at, last_at, done)"""
# Lessons are done in their order; what `number` says of one is its place in the course.
_NUMBERED = """
numbered AS (
    SELECT l.id, l.course_id, l.kind, v.id AS video_id, v.duration_ms,
           row_number() OVER (PARTITION BY l.course_id ORDER BY m.position, l.position) AS number
    FROM lessons l JOIN modules m ON m.id = l.module_id LEFT JOIN video_metadata v ON v.lesson_id = l.id
    WHERE l.course_id = ANY($1::bigint[])
), reached AS (
    SELECT e.user_id, n.*, e.enrolled_at + (e.last_active_at - e.enrolled_at) * n.number / e.lessons_completed AS at,
           n.number <= e.lessons_completed AS done
    FROM enrollments e JOIN numbered n ON n.course_id = e.course_id AND n.number <= e.lessons_completed + 1
    WHERE e.course_id = ANY($1::bigint[]) AND e.lessons_completed > 0
)"""
_LESSONS = f"""
WITH {_NUMBERED}
INSERT INTO lesson_progress (user_id, lesson_id, course_id, opened_at, marked_at, completed_at)
SELECT user_id, id, course_id, at, CASE kind WHEN 'page' THEN at END, at FROM reached WHERE done"""  # noqa: S608
# Whoever has not finished has seen two fifths of the video that comes next.
_VIDEOS = f"""
WITH {_NUMBERED}, watched AS (
    SELECT r.*, CASE WHEN done THEN duration_ms ELSE duration_ms * 2 / 5 END AS until FROM reached r
    WHERE video_id IS NOT NULL
)
INSERT INTO video_progress (user_id, video_id, lesson_id, course_id, position_ms, position_at, position_sequence, watched,
                            watched_ms, completed_at)
SELECT user_id, video_id, id, course_id, until, least(at, $2), 1, int4multirange(int4range(0, until)), until,
       CASE WHEN done THEN at END
FROM watched"""  # noqa: S608
_PLACES = f"""
WITH {_NUMBERED}, last AS (
    SELECT DISTINCT ON (user_id, course_id) user_id, course_id, id FROM reached ORDER BY user_id, course_id, number DESC
)
UPDATE enrollments e SET last_lesson_id = last.id FROM last
WHERE e.user_id = last.user_id AND e.course_id = last.course_id"""  # noqa: S608
_REVIEW = """
INSERT INTO course_reviews (course_id, user_id, rating, body, created_at, updated_at)
SELECT course_id, user_id, rating, body, at, at
FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[], $5::timestamptz[])
    AS t (course_id, user_id, rating, body, at)"""
_SUM = """
UPDATE course_stats s SET rating_sum = r.total, rating_count = r.number, rating_histogram = r.histogram,
    enrollment_count = (SELECT count(*) FROM enrollments e
                        WHERE e.course_id = s.course_id AND e.state IN ('active', 'completed'))
FROM (
    SELECT c.id, count(r.rating) AS number, coalesce(sum(r.rating), 0) AS total,
           ARRAY(SELECT count(r2.rating)::int FROM generate_series(1, 5) AS star LEFT JOIN course_reviews r2
                 ON r2.course_id = c.id AND r2.rating = star GROUP BY star ORDER BY star) AS histogram
    FROM unnest($1::bigint[]) AS c (id) LEFT JOIN course_reviews r ON r.course_id = c.id GROUP BY c.id
) AS r
WHERE s.course_id = r.id"""


@dataclass(frozen=True, slots=True)
class Taught:
    """A demo course as it was stored."""

    course_id: int
    course: DemoCourse

    @property
    def kinds(self) -> list[LessonKind]:
        """Of its lessons, in order."""
        return [lesson.kind for module in self.course.modules for lesson in module.lessons]

    @property
    def lessons(self) -> int:
        return len(self.kinds)

    def before_a_video(self, done: int) -> int:
        """As many lessons, or fewer, that the next one is a video: most people stop in the middle of one."""
        kinds = self.kinds
        return max(
            (number for number in range(1, done + 1) if kinds[number] is LessonKind.VIDEO), default=done
        )


@dataclass(frozen=True, slots=True)
class _Learner:
    user_id: int
    state: EnrollmentState
    enrolled_at: datetime
    last_at: datetime
    """When they completed it, left it, or were last there."""
    done: int
    """Lessons."""


def months_of(taught: Sequence[DemoCourse], today: datetime) -> list[date]:
    """In which all of it has happened."""
    days = max(course.days_ago for course in taught)
    return sorted({(today - timedelta(days=day)).date().replace(day=1) for day in range(days + 1)})


async def add_learners(
    tx: Transaction, students: Sequence[int], taught: Sequence[Taught], today: datetime
) -> None:
    """A handful of statements for all of it."""
    learners = [
        (each.course_id, learner)
        for place, each in enumerate(taught)
        for learner in _learners(each, place, students, today)
    ]
    course_ids = [each.course_id for each in taught]
    await tx.fetch_text(
        _ENROLL,
        [learner.user_id for _, learner in learners],
        [course_id for course_id, _ in learners],
        [learner.state.value for _, learner in learners],
        [learner.enrolled_at for _, learner in learners],
        [learner.last_at for _, learner in learners],
        [learner.done for _, learner in learners],
    )
    await tx.fetch_text(_LESSONS, course_ids)
    await tx.fetch_text(_VIDEOS, course_ids, today)
    await tx.fetch_text(_PLACES, course_ids)
    await write_events(tx, [event for pair in learners for event in _happened(*pair)])
    reviews = [
        (each.course_id, *review)
        for each in taught
        for review in _reviews(
            each.course, [one for course_id, one in learners if course_id == each.course_id]
        )
    ]
    await tx.fetch_text(_REVIEW, *map(list, zip(*reviews, strict=True)))
    await tx.fetch_text(_SUM, course_ids)


def _learners(taught: Taught, place: int, students: Sequence[int], today: datetime) -> Iterator[_Learner]:
    """Of those with a seat every fourth has completed the course, every fifth has not begun; the rest is on the way."""
    seats = taught.course.students
    if not seats:
        return
    span = timedelta(days=taught.course.days_ago)
    number = min(seats + LEFT, len(students))
    for turn in range(number):
        # Each course begins elsewhere among the students and takes every eleventh, so that everybody learns something.
        user_id = students[(place * 7 + turn * 11) % len(students)]
        enrolled_at = today - span * (number - turn) / (number + 1)
        rest = today - enrolled_at
        done = taught.before_a_video(1 + (turn * 5 + place) % (taught.lessons - 1))
        if turn >= seats:
            yield _Learner(user_id, EnrollmentState.WITHDRAWN, enrolled_at, enrolled_at + rest / 2, turn % 2)
        elif turn % 4 == 0:
            yield _Learner(
                user_id, EnrollmentState.COMPLETED, enrolled_at, enrolled_at + rest * 0.6, taught.lessons
            )
        else:
            # Who was last there long ago and who a moment ago.
            last_at = enrolled_at + rest * (0.5 + turn % 3 * 0.2)
            yield _Learner(
                user_id, EnrollmentState.ACTIVE, enrolled_at, last_at, 0 if turn % 5 == 2 else done
            )


def _happened(course_id: int, learner: _Learner) -> Iterator[Happened]:
    yield Happened(EnrollmentEventKind.ENROLLED, learner.user_id, course_id, 1, learner.enrolled_at)
    ends = {
        EnrollmentState.COMPLETED: EnrollmentEventKind.COMPLETED,
        EnrollmentState.WITHDRAWN: EnrollmentEventKind.WITHDRAWN,
    }
    if learner.state in ends:
        yield Happened(ends[learner.state], learner.user_id, course_id, 1, learner.last_at)


def _reviews(course: DemoCourse, learners: Sequence[_Learner]) -> Iterator[tuple[int, int, str, datetime]]:
    """(user, stars, words, when), of those who have a seat; the stars in turn, so that the latest are not all alike."""
    stars = [star for star, number in enumerate(course.stars, 1) for _ in range(number)]
    words = OPINIONS[course.language]
    for turn, learner in enumerate(learners[: len(stars)]):
        star = stars[turn * 7 % len(stars)] if len(stars) % 7 else stars[turn]
        said = words[star][turn // _REVIEWED_WITH_WORDS % len(words[star])]
        yield learner.user_id, star, said if turn % _REVIEWED_WITH_WORDS else "", learner.last_at
