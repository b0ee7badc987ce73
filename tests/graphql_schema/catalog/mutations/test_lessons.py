"""Making and changing lessons. Refusals: test_mutations.py."""

from typing import Any

import pytest

from app.catalog.service.lessons import LESSON_LIMIT
from app.database import Database
from tests.factories.catalog import Staff, make_course_of, nothing_written, outline, run
from tests.support.api import Api

LESSON = """lesson { title kind position isPreview durationSeconds version externalUrl
    video { id durationSeconds } body { html source format } module { id } course { id lessonCount } }"""
PAGE = {"title": "L", "kind": "PAGE", "body": "B"}
VIDEO = {"title": "L", "kind": "VIDEO", "video": {"durationSeconds": 90}}
LINK = {"title": "L", "kind": "LINK", "externalUrl": "https://example.org"}


def errors(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"][1:]) for error in payload["userErrors"]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"kind": "PAGE", "body": "# Hi\n\n<b>you</b>", "isPreview": True},
            {
                "isPreview": True,
                "body": {
                    "html": "<h1>Hi</h1>\n<p><b>you</b></p>\n",
                    "source": "# Hi\n\n<b>you</b>",
                    "format": "MARKDOWN",
                },
            },
        ),
        (
            {"kind": "PAGE", "body": "<p>*x*</p>", "bodyFormat": "HTML"},
            {"body": {"html": "<p>*x*</p>", "source": "<p>*x*</p>", "format": "HTML"}},
        ),
        ({"kind": "QUIZ"}, {}),
        (
            {"kind": "LINK", "externalUrl": " HTTPS://example.org/a?b=c#d "},
            {"externalUrl": "HTTPS://example.org/a?b=c#d"},
        ),
        (
            {"kind": "VIDEO", "video": {"durationSeconds": 61.2345}, "body": "Notes"},
            {
                "durationSeconds": 61.234,
                "video": {"durationSeconds": 61.234},
                "body": {"html": "<p>Notes</p>\n", "source": "Notes", "format": "MARKDOWN"},
            },
        ),
        ({"kind": "VIDEO", "video": {"durationSeconds": 86_400}, "body": ""}, {"durationSeconds": 86_400}),
        ({"kind": "VIDEO", "video": {"durationSeconds": 0.001}, "body": None}, {"durationSeconds": 0.001}),
    ],
)
async def test_add(
    api: Api, database: Database, staff: Staff, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    course = await make_course_of(database, staff)
    payload = await api.change(
        "addLesson", staff.colleague.actor, LESSON, moduleId=course.modules[0], title=" A lesson ", **given
    )
    lesson = payload["lesson"]
    assert payload["userErrors"] == []
    video = lesson.pop("video")
    assert (video is None) == (given["kind"] != "VIDEO")
    if video is not None:
        assert video.pop("id")
        assert video["durationSeconds"] == lesson["durationSeconds"]
    plain = {"isPreview": False, "durationSeconds": None, "externalUrl": None, "body": None}
    assert lesson == plain | {name: value for name, value in expected.items() if name != "video"} | {
        "title": "A lesson",
        "kind": given["kind"],
        "position": 2,
        "version": 1,
        "module": {"id": course.modules[0]},
        "course": {"id": course.id, "lessonCount": 2},
    }


@pytest.mark.parametrize(
    ("position", "expected"), [(None, 4), (1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (2**31 - 1, 4)]
)
async def test_add_at(
    api: Api, database: Database, staff: Staff, position: int | None, expected: int
) -> None:
    course = await make_course_of(database, staff, lessons=(3, 1))
    payload = await api.change(
        "addLesson",
        staff.lead.actor,
        "lesson { position module { lessons(first: 9) { nodes { title position } } } }",
        moduleId=course.modules[0],
        **PAGE,
        position=position,
    )
    titles = ["Lesson 1.1", "Lesson 1.2", "Lesson 1.3"]
    titles.insert(expected - 1, "L")
    nodes = [{"title": title, "position": place} for place, title in enumerate(titles, 1)]
    assert payload["lesson"] == {"position": expected, "module": {"lessons": {"nodes": nodes}}}
    assert (await outline(database, course.number)).flaws == []


BAD_ADDRESSES = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "ftp://example.org/",
    "//example.org/",
    "example.org",
    "http://",
    "https://:80/",
    "https:///path",
    "https://example.org/a b",
    "https://example.org/a\u00a0b",
    "https://exa\nmple.org/",
    "java\tscript:alert(1)",
    "https://[::1",
    "https://example.org:99999/",
    "https://example.org:x/",
    "https://example.org/\0",
    "https://example.org/" + "x" * 2_000,
    "",
    "  ",
]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "PAGE"}, "body"),
        ({"kind": "PAGE", "body": ""}, "body"),
        ({"kind": "PAGE", "body": " \n "}, "body"),
        (PAGE | {"body": "a\0b"}, "body"),
        (PAGE | {"body": "a\x1bb"}, "body"),
        (PAGE | {"body": "a\ud800b"}, "body"),
        (PAGE | {"body": "x" * 50_001}, "body"),
        (PAGE | {"title": ""}, "title"),
        (PAGE | {"title": "\u2003\n"}, "title"),
        (PAGE | {"title": "x" * 201}, "title"),
        (PAGE | {"title": "a\x7fb"}, "title"),
        (PAGE | {"externalUrl": "https://example.org"}, "externalUrl"),
        (PAGE | {"video": {"durationSeconds": 1}}, "video"),
        (PAGE | {"position": 0}, "position"),
        (PAGE | {"position": -1}, "position"),
        ({"kind": "VIDEO"}, "video"),
        (VIDEO | {"externalUrl": "https://example.org"}, "externalUrl"),
        *(
            (VIDEO | {"video": {"durationSeconds": wrong}}, "video durationSeconds")
            for wrong in (0, -1, 0.0009, 86_401, 1e300)
        ),
        ({"kind": "LINK"}, "externalUrl"),
        *((LINK | {"externalUrl": wrong}, "externalUrl") for wrong in BAD_ADDRESSES),
        ({"kind": "QUIZ", "externalUrl": "https://example.org"}, "externalUrl"),
        ({"kind": "QUIZ", "video": {"durationSeconds": 1}}, "video"),
    ],
)
async def test_bad_lessons(
    api: Api, database: Database, staff: Staff, given: dict[str, Any], field: str
) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        payload = await api.change(
            "addLesson",
            staff.lead.actor,
            "lesson { id }",
            moduleId=course.modules[0],
            **{"title": "L"} | given,
        )
        assert payload["lesson"] is None
        assert errors(payload) == [("INVALID_INPUT", field.split())]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf"), 10**400, "1", True, None])
