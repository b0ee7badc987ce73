"""Uploading a video's files, and naming them in its lesson."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from app.database import Database
from app.resources import Resources
from app.settings import StorageSettings
from app.storage import Storage
from graphql_schema.node import global_id
from tests.factories.catalog import Staff, codes, make_course_of, nothing_written, run
from tests.support.api import Api
from tests.support.s3_server import answering

ADD = "mutation ($input: AddLessonInput!) { addLesson(input: $input) { userErrors { code path } } }"
UPLOAD = "upload { id expiresAt files { key url headers { name value } } }"
TYPES = {"a.m3u8": "application/vnd.apple.mpegurl", "b.mp4": "video/mp4", "en.vtt": "text/vtt"}
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
    for name, type_ in TYPES.items():
        await api.resources.storage.put(f"{folder}/{name}", b"x", type_)
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


def captions_of(folder: str, number: int = 1) -> list[dict[str, str]]:
    return [
        {"language": f"a{chr(97 + n // 26)}{chr(97 + n % 26)}", "key": f"{folder}/{n}.vtt"}
        for n in range(number)
    ]


async def test_a_file_that_was_never_uploaded_is_refused(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    folder = f"videos/{course.number}/{uuid4()}"
    await api.resources.storage.put(f"{folder}/there.m3u8", b"x", TYPES["a.m3u8"])
    new = {"moduleId": course.modules[0], "title": "Watch", "kind": "VIDEO"}
    there = {"durationSeconds": 90, "manifestKey": f"{folder}/there.m3u8"}
    added = await api.change("addLesson", staff.lead.actor, "lesson { id }", **new, video=there)
    assert added["userErrors"] == []
    changed = {"lessonId": added["lesson"]["id"], "expectedVersion": 1}
    never: dict[str, Any] = {**there, "manifestKey": f"{folder}/never.m3u8"}
    below = {**there, "manifestKey": f"{folder}/there.m3u8/a.m3u8"}
    silent = {**there, "captions": captions_of(folder)}
    async with nothing_written(database):
        for video, path in (
            (never, ["manifestKey"]),
            (below, ["manifestKey"]),
            (silent, ["captions", "key"]),
        ):
            for verb, values in (("addLesson", new), ("updateLesson", changed)):
                payload = await api.change(verb, staff.lead.actor, **values, video=video)
                assert errors(payload) == [("NOT_FOUND", ["video", *path])]
        # Whether another course has a file shows to nobody.
        for video in (there, never):
            for actor in (staff.stranger.actor, staff.student.actor):
                answer = await api.ask(ADD, actor, input={**new, "video": video})
                assert codes(answer) == ["FORBIDDEN"]
    await api.resources.storage.put(f"{folder}/never.m3u8", b"x", TYPES["a.m3u8"])
    payload = await api.change("updateLesson", staff.lead.actor, **changed, video=never)
    assert payload["userErrors"] == []


async def test_no_more_is_looked_for_than_a_video_may_name(
    api: Api, database: Database, staff: Staff
) -> None:
    course = await make_course_of(database, staff)
    folder = f"videos/{course.number}/{uuid4()}"
    calls = api.resources.metrics.storage_calls.labels("head", "missing")._value
    before = calls.get()
    async with nothing_written(database):
        payload = await api.change(
            "addLesson",
            staff.lead.actor,
            moduleId=course.modules[0],
            title="Watch",
            kind="VIDEO",
            video={
                "durationSeconds": 9,
                "manifestKey": f"{folder}/a.m3u8",
                "captions": captions_of(folder, 600),
            },
        )
    assert errors(payload) == [("INVALID_INPUT", ["video", "captions"])]
    assert calls.get() - before == 51


async def test_while_the_storage_is_away_no_file_can_be_named(
    resources: Resources, database: Database, staff: Staff
) -> None:
    """It is asked before the first statement: nobody's connection waits for it."""
    course = await make_course_of(database, staff)
    new = {"moduleId": course.modules[0], "title": "Watch", "kind": "VIDEO"}
    named = {"durationSeconds": 9, "manifestKey": f"videos/{course.number}/{uuid4()}/a.m3u8"}
    async with answering(503) as address:
        bucket = StorageSettings(
            url="s3://files",
            endpoint=address,
            access_key=SecretStr("lectern"),
            secret_access_key=SecretStr("a secret"),
            call_timeout=30,
            write_timeout=0.001,
        )
        settings = resources.settings.model_copy(update={"storage": bucket})
        storage = Storage(settings, resources.metrics, [b"secret" * 6])
        api = Api(replace(resources, settings=settings, storage=storage))
        async with nothing_written(database):
            answer = await api.ask(ADD, staff.lead.actor, input={**new, "video": named})
        assert (codes(answer), answer.statements) == (["UNAVAILABLE"], [])
        # What names no file needs no storage.
        added = await api.change("addLesson", staff.lead.actor, **new, video={"durationSeconds": 9})
        assert added["userErrors"] == []
