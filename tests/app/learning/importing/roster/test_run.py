"""Rosters against a real database: what becomes of each row, twice, tried only, and refused."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from app.catalog.importing import ImportRefused, Refusals
from app.database import Database
from app.learning.importing.roster import Registrar, RosterOptions, RosterResult, import_roster
from app.resources import Resources
from tests.factories.catalog import (
    MadeCourse,
    Staff,
    make_course,
    make_course_of,
    make_staff,
    nothing_written,
    run,
)
from tests.factories.identity import make_user
from tests.factories.learning import enrol_rows, invitations, let_a_month_pass, make_cohort, members
from tests.support.mailbox import mails

NONE = {"enrolled": 0, "waitlisted": 0, "invited": 0, "joined": 0, "teaching": 0, "unchanged": 0}
Rostered = Callable[..., Any]


@pytest.fixture
async def staff(database: Database) -> Staff:
    return await make_staff(database)


@pytest.fixture
async def course(database: Database, staff: Staff) -> MadeCourse:
    return await make_course_of(database, staff, title="Bread")


@pytest.fixture
def rostered(resources: Resources, tmp_path: Path) -> Rostered:
    """Imports these lines; returns what was done, without the zeros, and the refusals by line."""

    async def imported(
        *lines: str, header: str = "e-mail,course,role,cohort,name", **options: Any
    ) -> tuple[dict[str, int], dict[Any, str]]:
        file = tmp_path / "roster.csv"
        file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        result = RosterResult(Refusals())
        registrar = Registrar(resources.notifier)
        await import_roster(resources.database, registrar, file, RosterOptions(**options), result)
        assert result.bytes_read == result.bytes_total == file.stat().st_size
        done = {name: count for name, count in asdict(result.done).items() if count and name != "refused"}
        return done, {refusal.place: refusal.reason for refusal in result.refusals.kept}

    return imported


async def letters(resources: Resources) -> dict[str, str]:
    """Of invitations, by address; who teaches now hears of it too, by another mail."""
    return {
        mail.to: mail.text.replace("\r\n", "\n")
        for mail in await mails(resources)
        if mail.subject.startswith("You are invited")
    }


async def enrolments(database: Database) -> list[tuple[Any, ...]]:
    rows = await run(database, "SELECT user_id, state, source FROM enrollments ORDER BY user_id")
    return [tuple(row) for row in rows]


async def test_everybody_comes_where_the_roster_wants_them(
    resources: Resources, staff: Staff, course: MadeCourse, rostered: Rostered
) -> None:
    database = resources.database
    learning = await make_user(database)
    unproved = await make_user(database, verified=False)
    await enrol_rows(database, course.number, [learning.number])
    done, refused = await rostered(
        f"{staff.student.email.upper()},bread,Learner,Evening,",
        f"{learning.email},bread,learner,Evening,",
        f"{unproved.email},bread,learner,,",
        "ann@school.test,bread,LEARNER,Evening,Ann Example",
        f"{staff.stranger.email},bread,instructor,,",
        f"{staff.lead.email},bread,instructor,,",
    )
    assert refused == {}
    assert done == {"enrolled": 1, "joined": 1, "invited": 2, "teaching": 1, "unchanged": 1}
    assert await enrolments(database) == sorted(
        [(staff.student.number, "active", "roster"), (learning.number, "active", None)]
    )
    ((cohort,),) = await run(database, "SELECT id FROM cohorts WHERE name = 'Evening'")
    assert await members(database, cohort) == sorted([staff.student.number, learning.number])
    assert sorted(await invitations(database, course.number)) == sorted(
        [("ann@school.test", cohort), (unproved.email, None)]
    )
    assert await run(
        database, "SELECT enrollment_count FROM course_stats WHERE course_id = $1", course.number
    ) == [(1,)]
    taught = await run(database, "SELECT user_id FROM course_instructors WHERE course_id = $1", course.number)
    assert {row["user_id"] for row in taught} == {
        person.number for person in (staff.lead, staff.colleague, staff.stranger)
    }
    sent = await letters(resources)
    assert sent.keys() == {"ann@school.test", unproved.email}
    assert sent["ann@school.test"].startswith("Hello Ann Example,\n\nLea Lead invites you")
    assert sent[unproved.email].startswith("Lea Lead invites you")


async def test_a_second_run_changes_nothing(
    resources: Resources, staff: Staff, course: MadeCourse, rostered: Rostered
) -> None:
    database = resources.database
    lines = (
        f"{staff.student.email},bread,learner,Evening,",
        "ann@school.test,bread,learner,Evening,Ann",
        "bob@school.test,bread,learner,,",
        f"{staff.stranger.email},bread,instructor,,",
    )
    assert await rostered(*lines) == ({"enrolled": 1, "invited": 2, "teaching": 1}, {})
    assert len(await letters(resources)) == 2
    async with nothing_written(database):
        assert await rostered(*lines) == ({"unchanged": 4}, {})
        assert await letters(resources) == {}
    # What the file says anew is done: another cohort, another name; without a second mail.
    assert await rostered("ann@school.test,bread,learner,Morning,", lines[2]) == (
        {"invited": 1, "unchanged": 1},
        {},
    )
    rows = await run(
        database,
        "SELECT c.name AS cohort, v.name FROM invitations v JOIN cohorts c ON c.id = v.cohort_id",
    )
    assert [tuple(row) for row in rows] == [("Morning", "Ann")]
    assert await letters(resources) == {}
    await let_a_month_pass(database)
    assert await rostered(*lines[1:3]) == ({"invited": 2}, {})
    assert len(await letters(resources)) == 2


async def test_a_dry_run_says_the_same_and_does_nothing(
    resources: Resources, staff: Staff, course: MadeCourse, rostered: Rostered
) -> None:
    lines = (
        f"{staff.student.email},bread,learner,Evening,",
        "ann@school.test,bread,learner,Evening,Ann",
        f"{staff.student.email},salt,learner,,",
        f"{staff.stranger.email},bread,instructor,,",
    )
    async with nothing_written(resources.database):
        tried = await rostered(*lines, dry_run=True, chunk_size=2)
    assert tried == (
        {"enrolled": 1, "invited": 1, "teaching": 1},
        {4: 'There is no course "salt".'},
    )
    assert await rostered(*lines, chunk_size=2) == tried


async def test_without_mail(
    resources: Resources, staff: Staff, course: MadeCourse, rostered: Rostered
) -> None:
    assert await rostered("ann@school.test,bread,learner,,", mail=False) == ({"invited": 1}, {})
    assert await letters(resources) == {}


async def test_refusals_by_line(
    resources: Resources, staff: Staff, course: MadeCourse, rostered: Rostered
) -> None:
    database = resources.database
    await make_course(database, staff.lead.actor, title="Draft", published=False)
    archived = await make_course_of(database, staff, title="Old")
    await run(
        database, "UPDATE courses SET status = 'archived', archived_at = now() WHERE id = $1", archived.number
    )
    gone = await make_user(database)
    await enrol_rows(database, course.number, [gone.number], state="withdrawn")
    async with nothing_written(database):
        done, refused = await rostered(
            "no address,bread,learner,,",
            "ann@school.test,,learner,,",
            "ann@school.test,bread,boss,,",
            "ann@school.test,salt,learner,,",
            "ann@school.test,draft,learner,,",
            "ann@school.test,old,learner,,",
            "ann@school.test,bread,learner",
            '"ann@school.test,bread,learner,,',
            f"ann@school.test,bread,learner,{'x' * 101},",
            f"ann@school.test,bread,learner,,{'x' * 101}",
            "ann@school.test,bread,instructor,Evening,",
            "ann@school.test,bread,instructor,,",
            f"{staff.student.email},bread,instructor,,",
            f"{gone.email},bread,learner,Evening,",
            "a\x01b@school.test,bread,learner,,",
        )
    assert done == {}
    assert refused.pop(2).startswith("The e-mail address is not valid: ")
    assert refused == {
        3: "The course is missing.",
        4: 'The role "boss" is neither learner nor instructor.',
        5: 'There is no course "salt".',
        6: 'The course "draft" is not published.',
        7: 'The course "old" is archived.',
        8: "The row has 3 columns, the header 5.",
        9: "A quote is never closed.",
        10: "At most 100 characters.",
        11: "At most 100 characters.",
        12: "Cohorts are for learners.",
        13: "No account has proved this address; who teaches needs one that may.",
        14: "Only instructors and administrators teach.",
        15: "They have withdrawn from the course: only they themselves enrol again.",
        16: "Control characters are not allowed.",
    }


async def test_of_the_same_address_and_course_the_first_counts(
    resources: Resources, staff: Staff, course: MadeCourse, rostered: Rostered
) -> None:
    done, refused = await rostered(
        "ann@school.test,bread,learner,,",
        "bob@school.test,bread,learner,,",
        "ANN@school.TEST,bread,learner,,",
        chunk_size=1,
    )
    assert (done, refused) == ({"invited": 2}, {4: "The address and the course are those of line 2."})


async def test_the_rules_of_a_course_hold_but_a_roster_invites(
    resources: Resources, staff: Staff, rostered: Rostered
) -> None:
    """A seat for one, for the invited alone: the second waits; a closed course refuses, and the cohort is not made."""
    database = resources.database
    few = await make_course_of(database, staff, title="Few")
    closed = await make_course_of(database, staff, title="Closed")
    await run(
        database,
        "INSERT INTO enrollment_policies (course_id, capacity, invitation_only, closes_at)"
        " VALUES ($1, 1, true, NULL), ($2, NULL, false, now())",
        few.number,
        closed.number,
    )
    one, two = await make_user(database), await make_user(database)
    done, refused = await rostered(
        f"{one.email},few,learner,Evening,",
        f"{two.email},few,learner,Evening,",
        f"{one.email},closed,learner,Evening,",
        f"{two.email},closed,learner,Evening,",
    )
    assert done == {"enrolled": 1, "waitlisted": 1}
    reason = "Enrolment in this course is closed."
    assert refused == {4: reason, 5: reason}
    assert await enrolments(database) == [
        (one.number, "active", "roster"),
        (two.number, "waitlisted", "roster"),
    ]
    assert await run(database, "SELECT course_id FROM cohorts") == [(few.number,)]
    assert await run(database, "SELECT count(*) FROM invitations") == [(0,)]
    assert await letters(resources) == {}


async def test_a_course_has_a_hundred_cohorts_at_most(
    resources: Resources, staff: Staff, course: MadeCourse, rostered: Rostered
) -> None:
    database = resources.database
    for number in range(100):
        await make_cohort(database, staff.lead.actor, course.number, f"C{number}")
    done, refused = await rostered(
        "ann@school.test,bread,learner,One more,", "bob@school.test,bread,learner,C7,"
    )
    assert (done, refused) == ({"invited": 1}, {2: "A course has at most 100 cohorts."})


@pytest.mark.parametrize(
    ("header", "options", "reason"),
    [
        ("email,course", {}, "Say which column holds the role: --columns role=COLUMN."),
        ("email,course,role,role", {}, 'The header names the column "role" twice.'),
        (
            "email,course,role",
            {"columns": {"email": "Mail"}},
            'The file has no column "Mail" for email; its columns are email, course, role.',
        ),
        ("email,course,role", {"delimiter": ";;"}, "A delimiter is one character, such as , ; or a tab."),
        ("email,course,role", {"encoding": "nonsense"}, "There is no text encoding named nonsense."),
    ],
)
async def test_files_that_nothing_can_be_done_with(
    database: Database, rostered: Rostered, header: str, options: dict[str, Any], reason: str
) -> None:
    async with nothing_written(database):
        with pytest.raises(ImportRefused) as refused:
            await rostered("a@b.test,bread,learner", header=header, **options)
    assert str(refused.value) == reason


async def test_columns_by_other_names(
    resources: Resources, staff: Staff, course: MadeCourse, rostered: Rostered
) -> None:
    done = await rostered(
        "learner;bread;ann@school.test;ignored",
        header="Rolle;Kurs;Adresse;Anmerkung",
        columns={"role": "Rolle", "course": "Kurs", "email": "Adresse"},
        delimiter=";",
    )
    assert done == ({"invited": 1}, {})
