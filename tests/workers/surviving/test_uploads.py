"""Sweeps of uploads that are killed: the next one goes on, and nothing that is named is touched."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.embedded import EmbeddedValkey
from app.identity.tokens import key_sets
from tests.support.programs import PATIENCE, ROOT, environment

_NAMED = "0190a1b2-0000-4000-8000-000000000001"
_SET_UP = f"""
WITH person AS (
    INSERT INTO users (email, email_key, name, role) VALUES ('a@example.org', 'a@example.org', 'A', 'instructor') RETURNING id
), course AS (
    INSERT INTO courses (id, slug, title, instructor_id) OVERRIDING SYSTEM VALUE SELECT 7, 'c', 'C', id FROM person RETURNING id
), module AS (
    INSERT INTO modules (course_id, title, position) SELECT id, 'M', 1 FROM course RETURNING id, course_id
), lesson AS (
    INSERT INTO lessons (course_id, module_id, title, kind, position) SELECT course_id, id, 'L', 'video', 1 FROM module RETURNING id
)
INSERT INTO video_metadata (lesson_id, duration_ms, manifest_key) SELECT id, 1000, 'videos/7/{_NAMED}/a.m3u8' FROM lesson
"""


async def test_killed_after_every_step_of_a_sweep(
    scratch: Any, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    connection, url = scratch
    await connection.execute(_SET_UP)
    # It was unnamed for long, and named a moment ago by somebody who did not say so.
    await connection.execute(
        f"INSERT INTO unnamed_uploads VALUES (7, '{_NAMED}', now() - interval '31 days')"
    )
    named = tmp_path / "files/videos/7" / _NAMED / "a.m3u8"
    named.parent.mkdir(parents=True)
    named.write_text("#EXTM3U\n")
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(ROOT / "tests/workers/surviving/sweeping.py"), str(tmp_path / "files")],
        env=environment(
            LECTERN_DATABASE_URL=url,
            LECTERN_REDIS_URL=valkey.url,
            LECTERN_SIGNING_KEYS=key_sets.dump(dict([key_sets.generate()])),
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    # Asked for, looked (twice), noted; given up, two files removed, forgotten; ended: statements and commits between.
    assert int(ran.stdout) > 15
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == [named]
    # Those that were given up in the last life are forgotten a day later.
    left = await connection.fetch(
        "SELECT given_up_at > now() - interval '1 day' AS fresh FROM unnamed_uploads"
    )
    assert left
    assert all(row["fresh"] for row in left)
    assert await connection.fetchval("SELECT count(*) FROM jobs") == 0
