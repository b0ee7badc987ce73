"""A catalogue of a fixed size, made by SQL alone: the same rows at every run."""

import asyncpg

COURSES = 20_000
MODULES_PER_COURSE = 3
LESSONS_PER_MODULE = 4
LESSONS_PER_COURSE = MODULES_PER_COURSE * LESSONS_PER_MODULE
INSTRUCTORS = 500

_STATEMENTS = (
    "TRUNCATE users, courses, course_instructors, course_stats, modules, lessons, video_metadata RESTART IDENTITY CASCADE",
    f"""
    INSERT INTO users (email, email_key, name, role)
    SELECT 'instructor' || n || '@example.org', 'instructor' || n || '@example.org', 'Instructor Number ' || n,
           'instructor'
    FROM generate_series(1, {INSTRUCTORS}) AS n ORDER BY n
    """,
    # Multiplying by a prime spreads instructors and categories over the newest page.
    f"""
    INSERT INTO courses (slug, title, description, category, level, language, skills, status, instructor_id,
                         created_at, updated_at, published_at)
    SELECT 'course-number-' || n, 'Course Number ' || n, repeat('What one learns in this course. ', 6),
           'category-' || (n * 7) % 20, (ARRAY['beginner', 'intermediate', 'advanced'])[n % 3 + 1],
           (ARRAY['en', 'de', 'es', 'fr'])[n % 4 + 1], ARRAY['first skill', 'second skill'], 'published',
           (n * 7919) % {INSTRUCTORS} + 1, at, at, at
    FROM generate_series(1, {COURSES}) AS n,
         LATERAL (SELECT timestamptz '2025-01-01 00:00+00' + n * interval '7 minutes') AS moment (at)
    ORDER BY n
    """,
    "INSERT INTO course_instructors (course_id, user_id) SELECT id, instructor_id FROM courses ORDER BY id",
    f"""
    INSERT INTO course_stats (course_id, enrollment_count, lesson_count, rating_sum, rating_count)
    SELECT id, (id * 31) % 5000, {LESSONS_PER_COURSE}, (id % 90) * 4.25, id % 90 FROM courses ORDER BY id
    """,
    f"""
    INSERT INTO modules (course_id, title, position)
    SELECT course.id, 'Module ' || n, n
    FROM courses AS course, generate_series(1, {MODULES_PER_COURSE}) AS n ORDER BY course.id, n
    """,
    # Two lessons of three are videos, the third is a page.
    f"""
    INSERT INTO lessons (course_id, module_id, title, kind, position, body_format, body_source, body_html)
    SELECT module.course_id, module.id, 'Lesson ' || n || ' of module ' || module.position,
           CASE WHEN page THEN 'page' ELSE 'video' END, n,
           CASE WHEN page THEN 'markdown' END, CASE WHEN page THEN 'Some text.' END,
           CASE WHEN page THEN '<p>Some text.</p>' END
    FROM modules AS module, generate_series(1, {LESSONS_PER_MODULE}) AS n,
         LATERAL (SELECT (module.id + n) % 3 = 0) AS kind (page)
    ORDER BY module.id, n
    """,
    """
    INSERT INTO video_metadata (lesson_id, duration_ms)
    SELECT id, 60000 + (id * 137) % 900000 FROM lessons WHERE kind = 'video' ORDER BY id
    """,
)

_COUNTS = "SELECT (SELECT count(*) FROM courses) AS courses, (SELECT count(*) FROM lessons) AS lessons"


async def fill(url: str) -> bool:
    """Fills the migrated database at `url` unless it is filled already. Returns whether it did."""
    connection = await asyncpg.connect(url)
    try:
        found = tuple(await connection.fetchrow(_COUNTS) or ())
        if found == (COURSES, COURSES * LESSONS_PER_COURSE):
            return False
        async with connection.transaction():
            for statement in _STATEMENTS:
                await connection.execute(statement)
        # The planner's statistics and the visibility map, as a database in use has them.
        await connection.execute("VACUUM ANALYZE")
        return True
    finally:
        await connection.close()
