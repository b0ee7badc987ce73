"""Uploads that no lesson names: they wait, can be named meanwhile, and go; what is named stays, whoever comes first."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from app.catalog.service.videos import folder_of
from app.resources import Resources
from app.settings import StorageSettings
from app.storage import Storage
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, Staff, make_course_of, make_staff, nothing_written, run
from tests.support.api import Api
from tests.support.jobs import run_waiting_jobs
from tests.support.s3_server import s3_server
from workers.storage import ask_for_sweeping, measure, remove_upload

AGE = timedelta(days=30)


@pytest.fixture
async def staff(resources: Resources) -> Staff:
    return await make_staff(resources.database)


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[StorageSettings]:
    if request.param == "folder":
        yield StorageSettings(url=(tmp_path / "files").as_uri())
        return
    with s3_server() as address:
        yield StorageSettings(
            url="s3://files/some/where",
            endpoint=address,
            access_key=SecretStr("lectern"),
            secret_access_key=SecretStr("a secret"),
            call_timeout=30,
            write_timeout=60,
        )


def with_storage(resources: Resources, place: StorageSettings) -> Resources:
    settings = resources.settings.model_copy(update={"storage": place})
    return replace(
        resources, settings=settings, storage=Storage(settings, resources.metrics, [b"secret" * 6])
    )


async def put(resources: Resources, course: MadeCourse, upload: UUID, *names: str) -> None:
    for name in names:
        type_ = {"m3u8": "application/vnd.apple.mpegurl", "ts": "video/mp2t", "vtt": "text/vtt"}
        key = f"{folder_of(course.number, upload)}/{name}"
        await resources.storage.put(key, b"12345", type_[name.rpartition(".")[2]])


async def files_of(resources: Resources) -> set[str]:
    """The folders of videos in which there are files."""
    return {file.key.split("/")[2] async for file in resources.storage.list("videos")}


async def waiting(resources: Resources) -> dict[UUID, bool]:
    """Of each upload that is unnamed, whether it was given up."""
    rows = await run(resources.database, "SELECT upload_id, given_up_at FROM unnamed_uploads")
    return {row["upload_id"]: row["given_up_at"] is not None for row in rows}


async def sweep(resources: Resources) -> None:
    await ask_for_sweeping(resources)
    await ask_for_sweeping(resources)  # one is on its way
    assert set(await run_waiting_jobs(resources)) == {"succeeded"}


async def age(resources: Resources, days: int) -> None:
    await run(
        resources.database,
        "UPDATE unnamed_uploads SET since = since - $1::interval, given_up_at = given_up_at - $1::interval",
        timedelta(days=days),
    )


async def name_stream(api: Api, staff: Staff, course: MadeCourse, upload: UUID, **captions: UUID) -> Any:
    """Adds a lesson that names the upload's stream. Returns the payload."""
    folder = folder_of(course.number, upload)
    given = [
        {"language": language, "key": f"{folder_of(course.number, other)}/{language}.vtt"}
        for language, other in captions.items()
    ]
    video = {"durationSeconds": 4, "manifestKey": f"{folder}/a.m3u8", "captions": given}
    return await api.change(
        "addLesson",
        staff.lead.actor,
        "lesson { id version }",
        moduleId=course.modules[0],
        title="Watch",
        kind="VIDEO",
        video=video,
    )


def counted(resources: Resources, kind: str) -> float:
    value = resources.metrics.registry.get_sample_value("lectern_uploads_swept_total", {"kind": kind})
    return value or 0.0


