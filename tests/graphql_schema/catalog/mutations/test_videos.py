"""Uploading a video's files, and naming them in its lesson."""

from typing import Any
from uuid import uuid4

import pytest

from app.database import Database
from graphql_schema.node import global_id
from tests.factories.catalog import Staff, make_course_of, nothing_written, run
from tests.support.api import Api

UPLOAD = "upload { id expiresAt files { key url headers { name value } } }"
FILES = [{"name": "master.m3u8", "sizeBytes": 50}, {"name": "high/1.ts", "sizeBytes": 2_000_000_000}]


def errors(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"][1:]) for error in payload["userErrors"]]


async def test_links_for_each_file(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    payload = await api.change(
        "requestVideoUpload", staff.lead.actor, UPLOAD, courseId=course.id, files=FILES
    )
    upload = payload["upload"]
    master, segment = upload["files"]
    folder = master["key"].removesuffix("/master.m3u8")
    assert folder.startswith(f"videos/{course.number}/")
    assert segment["key"] == f"{folder}/high/1.ts"
    assert f"/files/{folder}/high/1.ts?" in segment["url"]
    assert "size=2000000000" in segment["url"]
    assert segment["headers"] == [{"name": "Content-Type", "value": "video/mp2t"}]
    more = await api.change(
        "requestVideoUpload",
        staff.colleague.actor,
        UPLOAD,
        courseId=course.id,
        uploadId=upload["id"],
        files=[{"name": "en.vtt", "sizeBytes": 1}],
    )
    assert more["upload"]["id"] == upload["id"]
    assert more["upload"]["files"][0]["key"] == f"{folder}/en.vtt"


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ([], ["files"]),
        ([{"name": f"{n}.ts", "sizeBytes": 1} for n in range(101)], ["files"]),
        ([{"name": "a.ts", "sizeBytes": 1}, {"name": "a.ts", "sizeBytes": 1}], ["files", "name"]),
        # A folder of the file system cannot hold both, in whichever order they come.
        ([{"name": "a.ts", "sizeBytes": 1}, {"name": "a.ts/b.ts", "sizeBytes": 1}], ["files", "name"]),
        ([{"name": "a.ts/b/c.ts", "sizeBytes": 1}, {"name": "a.ts", "sizeBytes": 1}], ["files", "name"]),
        *(
            ([{"name": name, "sizeBytes": 1}], ["files", "name"])
            for name in (
                "",
                "a",
                "a.html",
                "a.exe",
                "../a.ts",
                "/a.ts",
                ".a.ts",
                "a/b/c/d.ts",
                "a\0.ts",
                "a..ts",
            )
        ),
        *(([{"name": "a.ts", "sizeBytes": size}], ["files", "sizeBytes"]) for size in (0, -1)),
    ],
)
async def test_files_that_cannot_be(
    api: Api, database: Database, staff: Staff, files: list[dict[str, Any]], path: list[str]
) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        payload = await api.change(
            "requestVideoUpload", staff.lead.actor, UPLOAD, courseId=course.id, files=files
        )
    assert payload["upload"] is None
    assert errors(payload) == [("INVALID_INPUT", path)]


async def test_who_may_not(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    values = {"courseId": course.id, "files": FILES}
    document = (
        "mutation ($input: RequestVideoUploadInput!) { requestVideoUpload(input: $input) { upload { id } } }"
    )
    for role, code in (("nobody", "UNAUTHENTICATED"), ("student", "FORBIDDEN"), ("stranger", None)):
        answer = await api.ask(document, staff.actor(role), input=values)
        assert answer.data["requestVideoUpload"] is None
        assert len(answer.errors) == 1
        if code:
            assert answer.codes == [code]
    for field, values_of_nothing in (
        ("courseId", {"courseId": global_id("Course", 999_999), "files": FILES}),
        ("uploadId", {**values, "uploadId": global_id("Course", 1)}),
        ("uploadId", {**values, "uploadId": f"{global_id('VideoUpload', uuid4())}="}),
    ):
        payload = await api.change("requestVideoUpload", staff.lead.actor, UPLOAD, **values_of_nothing)
        assert errors(payload) == [("NOT_FOUND", [field])]


async def test_an_update_keeps_what_it_does_not_name(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    folder = f"videos/{course.number}/{uuid4()}"
    captions = [{"language": "en", "key": f"{folder}/en.vtt"}]
    added = await api.change(
        "addLesson",
        staff.lead.actor,
        "lesson { id }",
        moduleId=course.modules[0],
        title="Watch",
        kind="VIDEO",
        video={"durationSeconds": 90, "manifestKey": f"{folder}/a.m3u8", "captions": captions},
    )

    async def stored(version: int, **video: Any) -> tuple[Any, ...]:
        payload = await api.change(
            "updateLesson",
            staff.lead.actor,
            "lesson { durationSeconds }",
            lessonId=added["lesson"]["id"],
            expectedVersion=version,
            video=video,
        )
        assert not payload["userErrors"]
        rows = await run(database, "SELECT duration_ms, manifest_key, captions FROM video_metadata")
        return tuple(rows[0])

    assert await stored(1, durationSeconds=91.5) == (91_500, f"{folder}/a.m3u8", captions)
    changed = await stored(2, durationSeconds=1, manifestKey=f"{folder}/b.mp4", captions=[])
    assert changed == (1_000, f"{folder}/b.mp4", [])


async def test_a_foreign_key_is_refused(api: Api, database: Database, staff: Staff) -> None:
    """Whoever may see the lesson is given a link to what it names."""
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        for key in ("certificates/2030/1.pdf", f"videos/{course.number + 1}/{uuid4()}/a.m3u8"):
            payload = await api.change(
                "addLesson",
                staff.lead.actor,
                moduleId=course.modules[0],
                title="Watch",
                kind="VIDEO",
                video={"durationSeconds": 90, "manifestKey": key},
            )
            assert errors(payload) == [("INVALID_INPUT", ["video", "manifestKey"])]
