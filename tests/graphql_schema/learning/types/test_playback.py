"""Links to videos: who gets one, on every path; the same one for a class of viewers; as many statements for many."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from app.database import Database
from app.identity.actor import ANONYMOUS, Actor
from app.learning.reads import playable_videos
from app.resources import Resources
from graphql_schema.learning.types.playback import VideoPlayback
from tests.factories.catalog import MadeCourse, Staff, make_course, make_course_of, run
from tests.factories.identity import make_user
from tests.factories.learning import completed, enrolled, enrollment_id, withdrawn
from tests.support.api import Api

PLAYBACK = "video { playback { id url expiresAt captions { language url } } }"
LESSON = f"query ($id: ID!) {{ node(id: $id) {{ ... on Lesson {{ {PLAYBACK} }} }} }}"
PATHS = {
    "node": LESSON,
    "nodes": f"query ($id: ID!) {{ nodes(ids: [$id]) {{ ... on Lesson {{ {PLAYBACK} }} }} }}",
    "course": f"query ($course: ID!) {{ course(id: $course) {{ lessons(first: 5) {{ nodes {{ {PLAYBACK} }} }} }} }}",
    "modules": f"query ($course: ID!) {{ course(id: $course) {{ modules {{ lessons(first: 5) {{ nodes {{ {PLAYBACK} }} }} }} }} }}",
    "back": f"query ($id: ID!) {{ node(id: $id) {{ ... on Lesson {{ course {{ lessons(first: 5) {{ nodes {{ {PLAYBACK} }} }} }} }} }} }}",
    "enrollment": f"query ($enrollment: ID!) {{ node(id: $enrollment) {{ ... on Enrollment {{ nextLesson {{ {PLAYBACK} }} }} }} }}",
}


@dataclass(frozen=True)
class Cast:
    course: MadeCourse
    actors: dict[str, Actor]
    enrollment: str


def found(answer: Any) -> list[Any]:
    """Every `playback` in an answer, wherever it stands."""
    if isinstance(answer, dict):
        own = [answer["playback"]] if "playback" in answer else []
        return own + [each for value in answer.values() for each in found(value)]
    return [each for value in answer for each in found(value)] if isinstance(answer, list) else []


async def make_video(database: Database, course: MadeCourse) -> str:
    """Makes the course's lessons videos with a stream and captions in folders of their own."""
    await run(database, "UPDATE lessons SET kind = 'video' WHERE course_id = $1", course.number)
    folder = f"videos/{course.number}/{uuid4()}"
    other = f"videos/{course.number}/{uuid4()}"
    await run(
        database,
        "INSERT INTO video_metadata (lesson_id, duration_ms, manifest_key, captions)"
        " SELECT id, 10000, $2, jsonb_build_array(jsonb_build_object('language', 'en', 'key', $3::text))"
        " FROM lessons WHERE course_id = $1",
        course.number,
        f"{folder}/hls/master.m3u8",
        f"{other}/en.vtt",
    )
    return folder


@pytest.fixture
async def cast(resources: Resources, staff: Staff) -> Cast:
    database = resources.database
    course = await make_course_of(database, staff)
    await make_video(database, course)
    people = {name: await make_user(database) for name in ("active", "completed", "withdrawn", "waitlisted")}
    for name in ("active", "completed", "withdrawn"):
        await enrolled(resources, people[name], course)
    await completed(database, people["completed"], course)
    await withdrawn(resources, people["withdrawn"], course)
    await run(
        database,
        "INSERT INTO enrollments (user_id, course_id, state, waitlist_number) VALUES ($1, $2, 'waitlisted', 1)",
        people["waitlisted"].number,
        course.number,
    )
    roles = ("admin", "lead", "colleague", "stranger", "student")
    actors = {name: user.actor for name, user in people.items()} | {role: staff.actor(role) for role in roles}
    return Cast(course, actors | {"nobody": ANONYMOUS}, enrollment_id(people["active"], course))


AUDIENCES = {
    "admin": "teachers",
    "lead": "teachers",
    "colleague": "teachers",
    "active": "learners",
    "completed": "learners",
}


async def audiences(api: Api, cast: Cast, path: str) -> dict[str, str]:
    """Whose links each actor gets on a path; nobody's, for who is not in it."""
    seen = {}
    for name, actor in cast.actors.items():
        values = {"id": cast.course.lessons[0], "course": cast.course.id, "enrollment": cast.enrollment}
        answer = await api.ask(PATHS[path], actor, **values)
        assert not answer.errors
        for playback in found(answer.data):
            if playback is not None:
                seen[name] = urlsplit(playback["url"]).path.split("/")[2].split(".")[2]
    return seen


