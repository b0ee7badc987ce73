"""Learners of a university against a real database: what becomes of each row, twice, half-way, odd and refused."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.catalog.importing import ImportRefused, Refusals
from app.identity.models import Role
from app.learning.importing.learners import LearnersOptions, LearnersResult, import_learners, parse_starts
from app.learning.importing.learners.outlines import tree
from app.learning.importing.learners.presentations import Presentation
from app.learning.importing.learners.rows import Activity
from app.learning.models import EnrollmentEventKind
from app.learning.service.events import Happened
from app.resources import Resources
from tests.factories.catalog import MadeCourse, nothing_written, run
from tests.factories.identity import make_user
from tests.factories.learning import flaws
from tests.support.universities import SMALL, university

START = datetime(2013, 10, 1, tzinfo=UTC)
Imported = Callable[..., Any]
ENROLLED = """
SELECT e.*, u.email, c.source_key FROM enrollments e JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id
ORDER BY c.source_key, e.user_id"""


def day(number: int) -> datetime:
    return START + timedelta(days=number)


@pytest.fixture
def imported(resources: Resources, tmp_path: Path) -> Imported:
    """Imports SMALL with these files instead; returns the result."""

    async def import_(**given: Any) -> LearnersResult:
        options = {name: given.pop(name) for name in ("starts", "only", "chunk_size") if name in given}
        step = given.pop("on_chunk", lambda: None)
        result = LearnersResult(Refusals(place_name="place"))
        folder = university(tmp_path / "files", **given)
        chosen = LearnersOptions(**options)
        await import_learners(resources.database, folder, chosen, result, on_chunk=step)
        return result

    return import_


def refused(result: LearnersResult) -> dict[Any, str]:
    return {refusal.place: refusal.reason for refusal in result.refusals.kept}


async def made(resources: Resources, code: str = "AAA-2013J") -> MadeCourse:
    ((number,),) = await run(resources.database, "SELECT id FROM courses WHERE source_key = $1", code)
    return MadeCourse(number, [], [])


async def test_everything_finds_its_place(resources: Resources, imported: Imported) -> None:
    database = resources.database
    result = await imported()
    assert refused(result) == {}
    done = result.done
    assert (done.accounts, done.enrolled, done.unchanged, done.events) == (5, 6, 0, 10)
    assert dict(result.oddities) == {
        "withdrawn without an unregistration day": 1,
        "unregistered without being withdrawn": 1,
        "unregistered before the start": 1,
        "unregistered after the end": 1,
        "without a registration day": 1,
        "without imd_band": 1,
    }
    rows = await run(database, ENROLLED)
    found = [
        (row["email"], row["state"], row["enrolled_at"], row["withdrawn_at"], row["completed_at"])
        for row in rows
    ]
    assert found == [
        ("learner-11@oulad.invalid", "completed", day(-159), None, day(268)),
        ("learner-12@oulad.invalid", "active", day(10), None, None),
        ("learner-13@oulad.invalid", "withdrawn", day(-53), day(-5), None),
        ("learner-14@oulad.invalid", "withdrawn", day(-92), None, None),
        # Left, says one file, and failed, says the other: the result is what counts.
        ("learner-15@oulad.invalid", "active", day(0), None, None),
        (
            "learner-11@oulad.invalid",
            "completed",
            datetime(2014, 1, 31, tzinfo=UTC),
            None,
            datetime(2014, 9, 30, tzinfo=UTC),
        ),
    ]
    assert all(row["source"] == "import" and row["created_at"] == row["enrolled_at"] for row in rows)
    assert [row["attributes"] for row in rows][2:5:2] == [
        {
            "gender": "F",
            "imd_band": "10-20",
            "final_result": "Withdrawn",
            "date_registration": -53,
            "date_unregistration": -5,
        },
        {"gender": "F", "imd_band": "10-20", "final_result": "Fail", "date_unregistration": 300},
    ]
    for code, seats in (("AAA-2013J", 3), ("BBB-2014B", 1)):
        course = await made(resources, code)
        assert await flaws(database, course) == []
        stats = await run(
            database, "SELECT enrollment_count FROM course_stats WHERE course_id = $1", course.number
        )
        assert stats == [(seats,)]


async def test_each_change_is_one_event_that_nobody_is_told_of(
    resources: Resources, imported: Imported
) -> None:
    database = resources.database
    await imported(only=["AAA-2013J"])
    ids = {row["email"]: (row["user_id"], row["course_id"]) for row in await run(database, ENROLLED)}
    kinds = EnrollmentEventKind
    wanted = {
        Happened(kind, *ids[f"learner-{student}@oulad.invalid"], 1, at).id
        for student, kind, at in (
            (11, kinds.ENROLLED, day(-159)),
            (11, kinds.COMPLETED, day(268)),
            (12, kinds.ENROLLED, day(10)),
            (13, kinds.ENROLLED, day(-53)),
            (13, kinds.WITHDRAWN, day(-5)),
            (14, kinds.ENROLLED, day(-92)),
            # On a day that nobody noted, by the end at the latest.
            (14, kinds.WITHDRAWN, day(268)),
            (15, kinds.ENROLLED, day(0)),
        )
    }
    events = await run(
        database, "SELECT id, source, tableoid::regclass::text AS month FROM enrollment_events"
    )
    assert {event["id"] for event in events} == wanted
    assert len(events) == len(wanted)
    assert {event["source"] for event in events} == {"import"}
    assert {event["month"] for event in events} == {
        f"enrollment_events_{month}"
        for month in ("2013_04", "2013_07", "2013_08", "2013_09", "2013_10", "2014_06")
    }
    for table in ("jobs", "notifications", "notification_mails"):
        assert await run(database, f"SELECT FROM {table}") == []


async def test_a_presentation_is_a_course(resources: Resources, imported: Imported) -> None:
    result = await imported(only=["AAA-2013J"])
    tally = result.outlines
    assert (tally.courses.created, tally.modules.created, tally.lessons.created) == (1, 2, 3)
    rows = await run(
        resources.database,
        "SELECT c.slug, c.status, c.attributes, m.title AS module, l.title, l.kind, l.external_url, l.body_html,"
        " s.lesson_count FROM courses c JOIN modules m ON m.course_id = c.id JOIN lessons l ON l.module_id = m.id"
        " JOIN course_stats s ON s.course_id = c.id ORDER BY m.position, l.position",
    )
    assert {(row["slug"], row["status"], row["lesson_count"]) for row in rows} == {
        ("aaa-2013j", "published", 3)
    }
    assert rows[0]["attributes"] == {
        "code_module": "AAA",
        "code_presentation": "2013J",
        "module_presentation_length": 268,
        "starts_on": "2013-10-01",
    }
    assert [(row["module"], row["title"], row["kind"], row["external_url"]) for row in rows] == [
        ("resource", "resource 1", "page", None),
        ("resource", "resource 3 (weeks 3 to 5)", "page", None),
        ("url", "url 2 (week 3)", "link", "https://oulad.invalid/AAA-2013J/2"),
    ]
    assert "Activity 3 of the kind resource, planned for weeks 3 to 5." in rows[1]["body_html"]


async def test_a_second_run_changes_nothing(resources: Resources, imported: Imported) -> None:
    first = await imported()
    async with nothing_written(resources.database):
        second = await imported(chunk_size=2)
    assert (second.done.accounts, second.done.enrolled, second.done.unchanged, second.done.events) == (
        0,
        0,
        6,
        0,
    )
    assert second.outlines.courses.unchanged == 2
    assert (second.oddities, second.refusals.count) == (first.oddities, 0)


async def test_what_was_stopped_goes_on(resources: Resources, imported: Imported) -> None:
    steps = 0

    class Stopped(Exception):
        pass

    def stop() -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise Stopped

    with pytest.raises(Stopped):
        await imported(chunk_size=2, on_chunk=stop)
    assert len(await run(resources.database, "SELECT FROM enrollments")) == 4
    rest = await imported(chunk_size=2)
    assert (rest.done.enrolled, rest.done.unchanged) == (2, 4)
    assert await flaws(resources.database, await made(resources)) == []


async def test_what_has_happened_here_stays(resources: Resources, imported: Imported) -> None:
    """Somebody left since; of another the file says something else now; a third's day of beginning is another."""
    database = resources.database
    await imported(only=["AAA-2013J"])
    rows = {row["email"]: row for row in await run(database, ENROLLED)}
    gone = rows["learner-12@oulad.invalid"]
    await run(
        database,
        "UPDATE enrollments SET state = 'withdrawn', withdrawn_at = now() WHERE user_id = $1",
        gone["user_id"],
    )
    info = [line.replace(",13,F,10-20", ",13,F,30-40%") for line in SMALL["studentInfo"]]
    registrations = [line.replace(",11,-159", ",11,-160") for line in SMALL["studentRegistration"]]
    async with nothing_written(database):
        result = await imported(only=["AAA-2013J"], studentInfo=info, studentRegistration=registrations)
    differs = "The enrolment is here and is not as the file says; it stays as it is."
    assert refused(result) == {"studentInfo, line 4": differs, "studentInfo, line 6": differs}
    assert result.done.unchanged == 3


