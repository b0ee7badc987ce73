"""A course of videos with viewers, and the files that they watch."""

import os
from pathlib import Path

import asyncpg

VIEWERS, LESSONS, PREVIEWS = 8, 60, 10
MANIFEST = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n" + b"".join(
    b"#EXTINF:4,\nhigh/%d.ts\n" % number for number in range(150)
)
SEGMENT = os.urandom(1 << 20)
UPLOAD = "'videos/1/0190a1b2-0000-4000-8000-' || lpad(l.id::text, 12, '0')"
FILL = (
    f"INSERT INTO users (email, email_key, name) SELECT i, i, 'Viewer' FROM generate_series(1, {VIEWERS}) AS i",
    "INSERT INTO courses (slug, title, instructor_id, status, published_at) VALUES ('c', 'C', 1, 'published', now())",
    f"INSERT INTO course_stats (course_id, lesson_count, enrollment_count) VALUES (1, {LESSONS}, {VIEWERS})",
    "INSERT INTO modules (course_id, title, position) VALUES (1, 'M', 1)",
    f"""
    INSERT INTO lessons (course_id, module_id, title, kind, position, is_preview)
    SELECT 1, 1, 'L', 'video', i, i > {LESSONS - PREVIEWS} FROM generate_series(1, {LESSONS}) AS i
    """,
    f"""
    INSERT INTO video_metadata (lesson_id, duration_ms, manifest_key, captions)
    SELECT l.id, 600000, {UPLOAD} || '/master.m3u8', jsonb_build_array(
        jsonb_build_object('language', 'en', 'key', {UPLOAD} || '/en.vtt'),
        jsonb_build_object('language', 'de', 'key', {UPLOAD} || '/de.vtt'))
    FROM lessons l ORDER BY l.id
    """,
    "INSERT INTO enrollments (user_id, course_id, state, enrolled_at) SELECT id, 1, 'active', now() FROM users",
    "VACUUM ANALYZE",
)


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in FILL:
        await connection.execute(statement)
    await connection.close()


def store(home: Path) -> None:
    """The files that the tables name, and a segment."""
    for lesson in range(1, LESSONS + 1):
        folder = home / "storage" / upload_of(lesson)
        (folder / "high").mkdir(parents=True)
        (folder / "master.m3u8").write_bytes(MANIFEST)
        for language in ("en", "de"):
            (folder / f"{language}.vtt").write_text(f"WEBVTT\n\n{language} {lesson}\n")
    (home / "storage" / upload_of(1) / "high/1.ts").write_bytes(SEGMENT)


def upload_of(lesson: int) -> str:
    return f"videos/1/0190a1b2-0000-4000-8000-{lesson:012}"
