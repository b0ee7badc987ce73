"""What learning adds to the catalogue's types. Types of learning itself are named lazily: they name the catalogue's."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

import graphql_schema.learning.enums  # noqa: F401 - makes the domain's enums part of the schema
from app.catalog.models import LessonKind
from app.learning.completion_rules import RULES, CompletionRule
from app.learning.models import EnrollmentState
from app.learning.reads import INVITATION_CURSOR, OF_COURSE_CURSOR, REVIEW_CURSOR, LearnersPage
from graphql_schema.edges import connection_edge, edge, loaded
from graphql_schema.fields import computed
from graphql_schema.node import number_of
from graphql_schema.pagination import AfterArgument, FirstArgument
from graphql_schema.permissions import PUBLIC, policy
from loaders.learning import PlaybackKey

CohortReference = Annotated["Cohort", strawberry.lazy("graphql_schema.learning.types.cohorts")]  # type: ignore[name-defined] # noqa: F821
InvitationPage = Annotated[
    "InvitationConnection",  # type: ignore[name-defined] # noqa: F821
    strawberry.lazy("graphql_schema.learning.types.invitations"),
]
_ENROLLMENTS = strawberry.lazy("graphql_schema.learning.types.enrollments")
EnrollmentReference = Annotated["Enrollment", _ENROLLMENTS]  # type: ignore[name-defined] # noqa: F821
EnrollmentPage = Annotated["EnrollmentConnection", _ENROLLMENTS]  # type: ignore[name-defined] # noqa: F821
SummaryReference = Annotated[
    "EnrollmentSummary",  # type: ignore[name-defined] # noqa: F821
    strawberry.lazy("graphql_schema.learning.types.enrollment_summary"),
]
PolicyReference = Annotated["EnrollmentPolicy", _ENROLLMENTS]  # type: ignore[name-defined] # noqa: F821
CourseReference = Annotated["Course", strawberry.lazy("graphql_schema.catalog.types")]  # type: ignore[name-defined] # noqa: F821
StateArgument = Annotated[
    EnrollmentState | None, strawberry.argument(description="Those in this state alone.")
]
CohortArgument = Annotated[
    strawberry.ID | None, strawberry.argument(description="Members of this cohort of the course alone.")
]
LessonProgressReference = Annotated[
    "LessonProgress",  # type: ignore[name-defined] # noqa: F821
    strawberry.lazy("graphql_schema.learning.types.lesson_progress"),
]
_REVIEWS = strawberry.lazy("graphql_schema.learning.types.reviews")
ReviewReference = Annotated["CourseReview", _REVIEWS]  # type: ignore[name-defined] # noqa: F821
ReviewPage = Annotated["CourseReviewConnection", _REVIEWS]  # type: ignore[name-defined] # noqa: F821
RatingReference = Annotated["RatingCount", _REVIEWS]  # type: ignore[name-defined] # noqa: F821
_PREREQUISITES = 2  # for the node limit: most courses have none
_NO_COHORT = 0
_COHORTS = 5  # for the node limit: groups of an ordinary course


def _invitation_of() -> Any:
    # That module names the catalogue's types, which are made with this one.
    from graphql_schema.learning.types.invitations import Invitation  # noqa: PLC0415

    return Invitation.of


def _review_of() -> Any:
    from graphql_schema.learning.types.reviews import CourseReview  # noqa: PLC0415

    return CourseReview.of


def _histogram_of(row: Any) -> Any:
    from graphql_schema.learning.types.reviews import RatingCount  # noqa: PLC0415

    return RatingCount.of_histogram(row["rating_histogram"])


def _enrollment_of() -> Any:
    from graphql_schema.learning.types.enrollments import Enrollment  # noqa: PLC0415

    return Enrollment.of


# Read by Strawberry for the signature: see `connection_edge`.
async def _enrollment_arguments(  # type: ignore[no-untyped-def]  # noqa: ANN202
    first: FirstArgument,  # noqa: ARG001
    after: AfterArgument = None,  # noqa: ARG001
    state: StateArgument = None,  # noqa: ARG001
    cohort_id: CohortArgument = None,  # noqa: ARG001
):
    raise RuntimeError("binding.py has not run")


def _page(first: int, after: Any, given: Mapping[str, Any]) -> LearnersPage:
    state, cohort = given.get("state"), given.get("cohortId")
    return LearnersPage(
        first,
        after,
        None if state is None else EnrollmentState(state),
        # An id of no cohort finds nothing, as that of another course's does.
        None if cohort is None else number_of("Cohort", cohort) or _NO_COHORT,
    )


@strawberry.type
@policy(PUBLIC)
class LearningCourse:
    """What learning puts into `Course`."""

    course_id: strawberry.Private[int]
    viewer_enrollment: EnrollmentReference | None = edge(
        lambda loaders: loaders.learning.viewer_enrollment,
        key="course_id",
        description="The viewer's own enrolment, whatever its state; null when there never was one.",
    )
    enrollments: EnrollmentPage | None = connection_edge(
        lambda loaders: loaders.learning.course_enrollments,
        key="course_id",
        of=_enrollment_of,
        cursor=OF_COURSE_CURSOR,
        description="Its learners, the earliest first. For its instructors and administrators; null for others.",
        gate=lambda loaders: loaders.learning.managed_course,
        arguments=_enrollment_arguments,
        page=_page,
    )
    reviews: ReviewPage = connection_edge(
        lambda loaders: loaders.learning.course_reviews,
        key="course_id",
        of=_review_of,
        cursor=REVIEW_CURSOR,
        description="What its learners think, the latest first.",
    )
    viewer_review: ReviewReference | None = edge(
        lambda loaders: loaders.learning.viewer_review,
        key="course_id",
        description="The viewer's own review, also one that was removed; null when there is none.",
    )
    rating_histogram: list[RatingReference] = loaded(
        lambda loaders: loaders.learning.rating_histogram,
        key="course_id",
        of=_histogram_of,
        description="How often it was given 1, 2, 3, 4 and 5 stars: five entries.",
    )
    enrollment_summary: SummaryReference | None = edge(
        lambda loaders: loaders.learning.enrollment_summary,
        key="course_id",
        description="Its enrolments, counted now. For its instructors and administrators; null for others.",
        gate=lambda loaders: loaders.learning.managed_course,
    )
    enrollment_policy: PolicyReference = edge(
        lambda loaders: loaders.learning.enrollment_policy,
        key="course_id",
        description="Its rules for enrolling.",
    )
    prerequisites: list[CourseReference] = edge(
        lambda loaders: loaders.learning.prerequisites,
        key="course_id",
        description="What is to be completed before one enrols, at most 20; without drafts that the viewer may not see.",
        list_size=_PREREQUISITES,
    )
    cohorts: list[CohortReference] | None = edge(
        lambda loaders: loaders.learning.course_cohorts,
        key="course_id",
        description="Its cohorts by name, at most 100. For its instructors and administrators; null for others.",
        list_size=_COHORTS,
        gate=lambda loaders: loaders.learning.managed_course,
    )
    invitations: InvitationPage | None = connection_edge(
        lambda loaders: loaders.learning.course_invitations,
        key="course_id",
        of=_invitation_of,
        cursor=INVITATION_CURSOR,
        description="Who was invited and has neither enrolled nor declined, in the order of their first invitation. For its "
        "instructors and administrators; null for others.",
        gate=lambda loaders: loaders.learning.managed_course,
    )


@strawberry.type
@policy(PUBLIC)
class LearningLesson:
    """What learning puts into `Lesson`."""

    lesson_id: strawberry.Private[int]
    course_id: strawberry.Private[int]
    completion_rule: CompletionRule = computed(
        lambda lesson: RULES[LessonKind(lesson.kind)], description="What completes it."
    )
    viewer_progress: LessonProgressReference | None = edge(
        lambda loaders: loaders.learning.viewer_standing,
        key="lesson_id",
        description="How far the viewer is with it, and why it is completed or not; null for who never enrolled.",
    )


VideoProgressReference = Annotated[
    "VideoProgress",  # type: ignore[name-defined] # noqa: F821
    strawberry.lazy("graphql_schema.learning.types.video_progress"),
]


PlaybackReference = Annotated[
    "VideoPlayback",  # type: ignore[name-defined] # noqa: F821
    strawberry.lazy("graphql_schema.learning.types.playback"),
]


@strawberry.type
@policy(PUBLIC)
class LearningVideo:
    """What learning puts into `Video`."""

    video_id: strawberry.Private[int]
    playback_key: strawberry.Private[PlaybackKey]
    playback: PlaybackReference | None = edge(
        lambda loaders: loaders.learning.playable_video,
        key="playback_key",
        description="How to play it; null for those who may not see the lesson's content, and while no file was named.",
    )

    viewer_progress: VideoProgressReference | None = edge(
        lambda loaders: loaders.learning.viewer_progress,
        key="video_id",
        description="How far the viewer is in it, as reported a moment ago; null when nothing was, or nobody is signed in.",
    )