async def test_what_nothing_names_goes(resources: Resources, staff: Staff, place: StorageSettings) -> None:
    resources = with_storage(resources, place)
    api = Api(resources)
    course = await make_course_of(resources.database, staff)
    empty = await make_course_of(resources.database, staff)
    stream, captions, lost, other = (uuid4() for _ in range(4))
    await put(resources, course, stream, "a.m3u8", "high/1.ts")
    await put(resources, course, captions, "en.vtt")
    await put(resources, course, lost, "a.m3u8", "high/1.ts", "high/2.ts")
    await put(resources, empty, other, "a.m3u8")
    await resources.storage.put("videos/0/readme.txt", b"x", "text/plain")
    await resources.storage.put(f"videos/{course.number}/by-hand/a.ts", b"x", "video/mp2t")
    # Of a course that this database does not know, as after a restore.
    await put(resources, MadeCourse(9_999_999, [], []), lost, "a.m3u8")
    added = await name_stream(api, staff, course, stream, en=captions)
    assert added["userErrors"] == []
    everything = {str(each) for each in (stream, captions, lost, other)} | {"by-hand", "readme.txt"}

    before = {kind: counted(resources, kind) for kind in ("uploads", "files", "bytes")}
    await sweep(resources)
    assert await waiting(resources) == {lost: False, other: False}
    await age(resources, 29)
    await sweep(resources)
    assert await files_of(resources) == everything
    await age(resources, 1)
    await sweep(resources)
    assert await files_of(resources) == everything - {str(lost), str(other)}
    assert {kind: counted(resources, kind) - before[kind] for kind in before} == {
        "uploads": 3,
        "files": 5,
        "bytes": 25,
    }

    # An upload that was on its way arrives after all: nobody can name it any more, and it goes as well.
    await put(resources, course, lost, "late.ts")
    await age(resources, 2)
    await sweep(resources)
    assert await files_of(resources) == everything - {str(lost), str(other)}
    assert await waiting(resources) == {}

    # A lesson that is removed, or a stream that is replaced, leaves what it named.
    await api.change("removeLesson", staff.lead.actor, lessonId=added["lesson"]["id"])
    await sweep(resources)
    assert await waiting(resources) == {stream: False, captions: False}
    await age(resources, 31)
    await sweep(resources)
    assert await files_of(resources) == {"by-hand", "readme.txt"}


async def test_what_waits_is_measured(resources: Resources) -> None:
    def gauge(name: str) -> float:
        return resources.metrics.registry.get_sample_value(f"lectern_uploads_unnamed{name}") or 0.0

    measuring = asyncio.create_task(measure(resources))
    for days in (0, 31):
        if days:
            await run(
                resources.database,
                "INSERT INTO unnamed_uploads SELECT n, uuidv7(), now() - n * interval '1 day' FROM generate_series(1, 31) AS n",
            )
            measuring.cancel()
            measuring = asyncio.create_task(measure(resources))
        async with asyncio.timeout(60):
            while gauge("") != days:  # noqa: ASYNC110 - a gauge tells nobody
                await asyncio.sleep(0.01)
        assert days * 86_400 <= gauge("_oldest_seconds") < days * 86_400 + 300
    measuring.cancel()