@pytest.mark.parametrize("path", PATHS)
async def test_who_may_watch(path: str, api: Api, cast: Cast) -> None:
    seen = await audiences(api, cast, path)
    if path == "enrollment":
        # Of somebody else's enrolment they see nothing at all.
        assert seen == {name: AUDIENCES[name] for name in ("active", "admin", "lead", "colleague")}
    else:
        assert seen == AUDIENCES


async def test_previews_are_anybodys_and_drafts_are_not(api: Api, database: Database, cast: Cast) -> None:
    await run(database, "UPDATE lessons SET is_preview = true WHERE course_id = $1", cast.course.number)
    # One link for all of them. Administrators see everything anyway, and are not told apart by lessons.
    everybody = dict.fromkeys(cast.actors, "everybody") | {"admin": "teachers"}
    for path in PATHS:
        seen = await audiences(api, cast, path)
        assert seen == {name: everybody[name] for name in seen}
        assert len(seen) == (4 if path == "enrollment" else len(cast.actors))
    # By hand, so that no cache hears of it.
    await run(database, "UPDATE courses SET status = 'draft' WHERE id = $1", cast.course.number)
    teachers = {name: audience for name, audience in AUDIENCES.items() if audience == "teachers"}
    assert await audiences(api, cast, "node") == teachers


async def test_the_read_itself_gives_drafts_to_teachers_alone(database: Database, cast: Cast) -> None:
    """Below the lessons, which are hidden before anybody gets as far as this."""
    (row,) = await run(
        database,
        "UPDATE lessons SET is_preview = true WHERE course_id = $1"
        " RETURNING (SELECT v.id FROM video_metadata v WHERE v.lesson_id = lessons.id)",
        cast.course.number,
    )

    async def read() -> dict[str, str]:
        rows = {
            name: await playable_videos(database, [row["id"]], actor) for name, actor in cast.actors.items()
        }
        return {name: found[0]["audience"] for name, found in rows.items() if found}

    assert await read() == dict.fromkeys(cast.actors, "everybody") | AUDIENCES
    await run(database, "UPDATE courses SET status = 'draft' WHERE id = $1", cast.course.number)
    assert await read() == {name: audience for name, audience in AUDIENCES.items() if audience == "teachers"}


async def test_a_class_of_viewers_shares_its_links(api: Api, resources: Resources, cast: Cast) -> None:
    async def playback(name: str) -> Any:
        answer = await api(LESSON, cast.actors[name], id=cast.course.lessons[0])
        return answer["node"]["video"]["playback"]

    learner, other, teacher = await playback("active"), await playback("completed"), await playback("lead")
    assert learner == other
    assert learner["id"] == teacher["id"]
    assert learner["url"] != teacher["url"]
    assert learner["url"].endswith("/hls/master.m3u8")
    (caption,) = learner["captions"]
    assert caption["language"] == "en"
    assert caption["url"].endswith("/en.vtt")
    left = datetime.fromisoformat(learner["expiresAt"]) - datetime.now(UTC)
    assert timedelta(minutes=5) <= left <= timedelta(minutes=65)
    for address in (learner["url"], caption["url"]):
        token, key = urlsplit(address).path.removeprefix("/media/").split("/", 1)
        assert resources.storage.media_granted(token, key, now=datetime.now(UTC).timestamp())


def test_links_of_an_answer_are_of_one_moment() -> None:
    """Else, around the hour, `expiresAt` may be another link's."""
    captions = [{"language": language, "key": f"videos/1/2/{language}.vtt"} for language in ("en", "de")]
    row: Any = {"id": 1, "manifest_key": "videos/1/2/a.mp4", "audience": "learners", "captions": captions}
    playback = VideoPlayback.of(row)
    assert [caption.made_at for caption in playback.captions] == [playback.made_at] * 2


async def test_a_video_without_a_file_is_not_played(api: Api, database: Database, cast: Cast) -> None:
    await run(database, "UPDATE video_metadata SET manifest_key = NULL")
    assert await audiences(api, cast, "node") == {}


async def test_as_many_statements_for_a_hundred_as_for_one(
    api: Api, resources: Resources, staff: Staff
) -> None:
    counts = set()
    for number in (1, 100):
        course = await make_course(resources.database, staff.lead.actor, lessons=(number,))
        await make_video(resources.database, course)
        await enrolled(resources, staff.student, course)
        document = PATHS["course"].replace("first: 5", "first: 100")
        answer = await api.ask(document, staff.student.actor, course=course.id)
        assert len([each for each in found(answer.data) if each is not None]) == number
        counts.add(len(answer.statements))
    assert len(counts) == 1