async def test_durations_that_are_no_numbers(api: Api, database: Database, staff: Staff, wrong: Any) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        answer = await api.ask(
            "mutation ($input: AddLessonInput!) { addLesson(input: $input) { userErrors { code } } }",
            staff.lead.actor,
            input=VIDEO | {"moduleId": course.modules[0], "video": {"durationSeconds": wrong}},
        )
        assert len(answer.errors) == 1
        assert answer.statements == []


async def test_a_thousand_lessons_at_most(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(0, 1))
    await run(
        database,
        "INSERT INTO lessons (course_id, module_id, title, kind, position) "
        "SELECT $1, $2, 'L', 'quiz', i FROM generate_series(1, $3) AS i",
        course.number,
        course.module_numbers[0],
        LESSON_LIMIT,
    )
    async with nothing_written(database):
        payload = await api.change("addLesson", staff.lead.actor, moduleId=course.modules[0], **PAGE)
        assert errors(payload) == [("LIMIT_REACHED", ["moduleId"])]
        payload = await api.change(
            "moveLesson", staff.lead.actor, lessonId=course.lessons[0], moduleId=course.modules[0]
        )
        assert errors(payload) == [("LIMIT_REACHED", ["moduleId"])]


async def add(api: Api, staff: Staff, module: str, **values: Any) -> str:
    payload = await api.change("addLesson", staff.lead.actor, "lesson { id }", moduleId=module, **values)
    return str(payload["lesson"]["id"])


async def test_update_changes_what_is_given(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    page = await add(api, staff, course.modules[0], **PAGE | {"body": "<i>1</i>", "bodyFormat": "HTML"})
    body = {"html": "<i>1</i>", "source": "<i>1</i>", "format": "HTML"}
    version = 1

    async def update(**values: Any) -> Any:
        nonlocal version
        payload = await api.change(
            "updateLesson",
            staff.lead.actor,
            "lesson { title isPreview version body { html source format } }",
            lessonId=page,
            expectedVersion=version,
            **values,
        )
        assert payload["userErrors"] == []
        version += 1
        assert payload["lesson"].pop("version") == version
        return payload["lesson"]

    assert await update() == {"title": "L", "isPreview": False, "body": body}
    assert await update(title=None, isPreview=None, body=None) == {
        "title": "L",
        "isPreview": False,
        "body": body,
    }
    assert await update(title="New", isPreview=True) == {"title": "New", "isPreview": True, "body": body}
    # The format of a text stays, too, unless another is given.
    html = await update(body="*2*")
    assert html["body"] == {"html": "*2*", "source": "*2*", "format": "HTML"}
    markdown = await update(bodyFormat="MARKDOWN")
    assert markdown["body"] == {"html": "<p><em>2</em></p>\n", "source": "*2*", "format": "MARKDOWN"}
    assert await update(isPreview=False) == {
        "title": "New",
        "isPreview": False,
        "body": markdown["body"],
    }


async def test_bad_updates(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    lessons = {
        given["kind"]: await add(api, staff, course.modules[0], **given) for given in (PAGE, VIDEO, LINK)
    }
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("PAGE", {"body": " "}, "body"),
        ("PAGE", {"title": " "}, "title"),
        ("PAGE", {"externalUrl": "https://example.org"}, "externalUrl"),
        ("PAGE", {"video": {"durationSeconds": 1}}, "video"),
        ("VIDEO", {"externalUrl": "https://example.org"}, "externalUrl"),
        ("VIDEO", {"video": {"durationSeconds": 0}}, "video durationSeconds"),
        ("VIDEO", {"video": {"durationSeconds": 1, "manifestKey": "\0"}}, "video manifestKey"),
        ("LINK", {"externalUrl": ""}, "externalUrl"),
        ("LINK", {"externalUrl": "javascript:alert(1)"}, "externalUrl"),
        ("LINK", {"video": {"durationSeconds": 1}}, "video"),
    ]
    async with nothing_written(database):
        for kind, values, field in wrong:
            payload = await api.change(
                "updateLesson", staff.lead.actor, lessonId=lessons[kind], expectedVersion=1, **values
            )
            assert errors(payload) == [("INVALID_INPUT", field.split())], (kind, values)
