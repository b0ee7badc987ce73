"""Writes what the buffer holds. Every statement unites, or keeps the later of two: to write a state again changes nothing.

Whoever flushes locks rows of `video_progress` by person and video, then enrolments by person and course.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter

from app.database import Transaction
from app.learning.progress_buffer import Pair, Taken
from app.learning.service.completion import complete_lessons
from app.learning.video_progress import moment
from app.outbox import Outbox
from app.timed_ids import timed_id

# Accounts, lessons and videos may have gone meanwhile: what the joins leave out nobody misses.
_PROGRESS = """
WITH known AS (
    SELECT reported.user_id, reported.video_id, lesson.id AS lesson_id, lesson.course_id,
           reported.position_ms, reported.position_at, reported.position_sequence, reported.watched::int4multirange AS watched
    FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::timestamptz[], $5::int[], $6::text[])
        AS reported (user_id, video_id, position_ms, position_at, position_sequence, watched)
    JOIN users ON users.id = reported.user_id
    JOIN video_metadata AS video ON video.id = reported.video_id
    JOIN lessons AS lesson ON lesson.id = video.lesson_id
), written AS (
    INSERT INTO video_progress AS there
        (user_id, video_id, lesson_id, course_id, position_ms, position_at, position_sequence, watched, watched_ms)
    SELECT user_id, video_id, lesson_id, course_id, position_ms, position_at, position_sequence, watched,
           (SELECT coalesce(sum(upper(part) - lower(part)), 0) FROM unnest(watched) AS part)
    FROM known ORDER BY user_id, video_id
    ON CONFLICT (user_id, video_id) DO UPDATE SET
        (position_at, position_sequence, position_ms) = (
            SELECT at, sequence, ms FROM (VALUES
                (there.position_at, there.position_sequence, there.position_ms),
                (excluded.position_at, excluded.position_sequence, excluded.position_ms)
            ) AS position (at, sequence, ms)
            ORDER BY at DESC, sequence DESC, ms DESC LIMIT 1),
        watched = there.watched + excluded.watched,
        watched_ms = (
            SELECT coalesce(sum(upper(part) - lower(part)), 0) FROM unnest(there.watched + excluded.watched) AS part),
        updated_at = now()
    -- Nothing new is no row version. The row is locked all the same, which what follows relies on.
    WHERE NOT there.watched @> excluded.watched
        OR (excluded.position_at, excluded.position_sequence, excluded.position_ms)
            > (there.position_at, there.position_sequence, there.position_ms)
    RETURNING there.user_id
)
SELECT known.user_id, known.video_id, known.lesson_id, known.course_id, known.position_at,
       (SELECT count(*) FROM written) AS written
FROM known
"""
# A millisecond of grace: the share is a float.
_WATCHED_ENOUGH = """
UPDATE video_progress AS progress SET completed_at = now()
FROM unnest($1::bigint[], $2::bigint[]) AS reported (user_id, video_id)
JOIN video_metadata AS video ON video.id = reported.video_id
JOIN lessons AS lesson ON lesson.id = video.lesson_id
WHERE progress.user_id = reported.user_id AND progress.video_id = reported.video_id
    AND progress.completed_at IS NULL
    AND progress.watched_ms + 1 >= lesson.required_share * video.duration_ms
RETURNING progress.user_id, lesson.id AS lesson_id, lesson.course_id
"""
# A viewing's row is found by its name, not by the time of its id: it may have been flushed before, also by somebody else, and
# Redis may have forgotten that. Under the lock of the video's progress there is no other who could be making it. No beat older
# than seven days is taken, so that its row cannot be older than eight.
_VIEWINGS = """
INSERT INTO watch_sessions AS there
    (id, user_id, video_id, course_id, viewing_key, started_at, ended_at, watched, seeks, device_class)
SELECT coalesce(known.id, reported.id), reported.user_id, reported.video_id, reported.course_id, reported.viewing_key,
       reported.started_at, reported.ended_at, reported.watched::int4multirange, reported.seeks::int4multirange,
       reported.device_class
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[],
            $8::text[], $9::text[], $10::text[])
    AS reported (id, user_id, video_id, course_id, viewing_key, started_at, ended_at, watched, seeks, device_class)
LEFT JOIN LATERAL (
    SELECT session.id FROM watch_sessions AS session
    WHERE session.user_id = reported.user_id AND session.id >= uuid_floor(now() - interval '8 days')
        AND session.video_id = reported.video_id AND session.viewing_key = reported.viewing_key
    ORDER BY session.id LIMIT 1
) AS known ON true
ON CONFLICT (id) DO UPDATE SET
    started_at = least(there.started_at, excluded.started_at),
    ended_at = greatest(there.ended_at, excluded.ended_at),
    watched = there.watched + excluded.watched,
    seeks = there.seeks + excluded.seeks,
    device_class = least(there.device_class, excluded.device_class)