async def test_an_address_that_is_somebodys_is_not_handed_out(
    resources: Resources, imported: Imported
) -> None:
    database = resources.database
    await make_user(database, email="learner-11@oulad.invalid")
    await run(database, "UPDATE users SET password_hash = 'x'")
    await make_user(database, Role.INSTRUCTOR, email="learner-12@oulad.invalid")
    await make_user(database, email="learner-13@oulad.invalid", verified=False)
    result = await imported(only=["AAA-2013J"])
    taken = "The address of this learner's account belongs to somebody."
    assert refused(result) == {"studentInfo, line 4": taken, "studentInfo, line 5": taken}
    # Who only claims the address has not become the learner.
    assert result.done.accounts == 3
    assert await flaws(database, await made(resources)) == []


BAD = {
    "courses": ["AAA,2013J,268", "AAA,2013J,1", "A A,2013J,1", "CCC,2013J,", "BBB,2014B,241"],
    "vle": [
        *SMALL["vle"],
        "1,AAA,2013J,url,,",
        "0,AAA,2013J,url,,",
        "9,AAA,2013J,<b>,,",
        "9,XXX,2013J,url,,",
        "9,AAA",
    ],
    "studentInfo": [
        *SMALL["studentInfo"],
        "AAA,2013J,11,F,x,Fail",
        "AAA,2013J,21,F,x,Passed",
        "AAA,2013J,22,F,x\x01,Pass",
        f"AAA,2013J,23,F,{'x' * 201},Pass",
        "AAA,2013J,24,F,x,Pass",
        "AAA,2013J,2 5,F,x,Pass",
    ],
    "studentRegistration": [
        *SMALL["studentRegistration"],
        "AAA,2013J,31,1,",
        "AAA,2013J,24,soon,",
        "AAA,2013J,24,1,9999",
    ],
}


