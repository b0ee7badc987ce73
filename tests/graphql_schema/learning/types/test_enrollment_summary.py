"""A course's enrolments in numbers: right, for those who manage it alone, in one statement for any number of courses."""

from typing import Any

import pytest

from app.catalog.importing import Refusals
from app.identity.actor import Actor
from app.identity.models import Role
from app.learning.importing.learners import LearnersOptions, LearnersResult, import_learners
from app.resources import Resources
from tests.factories.catalog import MadeCourse, Staff, make_course_of, run
from tests.factories.identity import make_user
from tests.factories.learning import enrol_rows
from tests.support.api import Api
from tests.support.universities import real_university

SUMMARY = """enrollmentSummary { id total waitlisted active completed withdrawn
    imported { total unregistered unregisteredBeforeStart finalResults { result count } } }"""
PATHS = f"""query ($id: ID!) {{ course(id: $id) {{ {SUMMARY} }} courses(first: 5) {{ nodes {{ {SUMMARY} }} }}
    node(id: $id) {{ ... on Course {{ {SUMMARY} }} }} nodes(ids: [$id]) {{ ... on Course {{ {SUMMARY} }} }}
    viewer {{ enrollments(first: 1) {{ nodes {{ course {{ {SUMMARY} }} }} }} }} }}"""
STATES = ("waitlisted", "active", "active", "active", "completed", "completed", "withdrawn")
ZEROS = {"total": 0, "waitlisted": 0, "active": 0, "completed": 0, "withdrawn": 0, "imported": None}


@pytest.fixture
async def course(resources: Resources, staff: Staff) -> MadeCourse:
    return await make_course_of(resources.database, staff)


@pytest.mark.parametrize(
    "role", ["nobody", "student", "learner", "stranger", "demoted", "lead", "colleague", "admin"]
)
async def test_who_sees_it_on_every_path(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse, role: str
) -> None:
    people = [await make_user(resources.database) for _ in STATES]
    for person, state in zip(people, STATES, strict=True):
        await enrol_rows(resources.database, course.number, [person.number], state=state)
    chosen = {
        "learner": people[1].actor,
        # Taught the course once, and learns again.
        "demoted": Actor(staff.colleague.number, Role.STUDENT),
    }
    data = await api(PATHS, chosen.get(role) or staff.actor(role), id=course.id)
    seen = [data["course"], data["courses"]["nodes"][0], data["node"], data["nodes"][0]]
    if role == "learner":
        seen.append(data["viewer"]["enrollments"]["nodes"][0]["course"])
    found = [place["enrollmentSummary"] for place in seen]
    if role not in {"lead", "colleague", "admin"}:
        assert found == [None] * len(seen)
        return
    assert found == [found[0]] * 4
    assert found[0].pop("id")
    assert found[0] == {
        "total": 7,
        "waitlisted": 1,
        "active": 3,
        "completed": 2,
        "withdrawn": 1,
        "imported": None,
    }


async def test_a_course_without_learners(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    data = await api(PATHS, staff.lead.actor, id=course.id)
    assert data["course"]["enrollmentSummary"].pop("id")
    assert data["course"]["enrollmentSummary"] == ZEROS


async def test_statements_do_not_grow(api: Api, resources: Resources, staff: Staff) -> None:
    document = f"{{ courses(first: 100) {{ nodes {{ {SUMMARY} }} }} }}"
    counts = []
    for wanted in (1, 100):
        made = (await run(resources.database, "SELECT count(*) AS many FROM courses"))[0]["many"]
        await run(
            resources.database,
            "WITH c AS (INSERT INTO courses (slug, title, status, instructor_id, published_at)"
            " SELECT 'c' || n, 'C', 'published', $3, now() - interval '1 day' FROM generate_series($1::int, $2::int) AS n"
            " RETURNING id), s AS (INSERT INTO course_stats (course_id) SELECT id FROM c),"
            " t AS (INSERT INTO course_instructors (course_id, user_id) SELECT id, $3 FROM c)"
            " INSERT INTO enrollments (user_id, course_id, state, source, attributes) SELECT $4, id, 'active', 'import',"
            """ '{"final_result": "Fail", "date_unregistration": -2}' FROM c""",
            made + 1,
            wanted,
            staff.lead.number,
            staff.student.number,
        )
        # Once for the cache.
        await api(document, staff.lead.actor)
        answer = await api.ask(document, staff.lead.actor)
        assert answer.errors == []
        found = [node["enrollmentSummary"] for node in answer.data["courses"]["nodes"]]
        assert [summary["imported"] for summary in found] == [
            {
                "total": 1,
                "unregistered": 1,
                "unregisteredBeforeStart": 1,
                "finalResults": [{"result": "Fail", "count": 1}],
            }
        ] * wanted
        counts.append(len(answer.statements))
    assert counts == [counts[0]] * 2


async def test_the_real_learners_add_up(api: Api, resources: Resources, staff: Staff) -> None:
    """Three presentations as people see them, against sums that were made of the same files by other means."""
    folder, sums = real_university()
    codes = ("AAA-2013J", "EEE-2014B", "GGG-2014J")
    result = LearnersResult(Refusals())
    await import_learners(resources.database, folder, LearnersOptions(only=codes), result)
    assert result.refusals.count == 0
    for code in codes:
        document = f"query ($slug: String!) {{ course(slug: $slug) {{ enrollmentCount {SUMMARY} }} }}"
        course: dict[str, Any] = (await api(document, staff.admin.actor, slug=code.lower()))["course"]
        summary, row = course["enrollmentSummary"], {**sums[code]}
        imported = summary["imported"]
        assert {
            "enrolled": summary["total"],
            "unregistered": imported["unregistered"],
            "unregistered_before_start": imported["unregisteredBeforeStart"],
            **{each["result"]: each["count"] for each in imported["finalResults"]},
        } == {
            name: int(value)
            for name, value in row.items()
            if name not in {"code_module", "code_presentation", "pass_rate_pct"}
        }
        assert summary["withdrawn"] == int(row["Withdrawn"])
        assert summary["active"] == int(row["Fail"])
        assert summary["completed"] == int(row["Pass"]) + int(row["Distinction"])
        assert course["enrollmentCount"] == summary["active"] + summary["completed"]
        assert (imported["total"], summary["waitlisted"]) == (summary["total"], 0)
