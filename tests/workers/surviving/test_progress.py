"""Viewers' progress and processes that are killed: nothing that was accepted is lost, nothing is counted twice."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from app.embedded import EmbeddedPostgres, EmbeddedValkey
from app.identity.tokens import key_sets
from app.keyvalue import KeyValue
from app.learning.progress_buffer import Position, ProgressBuffer, VideoUpdate, Viewing, ViewingUpdate
from app.resources import open_resources
from app.settings import DatabaseSettings, Mode, ProgressSettings, RedisSettings, Settings
from app.telemetry import Metrics
from graphql_schema.node import global_id
from tests.conftest import migrate
from tests.factories.catalog import run
from tests.factories.identity import make_user
from tests.support.ports import keep_port
from tests.support.programs import PATIENCE, ROOT, environment
from tests.support.services import temporary_home
from tests.support.watching import beat, enroll, make_watching, reported
from tests.workers.surviving.processes import Api, until
from workers.learning import flush_for_ever

_SET_UP = """
WITH person AS (
    INSERT INTO users (email, email_key, name, role) VALUES ('a@example.org', 'a@example.org', 'A', 'student') RETURNING id
), course AS (
    INSERT INTO courses (slug, title, instructor_id) SELECT 'c', 'C', id FROM person RETURNING id
), stats AS (
    INSERT INTO course_stats (course_id, lesson_count, enrollment_count) SELECT id, 1, 1 FROM course
), module AS (
    INSERT INTO modules (course_id, title, position) SELECT id, 'M', 1 FROM course RETURNING id, course_id
), lesson AS (
    INSERT INTO lessons (course_id, module_id, title, kind, position, required_share)
    SELECT course_id, id, 'L', 'video', 1, 0.015 FROM module RETURNING id
), enrollment AS (
    INSERT INTO enrollments (user_id, course_id, state, enrolled_at) SELECT person.id, course.id, 'active', now() FROM person, course
), video AS (
    INSERT INTO video_metadata (lesson_id, duration_ms) SELECT id, 1000000 FROM lesson RETURNING id
)
SELECT person.id AS person, video.id AS video FROM person, video
"""


async def test_killed_after_every_step_of_a_flush(scratch: Any, valkey: EmbeddedValkey) -> None:
    connection, url = scratch
    made = await connection.fetchrow(_SET_UP)
    ran = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable,
            str(ROOT / "tests/workers/surviving/flushing.py"),
            str(made["person"]),
            str(made["video"]),
        ],
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
    lives = int(ran.stdout)
    # Taken, four statements at least, committed, settled.
    assert lives > 7
    progress = await connection.fetchrow("SELECT * FROM video_progress")
    watched = [(part.lower, part.upper) for part in progress["watched"]]
    assert watched == [(2000, (lives * 2 + 2) * 1000)]
    assert (progress["watched_ms"], progress["position_ms"]) == (lives * 2000, (lives * 2 + 2) * 1000)
    (viewing,) = await connection.fetch("SELECT * FROM watch_sessions")
    assert viewing["watched"] == progress["watched"]
    assert [(part.lower, part.upper) for part in viewing["seeks"]] == [
        (life * 2 + 1, life * 2 + 2) for life in range(1, lives + 1)
    ]
    enrollment = await connection.fetchrow("SELECT state, lessons_completed FROM enrollments")
    assert tuple(enrollment) == ("completed", 1)
    assert await connection.fetchval("SELECT array_agg(kind) FROM enrollment_events") == ["completed"]
    assert (
        await connection.fetchval("SELECT count(*) FROM lesson_progress WHERE completed_at IS NOT NULL") == 1
    )


async def test_postgresql_away_and_back(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """Stopped for real, for as long as four reports take: what counts is not how long. Known viewers are taken, what was on
    its way comes back, and all arrives; an unknown viewer keeps their beats.
    """
    with temporary_home() as home:
        keep_port(home / "postgres")
        postgres = EmbeddedPostgres(home / "postgres", durable=False)
        postgres.start()
        try:
            await asyncio.to_thread(migrate, postgres.url)
            settings = Settings(
                mode=Mode.DEVELOPMENT,
                home=tmp_path,
                database=DatabaseSettings(url=postgres.url, pool_wait=10),
                redis=RedisSettings(url=valkey.url, command_timeout=10),
                progress=ProgressSettings(flush_interval=0.05),
            )
            async with open_resources(settings) as resources:
                watching = await make_watching(resources.database)
                stranger = await make_user(resources.database)
                await enroll(resources.database, stranger.number, watching.course)
                record, video, now = resources.progress_recorder.record, watching.videos[0], time.time()

                async def report(user: int, number: int) -> list[str]:
                    sent = beat(video, number * 10, number * 10 + 5, at=now + number, sequence=number)
                    return [each.code for each in (await record(user, [sent])).rejected]

                assert await report(watching.learner.number, 0) == []
                flushing = asyncio.create_task(flush_for_ever(resources))
                postgres.stop()
                for number in range(1, 5):
                    assert await report(watching.learner.number, number) == []
                    await asyncio.sleep(0.1)
                assert await report(stranger.number, 0) == ["RETRY_LATER"]
                assert (await resources.progress_buffer.measure())[0] == 1
                postgres.start()
                while await report(stranger.number, 0):  # noqa: ASYNC110 - as a client that tries again
                    await asyncio.sleep(0.1)
                while (await resources.progress_buffer.measure())[0]:  # noqa: ASYNC110 - another task's work
                    await asyncio.sleep(0.05)
                flushing.cancel()
                rows = await run(
                    resources.database, "SELECT watched::text FROM video_progress ORDER BY user_id"
                )
                whole = "{" + ",".join(f"[{n * 10_000},{n * 10_000 + 5000})" for n in range(5)) + "}"
                assert [row["watched"] for row in rows] == [whole, "{[0,5000)}"]
        finally:
            postgres.stop()


async def test_a_killed_redis_loses_nothing() -> None:
    viewing = Viewing("desktop", 1_764_000_000_000, 1_764_000_000_000, [0, 1000], [])
    with temporary_home() as home:
        for life in range(3):
            server = EmbeddedValkey(home / "valkey")
            server.start()
            keyvalue = KeyValue(RedisSettings(url=server.url, command_timeout=10))
            buffer = ProgressBuffer(keyvalue, ProgressSettings(), Metrics())
            assert (await buffer.measure())[0] == life * 100
            for video in range(life * 100, life * 100 + 100):
                update = ViewingUpdate("v", viewing, (0, viewing.started), (0, viewing.started), 1000)
                position = Position(viewing.started, 0, 1000)
                await buffer.merge(1, [VideoUpdate(video, position, [update])])
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await keyvalue.close()
            server.stop()


_REGISTER = """mutation { register(input: {email: "b@example.org", password: "correct horse", name: "B"}) {
  session { accessToken } } }"""
_ENROLL = """INSERT INTO enrollments (user_id, course_id, state, enrolled_at)
SELECT users.id, courses.id, 'active', now() FROM users, courses WHERE users.email = 'b@example.org' RETURNING user_id"""


async def test_a_killed_api_loses_nothing(scratch: Any, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """Players send again what was not answered; what was answered is in the buffer, whatever became of who took it."""
    connection, url = scratch
    made = await connection.fetchrow(_SET_UP)
    keys = key_sets.dump(dict([key_sets.generate()]))
    variables = {
        "LECTERN_DATABASE_URL": url,
        "LECTERN_REDIS_URL": valkey.url,
        "LECTERN_SIGNING_KEYS": keys,
    }
    api = Api(tmp_path, variables)
    await asyncio.to_thread(api.start)
    keyvalue = KeyValue(RedisSettings(url=valkey.url, command_timeout=10))
    buffer = ProgressBuffer(keyvalue, ProgressSettings(), Metrics())
    accepted: list[int] = []
    try:
        async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
            registered = (await client.post("/graphql", json={"query": _REGISTER})).json()
            token = registered["data"]["register"]["session"]["accessToken"]
            learner = await connection.fetchval(_ENROLL)
            video_id = global_id("Video", made["video"])

            async def play(numbers: range) -> None:
                for number in numbers:
                    told = {
                        "viewingKey": f"viewing-{numbers.start}",
                        "clientSequence": number,
                        "clientTime": datetime.now(UTC).isoformat(),
                        "watchedFrom": number * 4,
                        "watchedTo": number * 4 + 2,
                    }
                    while number not in accepted:
                        try:
                            answer = await client.post(
                                "/progress",
                                json={"beats": [reported(video_id, **told)]},
                                headers={"Authorization": f"Bearer {token}"},
                            )
                            assert answer.json()["accepted"] == 1
                            accepted.append(number)
                        except httpx.TransportError:
                            await asyncio.sleep(0.05)

            async def at_least(number: int) -> bool:
                return len(accepted) >= number

            players = [asyncio.create_task(play(range(first, first + 50))) for first in range(0, 200, 50)]
            await until(partial(at_least, 60))
            api.kill()
            await asyncio.to_thread(api.start)
            await asyncio.gather(*players)
        state = (await buffer.peek([(learner, made["video"])]))[learner, made["video"]]
        assert sorted(accepted) == list(range(200))
        assert state.watched == [
            edge for number in range(200) for edge in (number * 4000, number * 4000 + 2000)
        ]
    finally:
        await keyvalue.close()
        api.stack.close()
