"""Finding courses: what is listed, to whom, in which order, at what cost."""

from app.identity import service as identity
from app.identity.actor import Actor
from app.identity.models import Role
from tests.factories.catalog import make_course
from tests.support.api import Api


async def test_a_published_course_is_found(api: Api) -> None:
    async with api.resources.database.transaction() as tx:
        row = await identity.create_user(
            tx, email="i@example.org", name="Ines", role=Role.INSTRUCTOR, password=None
        )
    actor = Actor(row["id"], Role.INSTRUCTOR)
    course = await make_course(api.resources.database, actor, title="Bread", lessons=(2, 1))
    data = await api(
        "{ courses(first: 5) { nodes { id title lessonCount instructor { name } } totalCount } }"
    )
    assert data == {
        "courses": {
            "nodes": [{"id": course.id, "title": "Bread", "lessonCount": 3, "instructor": {"name": "Ines"}}],
            "totalCount": 1,
        }
    }
