"""Making, changing, publishing, archiving and featuring courses; who teaches them."""

import strawberry

from app.catalog import service
from app.catalog.models import CourseLevel
from app.database import Transaction
from app.errors import DomainError
from graphql_schema.catalog.payloads import CoursePayload
from graphql_schema.context import Context
from graphql_schema.mutation import mutation
from graphql_schema.node import required_number
from graphql_schema.permissions import ADMINISTRATOR, TEACHER

_COURSE_ID = "The course."
_VERSION = "The version you last saw; when it is no longer that, nothing is changed and you get CONFLICT."


@strawberry.input(description="A new course.")
class CreateCourseInput:
    title: str = strawberry.field(description="1 to 200 characters.")
    description: str = strawberry.field(default="", description="Plain text, up to 10,000 characters.")
    category: str | None = strawberry.field(
        default=None, description="The subject area, up to 100 characters."
    )
    level: CourseLevel | None = strawberry.field(default=None, description="What it expects of its learners.")
    language: str | None = strawberry.field(
        default=None, description="BCP 47 tag, such as en or pt-BR, at most 60 characters."
    )


@strawberry.input(description="Changes of a course; what is left out stays as it is.")
class UpdateCourseInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)
    expected_version: int = strawberry.field(description=_VERSION)
    title: str | None = strawberry.field(default=strawberry.UNSET, description="1 to 200 characters.")
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="Up to 10,000 characters."
    )
    category: str | None = strawberry.field(default=strawberry.UNSET, description="Null takes it away.")
    level: CourseLevel | None = strawberry.field(default=strawberry.UNSET, description="Null takes it away.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description="Null takes it away.")


@strawberry.input(description="The course to publish.")
class PublishCourseInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)


@strawberry.input(description="The course to take back into draft.")
class UnpublishCourseInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)


@strawberry.input(description="The course to archive.")
class ArchiveCourseInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)


@strawberry.input(description="A course to put forward, or not any more.")
class SetCourseFeaturedInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)
    featured: bool = strawberry.field(description="Whether it is to be featured.")


@strawberry.input(description="Somebody who is to teach a course.")
class AddCourseInstructorInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)
    user_id: strawberry.ID = strawberry.field(description="An instructor or administrator.")


@strawberry.input(description="Somebody who is to teach a course no longer.")
class RemoveCourseInstructorInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)
    user_id: strawberry.ID = strawberry.field(description="Anybody who teaches it but its lead.")


@strawberry.type(description="The new course.")
class CreateCoursePayload(CoursePayload):
    pass


@strawberry.type(description="The changed course.")
class UpdateCoursePayload(CoursePayload):
    pass


@strawberry.type(description="The published course.")
class PublishCoursePayload(CoursePayload):
    pass


@strawberry.type(description="The course, a draft again.")
class UnpublishCoursePayload(CoursePayload):
    pass


@strawberry.type(description="The archived course.")
class ArchiveCoursePayload(CoursePayload):
    pass


@strawberry.type(description="The course, featured or not.")
class SetCourseFeaturedPayload(CoursePayload):
    pass


@strawberry.type(description="The course with its instructors.")
class AddCourseInstructorPayload(CoursePayload):
    pass


@strawberry.type(description="The course with its instructors.")
class RemoveCourseInstructorPayload(CoursePayload):
    pass


async def create_course(tx: Transaction, context: Context, input: CreateCourseInput) -> CreateCoursePayload:
    course_id = await service.create_course(
        tx,
        context.actor,
        title=input.title,
        description=input.description,
        category=input.category,
        level=input.level,
        language=input.language,
    )
    return CreateCoursePayload(course_id=course_id)


async def update_course(tx: Transaction, context: Context, input: UpdateCourseInput) -> UpdateCoursePayload:
    course_id = required_number("Course", input.course_id, "courseId")
    given = {name: getattr(input, name) for name in ("title", "description", "category", "level", "language")}
    changes = {name: value for name, value in given.items() if value is not strawberry.UNSET}
    if changes.get("title", "") is None:
        raise DomainError("A course keeps a title.", path=("input", "title"))
    await service.update_course(
        tx, context.actor, course_id=course_id, expected_version=input.expected_version, changes=changes
    )
    return UpdateCoursePayload(course_id=course_id)


async def publish_course(
    tx: Transaction, context: Context, input: PublishCourseInput
) -> PublishCoursePayload:
    course_id = required_number("Course", input.course_id, "courseId")
    await service.publish_course(tx, context.actor, course_id=course_id)
    return PublishCoursePayload(course_id=course_id)


async def unpublish_course(
    tx: Transaction, context: Context, input: UnpublishCourseInput
) -> UnpublishCoursePayload:
    course_id = required_number("Course", input.course_id, "courseId")
    await service.unpublish_course(tx, context.actor, course_id=course_id)
    return UnpublishCoursePayload(course_id=course_id)


async def archive_course(
    tx: Transaction, context: Context, input: ArchiveCourseInput
) -> ArchiveCoursePayload:
    course_id = required_number("Course", input.course_id, "courseId")
    await service.archive_course(tx, context.actor, course_id=course_id)
    return ArchiveCoursePayload(course_id=course_id)


async def set_course_featured(
    tx: Transaction, context: Context, input: SetCourseFeaturedInput
) -> SetCourseFeaturedPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    await service.set_course_featured(tx, context.actor, course_id=course_id, featured=input.featured)
    return SetCourseFeaturedPayload(course_id=course_id)


async def add_course_instructor(
    tx: Transaction, context: Context, input: AddCourseInstructorInput
) -> AddCourseInstructorPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    user_id = required_number("User", input.user_id, "userId")
    await service.add_course_instructor(
        tx, context.resources.notifier, context.actor, course_id=course_id, user_id=user_id
    )
    return AddCourseInstructorPayload(course_id=course_id)


async def remove_course_instructor(
    tx: Transaction, context: Context, input: RemoveCourseInstructorInput
) -> RemoveCourseInstructorPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    user_id = required_number("User", input.user_id, "userId")
    await service.remove_course_instructor(
        tx, context.resources.notifier, context.actor, course_id=course_id, user_id=user_id
    )
    return RemoveCourseInstructorPayload(course_id=course_id)


@strawberry.type
class CourseMutations:
    create_course = mutation(
        create_course, policy=TEACHER, description="Makes a draft that the caller leads."
    )
    update_course = mutation(
        update_course, policy=TEACHER, description="Changes a course's details. For its instructors."
    )
    publish_course = mutation(
        publish_course,
        policy=TEACHER,
        description="Puts a draft, or an archived course, into the catalogue; it needs a lesson. For its instructors.",
    )
    unpublish_course = mutation(
        unpublish_course,
        policy=TEACHER,
        description="Takes a published course back into draft. For its instructors.",
    )
    archive_course = mutation(
        archive_course,
        policy=TEACHER,
        description="Takes a published course out of every list. For its instructors.",
    )
    set_course_featured = mutation(
        set_course_featured,
        policy=ADMINISTRATOR,
        description="Puts a published course forward. For administrators.",
    )
    add_course_instructor = mutation(
        add_course_instructor,
        policy=TEACHER,
        description="Lets somebody teach a course. For its instructors.",
    )
    remove_course_instructor = mutation(
        remove_course_instructor,
        policy=TEACHER,
        description="Takes somebody off a course. For its instructors.",
    )
