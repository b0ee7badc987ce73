"""How fast learners' progress is counted anew after a course has changed, and in how much memory.

    LECTERN_DATABASE_URL=postgresql://... python -m benchmarks.recompute_progress [learners ...]

The address is that of a server on which the databases `lectern_bench_import_*` may be made and dropped. Each learner has
done a part of 100 lessons, every tenth all but one; then that lesson is removed, and one that half of them have done. What
comes of it is compared with a count of the rows.
"""

import asyncio
import os
import sys
import time

import asyncpg
import psutil

from app.learning.service import recomputing
from app.resources import open_resources
from app.settings import DatabaseSettings, Mode, Settings
from benchmarks.import_catalog import fresh_database

LESSONS = 100
FILL = """
INSERT INTO users (id, email, email_key, name, role) OVERRIDING SYSTEM VALUE
SELECT i, i || '@example.org', i || '@example.org', 'User', 'student' FROM generate_series(0, {learners}) AS i;
INSERT INTO courses (id, slug, title, status, instructor_id, published_at) OVERRIDING SYSTEM VALUE
VALUES (1, 'course', 'Course', 'published', 0, now());
INSERT INTO modules (id, course_id, title, position) OVERRIDING SYSTEM VALUE VALUES (1, 1, 'Module', 1);
INSERT INTO lessons (id, course_id, module_id, title, kind, position) OVERRIDING SYSTEM VALUE
SELECT i, 1, 1, 'Lesson', 'page', i FROM generate_series(1, {lessons}) AS i;
INSERT INTO course_stats (course_id, lesson_count, enrollment_count) VALUES (1, {lessons}, {learners});
INSERT INTO enrollments (user_id, course_id, state, enrolled_at, created_at, lessons_completed)
SELECT i, 1, 'active', now(), now() + i * interval '1 second',
       CASE WHEN i % 10 = 0 THEN {lessons} - 1 ELSE i % 30 END FROM generate_series(1, {learners}) AS i;
INSERT INTO lesson_progress (user_id, lesson_id, course_id, opened_at, completed_at)
SELECT i, lesson, 1, now(), now() FROM generate_series(1, {learners}) AS i,
       generate_series(1, CASE WHEN i % 10 = 0 THEN {lessons} - 1 ELSE i % 30 END) AS lesson;
ANALYZE;
DELETE FROM lessons WHERE id IN ({lessons}, 15);
UPDATE course_stats SET lesson_count = {lessons} - 2;
"""
WRONG = """
SELECT count(*) FROM enrollments e WHERE e.lessons_completed <> (
    SELECT count(*) FROM lesson_progress p JOIN lessons l ON l.id = p.lesson_id
    WHERE p.user_id = e.user_id AND p.completed_at IS NOT NULL)
   OR (e.state = 'completed') <> (e.lessons_completed = {lessons} - 2)
"""


async def recompute(url: str) -> tuple[float, int, recomputing.Recount]:
    """Seconds, megabytes that it took beyond what the program had, and what it found."""
    settings = Settings(mode=Mode.DEVELOPMENT, database=DatabaseSettings(url=url, pool_size=1))
    async with open_resources(settings) as resources:
        process, peak = psutil.Process(), 0
        before = process.memory_info().rss
        found = recomputing.Recount()
        place: recomputing.Place | None = recomputing.BEGINNING
        began = time.perf_counter()
        while place is not None:
            async with resources.database.transaction() as tx:
                place = await recomputing.recount_chunk(
                    tx, resources.outbox, course_id=1, after=place, found=found
                )
            peak = max(peak, process.memory_info().rss - before)
        return time.perf_counter() - began, peak // 1_000_000, found


async def fill(url: str, learners: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(FILL.format(learners=learners, lessons=LESSONS))
    await connection.close()


async def faults(url: str) -> int:
    connection = await asyncpg.connect(url)
    wrong = await connection.fetchval(WRONG.format(lessons=LESSONS))
    await connection.close()
    return int(wrong)


def main() -> None:
    server = os.environ["LECTERN_DATABASE_URL"]
    print(f"{'learners':>9} {'seconds':>8} {'learners/s':>11} {'completed':>10} {'more MB':>8}")
    for learners in [int(argument) for argument in sys.argv[1:]] or [5_000, 50_000]:
        url = fresh_database(server, f"lectern_bench_import_{learners}")
        asyncio.run(fill(url, learners))
        seconds, megabytes, found = asyncio.run(recompute(url))
        assert found.enrollments == learners, found
        assert found.courses_completed == learners // 10, found
        assert asyncio.run(faults(url)) == 0
        rate = learners / seconds
        print(f"{learners:>9,} {seconds:>8.2f} {rate:>11,.0f} {found.courses_completed:>10,} {megabytes:>8}")


if __name__ == "__main__":
    main()