RETURNING id
"""
# Once a minute, or where they went to another lesson: more often nobody could tell. All that is locked here, also for what
# follows, is locked in one order.
_ACTIVITY = """
WITH latest AS (
    SELECT DISTINCT ON (user_id, course_id) user_id, course_id, lesson_id, least(at, now()) AS at,
           bool_or(done) OVER (PARTITION BY user_id, course_id) AS done
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::boolean[])
        AS reported (user_id, course_id, lesson_id, at, done)
    ORDER BY user_id, course_id, at DESC
), locked AS MATERIALIZED (
    SELECT user_id, course_id, latest.lesson_id, latest.at
    FROM enrollments AS enrollment JOIN latest USING (user_id, course_id)
    WHERE enrollment.state IN ('active', 'completed') AND (
        latest.done OR enrollment.last_active_at IS NULL OR enrollment.last_active_at < latest.at - interval '1 minute'
        OR (enrollment.last_active_at < latest.at AND enrollment.last_lesson_id IS DISTINCT FROM latest.lesson_id))
    ORDER BY user_id, course_id
    FOR NO KEY UPDATE OF enrollment
)
UPDATE enrollments AS enrollment SET last_active_at = locked.at, last_lesson_id = locked.lesson_id
FROM locked
WHERE enrollment.user_id = locked.user_id AND enrollment.course_id = locked.course_id
    AND (enrollment.last_active_at IS NULL OR enrollment.last_active_at < locked.at)
"""


@dataclass(frozen=True, slots=True)
class Flushed:
    """How much was written: videos of viewers, viewings, lessons that became completed; and what had gone meanwhile."""

    videos: int
    viewings: int
    lessons: int
    gone: int


async def flush_progress(tx: Transaction, outbox: Outbox, taken: Sequence[Taken]) -> Flushed:
    """Writes states of different keys. In five statements or so, however many."""
    taken = sorted(taken, key=attrgetter("pair"))
    rows = await tx.fetch_text(
        _PROGRESS,
        [each.pair[0] for each in taken],
        [each.pair[1] for each in taken],
        [each.state.position.position for each in taken],
        [moment(each.state.position.at) for each in taken],
        [each.state.position.sequence for each in taken],
        [_multirange(each.state.watched) for each in taken],
    )
    if not rows:
        return Flushed(0, 0, 0, len(taken))
    courses = {(row["user_id"], row["video_id"]): int(row["course_id"]) for row in rows}
    viewings = await _write_viewings(tx, [each for each in taken if each.pair in courses], courses)
    done = await tx.fetch_text(_WATCHED_ENOUGH, *map(list, zip(*courses, strict=True)))
    crossed = {(row["user_id"], row["lesson_id"]) for row in done}
    await tx.fetch_text(
        _ACTIVITY,
        [row["user_id"] for row in rows],
        [row["course_id"] for row in rows],
        [row["lesson_id"] for row in rows],
        [row["position_at"] for row in rows],
        [(row["user_id"], row["lesson_id"]) in crossed for row in rows],
    )
    lessons = 0
    if done:
        lessons = await complete_lessons(
            tx,
            outbox,
            user_ids=[row["user_id"] for row in done],
            lesson_ids=[row["lesson_id"] for row in done],
            course_ids=[row["course_id"] for row in done],
        )
    return Flushed(rows[0]["written"], viewings, lessons, len(taken) - len(rows))


async def _write_viewings(tx: Transaction, taken: Sequence[Taken], courses: dict[Pair, int]) -> int:
    now = datetime.now(UTC)
    written = [
        (
            # When the first of it reached us; should Redis's clock be ahead, there may be no partition for that.
            timed_id(min(moment(each.since), now), f"viewing:{each.pair[0]}:{each.pair[1]}:{key}"),
            *each.pair,
            courses[each.pair],
            key,
            moment(viewing.started),
            moment(viewing.ended),
            _multirange(viewing.watched),
            _multirange(viewing.seeks),
            viewing.device,
        )
        for each in taken
        for key, viewing in each.state.viewings.items()
    ]
    return len(await tx.fetch_text(_VIEWINGS, *map(list, zip(*written, strict=True))))


def _multirange(ranges: list[int]) -> str:
    return "{" + ",".join(f"[{ranges[i]},{ranges[i + 1]})" for i in range(0, len(ranges), 2)) + "}"
