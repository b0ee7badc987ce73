"""Demo data of `lectern dev`: our own courses and invented people. `lectern serve` never loads it."""

from datetime import UTC, datetime

from app.asgi.ide import DemoLogin
from app.catalog import service
from app.catalog.models import CourseStatus
from app.catalog.service import LessonContent, VideoContent
from app.cli.demo import data_courses, everyday_courses, work_courses
from app.cli.demo.content import DemoCourse
from app.cli.demo.learners import Taught, add_learners, months_of
from app.cli.demo.people import ADMIN, AMARA, JONAS, MEI, PASSWORD, PEOPLE, SHOWN, Person
from app.database import Database, Transaction
from app.identity import addresses, passwords, reads
from app.identity.actor import Actor
from app.identity.errors import EmailTaken
from app.identity.models import Role
from app.identity.service import accounts as identity
from app.partitions import make_partitions_of

COURSES: tuple[tuple[Person, tuple[DemoCourse, ...]], ...] = (
    (MEI, data_courses.COURSES),
    (JONAS, everyday_courses.COURSES),
    (AMARA, work_courses.COURSES),
)
_SET_PASSWORDS = "UPDATE users SET password_hash = $2 WHERE id = ANY($1::bigint[])"
# What no service sets: a past.
_SET_PAST = """
UPDATE courses SET skills = $2, created_at = now() - make_interval(days => $3 + 20),
    published_at = CASE WHEN status <> 'draft' THEN now() - make_interval(days => $3) END WHERE id = $1"""


async def load_demo_data(database: Database) -> list[DemoLogin]:
    """Loads everything in one transaction; where it is there already, it costs one SELECT. Returns logins to offer."""
    if await reads.verified_user_by_email_key(database, addresses.email_key(ADMIN.email)) is None:
        # One hash for all: hashing thirty-four passwords would take longer than everything else.
        password_hash = await passwords.hashed(PASSWORD)
        today = datetime.now(UTC)
        months = months_of([course for _, courses in COURSES for course in courses], today)
        await make_partitions_of(database, "enrollment_events", months)
        try:
            async with database.transaction() as tx:
                await _load(tx, password_hash, today)
        except EmailTaken:
            # Another start of this moment was faster, or somebody registered with a demo address: either way the
            # database is in use, and nothing was changed.
            pass
    return [DemoLogin(person.name, person.email, PASSWORD, person.role) for person in SHOWN]


async def _load(tx: Transaction, password_hash: str, today: datetime) -> None:
    ids: dict[Person, int] = {}
    for person in PEOPLE:
        account = await identity.create_user(
            tx, email=person.email, name=person.name, role=person.role, password=None
        )
        ids[person] = account["id"]
    await tx.fetch_text(_SET_PASSWORDS, list(ids.values()), password_hash)
    taught = [
        Taught(await _add_course(tx, Actor(ids[teacher], teacher.role), course), course)
        for teacher, courses in COURSES
        for course in courses
    ]
    students = [ids[person] for person in PEOPLE if person.role is Role.STUDENT]
    await add_learners(tx, students, taught, today)


async def _add_course(tx: Transaction, teacher: Actor, course: DemoCourse) -> int:
    course_id = await service.create_course(
        tx,
        teacher,
        title=course.title,
        description=course.description,
        category=course.category,
        level=course.level,
        language=course.language,
    )
    first = True
    for module in course.modules:
        module_id = await service.add_module(tx, teacher, course_id=course_id, title=module.title)
        for lesson in module.lessons:
            content = LessonContent(
                title=lesson.title,
                body=lesson.body,
                external_url=lesson.external_url,
                video=None if lesson.minutes is None else VideoContent(lesson.minutes * 60),
                is_preview=first,
            )
            await service.add_lesson(tx, teacher, module_id=module_id, kind=lesson.kind, content=content)
            first = False
    if course.status is not CourseStatus.DRAFT:
        await service.publish_course(tx, teacher, course_id=course_id)
    if course.featured:
        await service.set_course_featured(tx, teacher, course_id=course_id, featured=True)
    if course.status is CourseStatus.ARCHIVED:
        await service.archive_course(tx, teacher, course_id=course_id)
    await tx.fetch_text(_SET_PAST, course_id, list(course.skills), course.days_ago)
    return course_id
