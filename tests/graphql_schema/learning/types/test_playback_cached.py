"""Where a video's files lie comes from a cache, and is never old; who may watch does not, and is asked at once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from app.catalog import reads as catalog
from app.catalog.cards import VIDEO_FILES
from app.catalog.importing import Refusals
from app.catalog.importing.curriculum import CurriculumOptions, CurriculumResult, import_curriculum
from app.identity.actor import ANONYMOUS, Actor
from app.learning import reads
from app.resources import Resources, open_resources
from app.settings import Settings
from tests.factories.catalog import MadeCourse, Staff, make_course, make_course_of, run
from tests.factories.learning import enrolled, withdrawn
from tests.support import cache
from tests.support.api import Api
from tests.support.curricula import block, challenge, curriculum

OF_LESSON = (
    """query ($id: ID!) { node(id: $id) { ... on Lesson { video { playback { url captions { url } } } } } }"""
)
OF_COURSE = """query ($id: ID!) { course(id: $id) { lessons(first: 100) { nodes { video { playback { url captions { url } } } } } } }"""


async def make_videos(resources: Resources, course: MadeCourse, *, preview: bool) -> None:
    """Makes the course's lessons videos with a stream and captions."""
    database = resources.database
    await run(
        database,
        "UPDATE lessons SET kind = 'video', is_preview = $2 WHERE course_id = $1",
        course.number,
        preview,
    )
    await run(
        database,
        "INSERT INTO video_metadata (lesson_id, duration_ms, manifest_key, captions)"
        " SELECT id, 10000, $2 || '/a.m3u8', jsonb_build_array(jsonb_build_object('language', 'en', 'key', $2 || '/en.vtt'))"
        " FROM lessons WHERE course_id = $1 ORDER BY id",
        course.number,
        f"videos/{course.number}/{uuid4()}",
    )


def files_of(playback: Any) -> Any:
    """The keys of the stream and the captions of a link."""
    if playback is None:
        return None
    urls = [playback["url"], *(caption["url"] for caption in playback["captions"])]
    return [urlsplit(url).path.split("/", 3)[3] for url in urls]


def about_files(statements: list[str]) -> int:
    return len([text for text in statements if "manifest_key" in text])


@pytest.fixture
async def second(settings: Settings) -> AsyncIterator[Api]:
    """Another process of the API."""
    async with open_resources(settings) as resources:
        yield Api(resources)


@pytest.mark.parametrize(
    ("who", "preview", "wanted"),
    [
        ("nobody", True, (1, 0)),
        ("student", True, (1, 0)),
        ("admin", False, (1, 0)),
        ("student", False, (1, 1)),
    ],
)
async def test_statements(
    api: Api, staff: Staff, *, who: str, preview: bool, wanted: tuple[int, int]
) -> None:
    """Cold and warm, for a hundred as for one; none about videos where nothing is left to ask about the viewer."""
    totals = []
    for number in (1, 100):
        course = await make_course(api.resources.database, staff.lead.actor, lessons=(number,))
        await make_videos(api.resources, course, preview=preview)
        await enrolled(api.resources, staff.student, course)
        await cache.renew(api.resources)
        for expected in wanted:
            answer = await api.ask(OF_COURSE, staff.actor(who), id=course.id)
            nodes = answer.data["course"]["lessons"]["nodes"]
            assert len([node for node in nodes if files_of(node["video"]["playback"])]) == number
            assert about_files(answer.statements) == expected
            totals.append(len(answer.statements))
    # The course and its lessons; then its lessons alone.
    assert totals == [wanted[0] + 2, wanted[1] + 1] * 2


async def test_some_open_and_some_not(api: Api, resources: Resources, staff: Staff) -> None:
    course = await make_course(resources.database, staff.lead.actor, lessons=(4,))
    await make_videos(resources, course, preview=False)
    await run(
        resources.database,
        "UPDATE lessons SET is_preview = true WHERE id = ANY($1)",
        course.lesson_numbers[:2],
    )
    await cache.renew(resources)

    async def ask(actor: Actor) -> tuple[list[bool], int]:
        answer = await api.ask(OF_COURSE, actor, id=course.id)
        nodes = answer.data["course"]["lessons"]["nodes"]
        return [files_of(node["video"]["playback"]) is not None for node in nodes], about_files(
            answer.statements
        )

    assert await ask(staff.student.actor) == ([True, True, False, False], 2)
    assert await ask(staff.student.actor) == ([True, True, False, False], 1)
    await enrolled(resources, staff.student, course)
    assert await ask(staff.student.actor) == ([True] * 4, 1)
    await withdrawn(resources, staff.student, course)
    assert await ask(staff.student.actor) == ([True, True, False, False], 1)


async def test_what_is_cached_is_what_the_read_gives(resources: Resources, staff: Staff) -> None:
    course = await make_course_of(resources.database, staff)
    await make_videos(resources, course, preview=True)
    videos = await run(resources.database, "SELECT id FROM video_metadata")
    (row,) = await catalog.video_files(resources.database, [videos[0]["id"]])
    assert VIDEO_FILES.decode(VIDEO_FILES.encode(dict(row))) == dict(row)  # type: ignore[arg-type]


