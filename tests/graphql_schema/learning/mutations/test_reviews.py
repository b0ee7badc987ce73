"""Reviewing a course: who may, what it changes, who sees it, and what removing does."""

from typing import Any

import pytest

from app.database import Database
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, Staff, make_course, make_course_of, nothing_written, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.learning import enrolled, policy, withdrawn
from tests.support.api import Api

REVIEW = (
    "review { id rating body authorName isViewers removedAt removalReason } course { rating ratingCount }"
)
COURSE = """query ($id: ID!, $first: Int!, $after: String) { course(id: $id) {
    rating ratingCount ratingHistogram { stars count } viewerReview { id rating removedAt removalReason }
    reviews(first: $first, after: $after) { nodes { id rating authorName isViewers } pageInfo { hasNextPage endCursor } } } }"""
NODE = "query ($id: ID!) { node(id: $id) { ... on CourseReview { id removalReason isViewers } } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"


def errors(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"][1:]) for error in payload["userErrors"]]


def review_id(course: MadeCourse, user: MadeUser) -> str:
    return global_id("CourseReview", (course.number, user.number))


async def many(database: Database, course: MadeCourse, number: int) -> None:
    """Reviews of learners of its own, the first the oldest."""
    await run(
        database,
        "WITH made AS (INSERT INTO users (email, email_key, name) SELECT k, k, 'Learner ' || n"
        " FROM generate_series(1, $2::int) AS n, LATERAL (SELECT 'r' || $1::bigint || '-' || n) AS key (k) RETURNING id)"
        " INSERT INTO course_reviews (course_id, user_id, rating, updated_at)"
        " SELECT $1::bigint, id, 1 + id % 5, now() - interval '1 day' + id * interval '1 second' FROM made",
        course.number,
        number,
    )


async def test_one_review_a_learner_that_can_be_changed(
    api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    other = await make_user(database)
    for user in (staff.student, other):
        await enrolled(resources, user, course)
    first = await api.change(
        "reviewCourse", staff.student.actor, REVIEW, courseId=course.id, rating=4, body=" Good. "
    )
    assert first == {
        "review": {
            "id": review_id(course, staff.student),
            "rating": 4,
            "body": "Good.",
            "authorName": staff.student.name,
            "isViewers": True,
            "removedAt": None,
            "removalReason": None,
        },
        "course": {"rating": 4, "ratingCount": 1},
        "userErrors": [],
    }
    again = {"courseId": course.id, "rating": 4, "body": "Good."}
    async with nothing_written(database):
        assert await api.change("reviewCourse", staff.student.actor, REVIEW, **again) == first
    changed = await api.change("reviewCourse", staff.student.actor, REVIEW, courseId=course.id, rating=1)
    assert changed["course"] == {"rating": 1, "ratingCount": 1}
    await api.change("reviewCourse", other.actor, REVIEW, courseId=course.id, rating=2)
    third = await make_user(database)
    await enrolled(resources, third, course)
    await withdrawn(resources, third, course)
    payload = await api.change("reviewCourse", third.actor, REVIEW, courseId=course.id, rating=2)
    # 5 / 3, rounded here and nowhere before.
    assert payload["course"] == {"rating": 1.67, "ratingCount": 3}
    answer = (await api(COURSE, staff.student.actor, id=course.id, first=2))["course"]
    assert answer["ratingHistogram"] == [
        {"stars": 1, "count": 1},
        {"stars": 2, "count": 2},
        *({"stars": stars, "count": 0} for stars in (3, 4, 5)),
    ]
    assert answer["viewerReview"]["rating"] == 1
    assert [node["id"] for node in answer["reviews"]["nodes"]] == [
        review_id(course, third),
        review_id(course, other),
    ]
    after = answer["reviews"]["pageInfo"]["endCursor"]
    rest = (await api(COURSE, other.actor, id=course.id, first=2, after=after))["course"]["reviews"]
    assert [(node["id"], node["isViewers"]) for node in rest["nodes"]] == [
        (review_id(course, staff.student), False)
    ]
    assert not rest["pageInfo"]["hasNextPage"]


async def test_who_had_a_seat_once_and_waits_for_another_may_review(
    api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    await enrolled(resources, staff.student, course)
    await withdrawn(resources, staff.student, course)
    await enrolled(resources, await make_user(database), course)
    await policy(resources, staff.lead, course, capacity=1)
    await enrolled(resources, staff.student, course)
    (row,) = await run(database, "SELECT state FROM enrollments WHERE user_id = $1", staff.student.number)
    assert row["state"] == "waitlisted"
    payload = await api.change("reviewCourse", staff.student.actor, REVIEW, courseId=course.id, rating=4)
    assert payload["course"] == {"rating": 4, "ratingCount": 1}


async def test_who_may_not_review(api: Api, resources: Resources, staff: Staff, database: Database) -> None:
    course = await make_course_of(database, staff)
    draft = await make_course_of(database, staff, published=False, title="Draft")
    await run(
        database,
        "INSERT INTO enrollments (user_id, course_id, state, waitlist_number) VALUES ($1, $2, 'waitlisted', 1)",
        (waiting := await make_user(database)).number,
        course.number,
    )
    document = "mutation ($input: ReviewCourseInput!) { reviewCourse(input: $input) { userErrors { code } } }"
    async with nothing_written(database):
        given: dict[str, Any] = {"courseId": course.id, "rating": 3}
        assert (await api.ask(document, input=given)).codes == ["UNAUTHENTICATED"]
        for user in (staff.student, waiting, staff.stranger, staff.admin, staff.lead, staff.colleague):
            payload = await api.change("reviewCourse", user.actor, **given)
            assert errors(payload) == [("INVALID_STATE", ["courseId"])], user
        for course_id in (draft.id, global_id("Course", 999_999), "x"):
            payload = await api.change("reviewCourse", staff.student.actor, courseId=course_id, rating=3)
            assert errors(payload) == [("NOT_FOUND", ["courseId"])]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": -1}, "rating"),
        ({"rating": 3, "body": "x" * 5_001}, "body"),
        ({"rating": 3, "body": "a\0b"}, "body"),
    ],
)
async def test_reviews_that_cannot_be(
    given: dict[str, Any], field: str, api: Api, resources: Resources, staff: Staff
) -> None:
    database = resources.database
    course = await make_course_of(database, staff)
    await enrolled(resources, staff.student, course)
    async with nothing_written(database):
        payload = await api.change("reviewCourse", staff.student.actor, courseId=course.id, **given)
    assert errors(payload) == [("INVALID_INPUT", [field])]


async def test_removing_and_restoring(
    api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    await enrolled(resources, staff.student, course)
    await api.change("reviewCourse", staff.student.actor, courseId=course.id, rating=5)
    review = review_id(course, staff.student)
    removed = await api.change(
        "removeReview", staff.admin.actor, REVIEW, reviewId=review, reason="Advertising."
    )
    assert removed["course"] == {"rating": None, "ratingCount": 0}
    assert removed["review"]["removalReason"] == "Advertising."
    async with nothing_written(database):
        again = await api.change("removeReview", staff.admin.actor, REVIEW, reviewId=review, reason="Other.")
        assert again == removed
        refused = await api.change("reviewCourse", staff.student.actor, courseId=course.id, rating=1)
        assert errors(refused) == [("INVALID_STATE", ["courseId"])]
    own = (await api(COURSE, staff.student.actor, id=course.id, first=5))["course"]
    assert own["viewerReview"]["removalReason"] == "Advertising."
    assert own["reviews"]["nodes"] == []
    seeing = {"student", "admin"}
    for role in ("nobody", "student", "stranger", "lead", "colleague", "admin"):
        for node in (
            (await api(NODE, staff.actor(role), id=review))["node"],
            (await api(NODES, staff.actor(role), ids=[review]))["nodes"][0],
        ):
            assert (node is not None) == (role in seeing), role
    restored = await api.change("restoreReview", staff.admin.actor, REVIEW, reviewId=review)
    assert restored["course"] == {"rating": 5, "ratingCount": 1}
    assert restored["review"]["removedAt"] is None
    assert (await api(NODE, id=review))["node"]["isViewers"] is False
    await run(database, "UPDATE courses SET status = 'draft' WHERE id = $1", course.number)
    assert (await api(NODE, id=review))["node"] is None
    assert (await api(NODE, staff.lead.actor, id=review))["node"] is not None


@pytest.mark.parametrize("verb", ["removeReview", "restoreReview"])
async def test_removing_is_for_administrators(
    verb: str, api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    await enrolled(resources, staff.student, course)
    await api.change("reviewCourse", staff.student.actor, courseId=course.id, rating=5)
    given = {"reviewId": review_id(course, staff.student)} | (
        {"reason": "Rude."} if verb == "removeReview" else {}
    )
    document = f"mutation ($input: {verb[0].upper()}{verb[1:]}Input!) {{ {verb}(input: $input) {{ userErrors {{ code }} }} }}"
    async with nothing_written(database):
        for role in ("nobody", "student", "lead", "stranger"):
            answer = await api.ask(document, staff.actor(role), input=given)
            assert answer.codes == ["UNAUTHENTICATED" if role == "nobody" else "FORBIDDEN"]
        for wrong in (review_id(course, staff.stranger), course.id, "x"):
            payload = await api.change(verb, staff.admin.actor, **{**given, "reviewId": wrong})
            assert errors(payload) == [("NOT_FOUND", ["reviewId"])]
        if verb == "removeReview":
            for reason in ("", " ", "x" * 501):
                payload = await api.change(verb, staff.admin.actor, **{**given, "reason": reason})
                assert errors(payload) == [("INVALID_INPUT", ["reason"])]


async def test_as_many_statements_for_a_hundred_as_for_one(
    api: Api, staff: Staff, database: Database
) -> None:
    counts = set()
    for number in (1, 100):
        course = await make_course(database, staff.lead.actor)
        await many(database, course, number)
        answer = await api.ask(COURSE, staff.student.actor, id=course.id, first=100)
        assert len(answer.data["course"]["reviews"]["nodes"]) == number
        counts.add(len(answer.statements))
    assert len(counts) == 1
