"""Opening lessons, and being done with them: what completes, what is refused and says why."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.database import Database
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, Staff, make_course_of, nothing_written, run
from tests.factories.identity import make_user
from tests.factories.learning import enrolled, withdrawn
from tests.support.api import Api
from tests.support.watching import beat

PROGRESS = """lessonProgress { id openedAt positionSeconds watchedSeconds lesson { id } completion {
    rule required observed satisfied completedAt missing { startSeconds endSeconds } explanation } }
    enrollment { state progress { completedLessons totalLessons share } }"""


async def of_kind(database: Database, course: MadeCourse, kind: str, number: int = 0) -> str:
    """Makes one of the course's pages a lesson of another kind; its id."""
    lesson = course.lesson_numbers[number]
    await run(database, "UPDATE lessons SET kind = $2 WHERE id = $1", lesson, kind)
    if kind == "video":
        await run(database, "INSERT INTO video_metadata (lesson_id, duration_ms) VALUES ($1, 100000)", lesson)
    return global_id("Lesson", lesson)


def errors(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"][1:]) for error in payload["userErrors"]]


async def test_a_page_is_opened_and_then_done(
    api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff, lessons=(2,))
    await enrolled(resources, staff.student, course)
    lesson = course.lessons[0]
    opened = await api.change("openLesson", staff.student.actor, PROGRESS, lessonId=lesson)
    completion = opened["lessonProgress"]["completion"]
    assert opened["lessonProgress"]["openedAt"] is not None
    assert (completion["rule"], completion["satisfied"], completion["completedAt"]) == ("MARKED", False, None)
    assert completion["explanation"] == "It is completed when its learner says that they are done with it."
    done = await api.change("completeLesson", staff.student.actor, PROGRESS, lessonId=lesson)
    assert done["lessonProgress"]["id"] == opened["lessonProgress"]["id"]
    assert done["lessonProgress"]["openedAt"] == opened["lessonProgress"]["openedAt"]
    assert done["lessonProgress"]["completion"]["completedAt"] is not None
    assert done["enrollment"] == {
        "state": "ACTIVE",
        "progress": {"completedLessons": 1, "totalLessons": 2, "share": 0.5},
    }
    async with nothing_written(database):
        again = await api.change("completeLesson", staff.student.actor, PROGRESS, lessonId=lesson)
    assert again == done
    last = await api.change("completeLesson", staff.student.actor, PROGRESS, lessonId=course.lessons[1])
    assert last["lessonProgress"]["openedAt"] is not None, "who is done with a page has opened it"
    assert last["enrollment"]["state"] == "COMPLETED"


@pytest.mark.parametrize("verb", ["openLesson", "completeLesson"])
async def test_a_link_is_completed_by_opening_it(
    verb: str, api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    await enrolled(resources, staff.student, course)
    lesson = await of_kind(database, course, "link")
    payload = await api.change(verb, staff.student.actor, PROGRESS, lessonId=lesson)
    assert payload["lessonProgress"]["completion"]["rule"] == "OPENED"
    assert payload["lessonProgress"]["completion"]["satisfied"]
    assert payload["enrollment"]["state"] == "COMPLETED"


async def test_a_video_that_was_not_watched_is_not_done(
    api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    await enrolled(resources, staff.student, course)
    lesson = await of_kind(database, course, "video")
    (video,) = await run(database, "SELECT id FROM video_metadata")
    refuse = "mutation ($input: CompleteLessonInput!) { completeLesson(input: $input) { userErrors { code message path } } }"

    async def refused() -> str:
        async with nothing_written(database):
            answer = await api(refuse, staff.student.actor, input={"lessonId": lesson})
        (error,) = answer["completeLesson"]["userErrors"]
        assert (error["code"], error["path"]) == ("INVALID_STATE", ["input", "lessonId"])
        return str(error["message"])

    assert await refused() == "0.0% was watched, 95.0% is needed. Not watched yet: 0:00 to 1:40."
    now = datetime.now(UTC).timestamp()
    recorder = resources.progress_recorder
    first = [
        beat(video["id"], 0, 20, at=now - 70, sequence=1),
        beat(video["id"], 40, 60, at=now - 50, sequence=2),
    ]
    assert (await recorder.record(staff.student.number, first, user_agent="")).accepted == 2
    # What was reported a moment ago counts, although no flush has written it.
    assert (
        await refused() == "40.0% was watched, 95.0% is needed. Not watched yet: 0:20 to 0:40, 1:00 to 1:40."
    )
    rest = [
        beat(video["id"], 20, 40, at=now - 30, sequence=3),
        beat(video["id"], 60, 96, at=now - 1, sequence=4),
    ]
    assert (await recorder.record(staff.student.number, rest, user_agent="")).accepted == 2
    payload = await api.change("completeLesson", staff.student.actor, PROGRESS, lessonId=lesson)
    progress = payload["lessonProgress"]
    assert (progress["positionSeconds"], progress["watchedSeconds"]) == (96, 96)
    assert progress["completion"] | {"completedAt": None} == {
        "rule": "WATCHED",
        "required": 0.95,
        "observed": 0.96,
        "satisfied": True,
        "completedAt": None,
        "missing": [{"startSeconds": 96, "endSeconds": 100}],
        "explanation": "Completed.",
    }
    assert payload["enrollment"]["state"] == "COMPLETED"


async def test_a_quiz_is_passed_and_not_marked(
    api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    await enrolled(resources, staff.student, course)
    lesson = await of_kind(database, course, "quiz")
    async with nothing_written(database):
        payload = await api.change("completeLesson", staff.student.actor, PROGRESS, lessonId=lesson)
    assert errors(payload) == [("INVALID_STATE", ["lessonId"])]


@pytest.mark.parametrize("verb", ["openLesson", "completeLesson"])
async def test_who_does_not_learn_has_no_progress(
    verb: str, api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    draft = await make_course_of(database, staff, title="Draft", published=False)
    gone = await make_user(database)
    await enrolled(resources, gone, course)
    await withdrawn(resources, gone, course)
    document = f"mutation ($input: {verb[0].upper()}{verb[1:]}Input!) {{ {verb}(input: $input) {{ userErrors {{ code }} }} }}"
    async with nothing_written(database):
        nobody = await api.ask(document, input={"lessonId": course.lessons[0]})
        assert nobody.codes == ["UNAUTHENTICATED"]
        for user in (staff.student, gone, staff.stranger, staff.lead, staff.admin):
            payload = await api.change(verb, user.actor, lessonId=course.lessons[0])
            assert errors(payload) == [("INVALID_STATE", ["lessonId"])]
        for user, lesson in (
            (staff.student, draft.lessons[0]),
            (staff.stranger, draft.lessons[0]),
            (staff.student, global_id("Lesson", 999_999)),
            (staff.student, course.id),
            (staff.student, "x"),
        ):
            payload = await api.change(verb, user.actor, lessonId=lesson)
            assert errors(payload) == [("NOT_FOUND", ["lessonId"])]