@dataclass
class Watched:
    """A course with one preview video, and everybody who looks at it, in two processes."""

    course: MadeCourse
    video: int
    apis: tuple[Api, Api]
    actors: tuple[Actor, ...]

    @property
    def resources(self) -> Resources:
        return self.apis[0].resources

    async def seen(self) -> list[Any]:
        """What each is given, in each process; asked twice, so that it is cached."""
        found = []
        for _ in range(2):
            found = [
                files_of(
                    (
                        ((await api(OF_LESSON, actor, id=self.course.lessons[0]))["node"] or {}).get("video")
                        or {}
                    ).get("playback")
                )
                for api in self.apis
                for actor in self.actors
            ]
        return found

    async def true(self) -> list[Any]:
        """The same, as PostgreSQL says it in one statement."""
        found: list[Any] = []
        for actor in self.actors:
            rows = await reads.playable_videos(self.resources.database, [self.video], actor)
            found.append(
                [rows[0]["manifest_key"], *(each["key"] for each in rows[0]["captions"])] if rows else None
            )
        return found * len(self.apis)


@pytest.fixture
async def watched(api: Api, second: Api, resources: Resources, staff: Staff) -> Watched:
    course = await make_course_of(resources.database, staff, lessons=(2, 1))
    await make_videos(resources, course, preview=False)
    await run(
        resources.database, "UPDATE lessons SET is_preview = true WHERE id = $1", course.lesson_numbers[0]
    )
    rows = await run(
        resources.database, "SELECT id FROM video_metadata WHERE lesson_id = $1", course.lesson_numbers[0]
    )
    await cache.renew(resources)
    actors = (ANONYMOUS, staff.student.actor, staff.lead.actor, staff.admin.actor)
    made = Watched(course, rows[0]["id"], (api, second), actors)
    assert await made.seen() == await made.true()
    assert None not in await made.true()
    return made


def _video(course: MadeCourse, **more: Any) -> dict[str, Any]:
    return {"video": {"durationSeconds": 4, **more}}


CHANGES: dict[str, tuple[str, Any]] = {
    "another stream": (
        "updateLesson",
        lambda course: _video(course, manifestKey=f"videos/{course.number}/{uuid4()}/b.mp4"),
    ),
    "other captions": ("updateLesson", lambda course: _video(course, captions=[])),
    "another length": ("updateLesson", _video),
    "no preview": ("updateLesson", lambda _: {"isPreview": False}),
    "moved": ("moveLesson", lambda course: {"moduleId": course.modules[1]}),
    "lesson removed": ("removeLesson", lambda _: {}),
    "module removed": ("removeModule", lambda course: {"moduleId": course.modules[0]}),
    "unpublished": ("unpublishCourse", lambda course: {"courseId": course.id}),
    "archived": ("archiveCourse", lambda course: {"courseId": course.id}),
    "its title": ("updateCourse", lambda course: {"courseId": course.id, "expectedVersion": 1, "title": "B"}),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_every_change_is_seen_at_once_by_everybody(watched: Watched, staff: Staff, change: str) -> None:
    verb, make = CHANGES[change]
    values = make(watched.course)
    if "courseId" not in values and verb != "removeModule":
        values["lessonId"] = watched.course.lessons[0]
    if verb == "updateLesson":
        values["expectedVersion"] = 1
    if key := values.get("video", {}).get("manifestKey"):
        await watched.apis[0].resources.storage.put(key, b"x", "video/mp4")
    before = await watched.seen()
    payload = await watched.apis[0].change(verb, staff.admin.actor, **values)
    assert payload["userErrors"] == []
    changed = change not in {"another length", "moved", "archived", "its title"}
    for _settled in (False, True):
        seen = await watched.seen()
        assert seen == await watched.true()
        assert (seen != before) is changed
        await cache.settle(watched.resources)
        await cache.settle(watched.apis[1].resources)
    if verb == "unpublishCourse":
        await watched.apis[0].change("publishCourse", staff.admin.actor, courseId=watched.course.id)
        assert await watched.seen() == before


async def test_an_import_changes_no_files(api: Api, resources: Resources, tmp_path: Path) -> None:
    """It moves lessons and writes their texts; a video that somebody put into one stays what it is."""

    async def imported(*titles: str) -> None:
        blocks = {
            f"0{number}-bread/{number}": block("Module", 0, [challenge(title, "Text")])
            for number, title in enumerate(titles)
        }
        archive = curriculum(tmp_path / "a.tgz", blocks)
        await import_curriculum(
            resources.database, archive, CurriculumOptions(), CurriculumResult(Refusals())
        )

    await imported("One", "Two")
    for row in await run(resources.database, "SELECT id FROM courses"):
        await make_videos(resources, MadeCourse(row["id"], [], []), preview=True)
    rows = await run(resources.database, "SELECT id FROM courses ORDER BY id")
    courses = [MadeCourse(row["id"], [], []) for row in rows]

    async def seen() -> list[Any]:
        answers = [await api(OF_COURSE, id=course.id) for course in courses]
        return [
            [
                files_of(node["video"] and node["video"]["playback"])
                for node in answer["course"]["lessons"]["nodes"]
            ]
            for answer in answers
        ]

    before = await seen()
    assert all(files for course in before for files in course)
    await imported("Another", "Two")
    true = await run(
        resources.database,
        "SELECT l.course_id, v.manifest_key FROM lessons l JOIN modules m ON m.id = l.module_id"
        " LEFT JOIN video_metadata v ON v.lesson_id = l.id ORDER BY l.course_id, m.position, l.position",
    )
    assert [files and files[0] for course in await seen() for files in course] == [
        row["manifest_key"] for row in true
    ]