async def test_refusals_by_place(resources: Resources, imported: Imported) -> None:
    result = await imported(**BAD)
    found = refused(result)
    assert found == {
        "courses, line 3": "The key is that of courses, line 2.",
        "courses, line 4": "A module's or a presentation's code has letters and digits, at most 20.",
        "courses, line 5": "module_presentation_length: A presentation has at least one day.",
        "vle, line 6": "The key is that of vle, line 2.",
        "vle, line 7": 'id_site: "0" is no number of a row.',
        "vle, line 8": 'activity_type: "<b>" is no kind of activity.',
        "vle, line 9": "There is no presentation XXX-2013J in the file courses.",
        "vle, line 10": "The row has 2 columns, the header 6.",
        "studentInfo, line 8": "The key is that of studentInfo, line 4.",
        "studentInfo, line 9": 'final_result: "Passed" is none of Pass, Distinction, Fail, Withdrawn.',
        "studentInfo, line 10": found["studentInfo, line 10"],
        "studentInfo, line 11": found["studentInfo, line 11"],
        "studentInfo, line 12": "There is no row for this learner in studentRegistration.",
        "studentInfo, line 13": 'id_student: "2 5" is no number of a row.',
        "studentRegistration, line 8": "There is no row for this learner in studentInfo.",
        "studentRegistration, line 9": 'date_registration: "soon" is no number of days, at most 3,650 from the start.',
        "studentRegistration, line 10": 'date_unregistration: "9999" is no number of days, at most 3,650 from the start.',
    }
    assert found["studentInfo, line 10"].startswith("imd_band: ")
    assert found["studentInfo, line 11"].startswith("imd_band: ")
    assert result.done.enrolled == 6