async def test_steps_are_bounded(
    resources: Resources, staff: Staff, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.storage.COURSES", 2)
    monkeypatch.setattr("workers.storage.UPLOADS", 3)
    resources = with_storage(resources, StorageSettings(url=(tmp_path / "files").as_uri()))
    course = await make_course_of(resources.database, staff)
    for number in range(5):
        for _ in range(2):
            await put(resources, MadeCourse(course.number + number, [], []), uuid4(), "a.ts")
    await ask_for_sweeping(resources)
    # Courses 1 and 2, 3 and 4, 5; then nothing that is due.
    assert len(await run_waiting_jobs(resources)) == 4
    await age(resources, 31)
    await ask_for_sweeping(resources)
    # Ten uploads are three, three, three and one.
    assert len(await run_waiting_jobs(resources)) == 7
    assert await files_of(resources) == set()


async def test_who_names_it_in_time_keeps_it(resources: Resources, staff: Staff, tmp_path: Any) -> None:
    resources = with_storage(resources, StorageSettings(url=(tmp_path / "files").as_uri()))
    api = Api(resources)
    course = await make_course_of(resources.database, staff)
    named, added_to, given_up = uuid4(), uuid4(), uuid4()
    for upload in (named, added_to, given_up):
        await put(resources, course, upload, "a.m3u8")
    await sweep(resources)
    await age(resources, 31)
    lesson = (await name_stream(api, staff, course, named))["lesson"]
    asked: dict[str, Any] = {"courseId": course.id, "files": [{"name": "b.ts", "sizeBytes": 1}]}
    upload_id = global_id("VideoUpload", added_to)
    more = await api.change("requestVideoUpload", staff.lead.actor, **asked, uploadId=upload_id)
    assert more["userErrors"] == []
    await sweep(resources)
    assert await files_of(resources) == {str(named), str(added_to)}
    assert await waiting(resources) == {added_to: False, given_up: True}

    # Named no longer, it waits from then on.
    replaced = {
        "durationSeconds": 4,
        "manifestKey": f"{folder_of(course.number, added_to)}/a.m3u8",
        "captions": [],
    }
    changed = await api.change(
        "updateLesson", staff.lead.actor, lessonId=lesson["id"], expectedVersion=1, video=replaced
    )
    assert changed["userErrors"] == []
    await sweep(resources)
    assert await waiting(resources) == {named: False, given_up: True}

    # What is gone is refused, however it is asked for.
    async with nothing_written(resources.database):
        key = f"{folder_of(course.number, given_up)}/a.m3u8"
        values = {"lessonId": lesson["id"], "expectedVersion": 2}
        for payload, path in (
            (await name_stream(api, staff, course, given_up), ["video", "manifestKey"]),
            (await name_stream(api, staff, course, named, en=given_up), ["video", "captions", "key"]),
            (
                await api.change(
                    "updateLesson",
                    staff.lead.actor,
                    **values,
                    video={"durationSeconds": 1, "manifestKey": key},
                ),
                ["video", "manifestKey"],
            ),
            (
                await api.change(
                    "requestVideoUpload",
                    staff.lead.actor,
                    **asked,
                    uploadId=global_id("VideoUpload", given_up),
                ),
                ["uploadId"],
            ),
        ):
            (error,) = payload["userErrors"]
            assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", *path])


async def test_of_naming_and_removing_one_comes_first(crowd: Resources, tmp_path: Any) -> None:
    resources = with_storage(crowd, StorageSettings(url=(tmp_path / "files").as_uri()))
    api, staff = Api(resources), await make_staff(crowd.database)
    course = await make_course_of(crowd.database, staff)
    uploads = [uuid4() for _ in range(20)]
    for upload in uploads:
        await put(resources, course, upload, "a.m3u8", "1.ts")
    await sweep(resources)
    await age(resources, 31)

    async def race(number: int, upload: UUID) -> None:
        removing = remove_upload(resources, course.number, upload, AGE)
        naming = name_stream(api, staff, course, upload)
        both = (removing, naming) if number % 2 else (naming, removing)
        payload = next(each for each in await asyncio.gather(*both) if each is not None)
        key = f"{folder_of(course.number, upload)}"
        left = sorted([file.key.rpartition("/")[2] async for file in resources.storage.list(key)])
        if payload["userErrors"]:
            assert ([error["code"] for error in payload["userErrors"]], left) == (["NOT_FOUND"], [])
        else:
            assert left == ["1.ts", "a.m3u8"]

    await asyncio.gather(*(race(number, upload) for number, upload in enumerate(uploads)))
    named = await run(crowd.database, "SELECT manifest_key FROM video_metadata")
    kept = {row["manifest_key"].split("/")[2] for row in named}
    assert await files_of(resources) == kept
    assert await waiting(resources) == {upload: True for upload in uploads if str(upload) not in kept}


async def test_each_waits_for_the_other(crowd: Resources, tmp_path: Any) -> None:
    """Whoever has the course's lock is waited for, and what they have done is seen."""
    resources = with_storage(crowd, StorageSettings(url=(tmp_path / "files").as_uri()))
    api, staff = Api(resources), await make_staff(crowd.database)
    course = await make_course_of(crowd.database, staff)
    first, second, other = uuid4(), uuid4(), uuid4()
    for upload in (first, second, other):
        await put(resources, course, upload, "a.m3u8")
    await sweep(resources)
    await age(resources, 31)

    async def waits(task: "asyncio.Task[Any]") -> None:
        blocked = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while not await run(crowd.database, blocked):
            assert not task.done()
            await asyncio.sleep(0.01)

    lesson = (await name_stream(api, staff, course, other))["lesson"]
    async with crowd.database.transaction() as tx:
        await tx.fetch_text("SELECT FROM courses WHERE id = $1 FOR NO KEY UPDATE", course.number)
        await tx.fetch_text(
            "UPDATE video_metadata SET manifest_key = $1", f"{folder_of(course.number, first)}/a.m3u8"
        )
        removing = asyncio.create_task(remove_upload(resources, course.number, first, AGE))
        await waits(removing)
    await removing
    assert await files_of(resources) == {str(first), str(second), str(other)}
    async with crowd.database.transaction() as tx:
        await tx.fetch_text("SELECT FROM courses WHERE id = $1 FOR NO KEY UPDATE", course.number)
        await tx.fetch_text("UPDATE unnamed_uploads SET given_up_at = now() WHERE upload_id = $1", second)
        naming = asyncio.create_task(name_stream(api, staff, course, second))
        await waits(naming)
    assert [error["code"] for error in (await naming)["userErrors"]] == ["NOT_FOUND"]
    assert lesson["version"] == 1
