"""Counting anew while viewers go on: videos' progress is locked before enrolments, as whoever flushes does."""

from app.database import Transaction
from app.learning.progress_buffer import ProgressState, Taken
from app.learning.progress_buffer.state import Position, Viewing
from app.learning.service import recomputing
from app.learning.service.flushing import Flushed, flush_progress
from app.resources import Resources
from tests.factories.catalog import run
from tests.support.meeting import meet
from tests.support.watching import Watching, make_watching

_WATCHED = """
INSERT INTO video_progress
    (user_id, video_id, lesson_id, course_id, position_ms, position_at, position_sequence, watched, watched_ms)
SELECT $1, v.id, v.lesson_id, $2, 500000, now(), 1, '{[0,500000)}', 500000 FROM video_metadata v
"""


def seen_to(course: Watching, now_ms: int) -> Taken:
    viewing = Viewing("desktop", now_ms - 1000, now_ms, [500_000, 501_000], [])
    state = ProgressState(Position(now_ms, 2, 501_000), {"viewing-1": viewing})
    return Taken((course.learner.number, course.videos[0]), b"", now_ms, state, size=0)


async def test_who_flushes_meanwhile(crowd: Resources) -> None:
    """A rule wants less than it did, so that what was watched is enough."""
    course = await make_watching(crowd.database, videos=2)
    await run(crowd.database, _WATCHED, course.learner.number, course.course)
    await run(crowd.database, "UPDATE lessons SET required_share = 0.5")
    (now,) = await run(crowd.database, "SELECT (extract(epoch FROM now()) * 1000)::bigint AS ms")
    found = recomputing.Recount()

    async def recount(tx: Transaction) -> object:
        return await recomputing.recount_chunk(
            tx, crowd.outbox, course_id=course.course, after=recomputing.BEGINNING, found=found
        )

    async def flush(tx: Transaction) -> Flushed:
        return await flush_progress(tx, crowd.outbox, [seen_to(course, now["ms"])])

    _, flushed = await meet(crowd.database, recount, flush, before="DELETE FROM lesson_progress")
    assert (flushed.videos, flushed.gone) == (1, 0)
    rows = await run(
        crowd.database,
        "SELECT v.video_id, v.watched_ms, v.completed_at IS NOT NULL AS video, l.completed_at IS NOT NULL AS lesson"
        " FROM video_progress v LEFT JOIN lesson_progress l USING (user_id, lesson_id) ORDER BY 1",
    )
    first, second = course.videos
    assert [tuple(row) for row in rows] == [(first, 501_000, True, True), (second, 500_000, True, True)]
    assert found.lessons_completed == 2