async def test_a_course_without_activities_stays_out(resources: Resources, imported: Imported) -> None:
    result = await imported(vle=SMALL["vle"][3:])
    assert refused(result) == {
        "AAA-2013J": "There are no activities of it in the file vle. Its 5 learners stay out."
    }
    assert (result.done.enrolled, result.learners_done, result.learners_total) == (1, 6, 6)
    assert [row["source_key"] for row in await run(resources.database, ENROLLED)] == ["BBB-2014B"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"starts": {"2014B": "2014-02-01"}},
            "Say when the presentations 2013J began: --start 2013J=YYYY-MM-DD.",
        ),
        ({"only": ["ZZZ-2013J"]}, "There is no presentation ZZZ-2013J in the file courses."),
        ({"courses": []}, None),
    ],
)
async def test_nothing_can_be_done(
    resources: Resources, imported: Imported, given: dict[str, Any], reason: str | None
) -> None:
    if reason is None:
        assert (await imported(**given)).done.enrolled == 0
        assert await run(resources.database, "SELECT FROM courses") == []
        return
    async with nothing_written(resources.database):
        with pytest.raises(ImportRefused) as error:
            await imported(**given)
    assert str(error.value) == reason


async def test_files_that_are_missing_or_no_tables(resources: Resources, tmp_path: Path) -> None:
    result = LearnersResult(Refusals())
    folder = university(tmp_path / "files")

    async def reason(where: Path = folder) -> str:
        async with nothing_written(resources.database):
            with pytest.raises(ImportRefused) as error:
                await import_learners(resources.database, where, LearnersOptions(), result)
        return str(error.value)

    assert await reason(tmp_path / "nowhere") == f"{tmp_path}/nowhere is no folder."
    (folder / "vle.csv").write_text("", encoding="utf-8")
    assert await reason() == "There are both vle.csv and vle.csv.gz; leave one of them."
    (folder / "vle.csv.gz").unlink()
    assert await reason() == "The file is empty."
    (folder / "vle.csv").write_text("id_site\n", encoding="utf-8")
    assert await reason() == 'The file vle has no column "code_module".'
    (folder / "vle.csv").unlink()
    assert await reason() == f"There is no vle.csv or vle.csv.gz in {folder}."


def test_starts_are_days() -> None:
    assert parse_starts(["2013J=2013-10-05", "2015B = 2015-02-01"]) == {
        "2013B": "2013-02-01",
        "2013J": "2013-10-05",
        "2014B": "2014-02-01",
        "2014J": "2014-10-01",
        "2015B": "2015-02-01",
    }
    for wrong in ("2013J", "=2013-10-01", "2013J=soon", "2013J=1969-10-01", "2013J=2101-01-01"):
        with pytest.raises(ImportRefused):
            parse_starts([wrong])


def test_the_months_of_a_presentation() -> None:
    presentation = Presentation("AAA", "2013J", 92, START)
    assert sorted(presentation.months(-1, 10)) == [
        date(2013, 9, 1),
        date(2013, 10, 1),
        date(2013, 11, 1),
        date(2013, 12, 1),
        date(2014, 1, 1),
    ]
    assert max(presentation.months(0, 130)) == date(2014, 2, 1)


def test_a_kind_with_very_many_activities_is_several_modules() -> None:
    activities = [Activity(number, "page", "") for number in range(1, 2_002)]
    made_tree = tree(Presentation("AAA", "2013J", 268, START), activities)
    assert [(module.title, len(module.lessons)) for module in made_tree.modules] == [
        ("page", 1000),
        ("page 2", 1000),
        ("page 3", 1),
    ]
