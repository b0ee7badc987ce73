"""A mutation's edge: its transaction, what becomes of errors, what its payload sees. At a pool of one connection."""

from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, execute, parse

from app.database import Database, Query, Transaction
from app.errors import DomainError, ErrorCode, Forbidden, Unavailable
from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from app.resources import Resources
from app.telemetry import StatementCount, statements
from graphql_schema.binding import bind
from graphql_schema.context import Context, Info
from graphql_schema.edges import edge
from graphql_schema.errors import report
from graphql_schema.identity.types import User
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.permissions import PUBLIC, TEACHER, policy
from tests.factories.catalog import make_course, make_staff, nothing_written, outline
from tests.factories.identity import make_user
from tests.support.api import Answer, Api

_RENAME = Query("UPDATE users SET name = $1 WHERE id = $2", ("name", "id"), {})
_NAME = Query("SELECT name FROM users WHERE id = $1", ("id",), {})
_DEFERRED = (
    "CREATE TEMP TABLE twice (n int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP",
    "INSERT INTO twice VALUES (1), (1)",
)


@strawberry.input
class RenameInput:
    user: int
    name: str = "renamed"
    then: str = ""


@strawberry.type
@policy(PUBLIC)
class RenamePayload:
    user_id: strawberry.Private[int | None] = None
    user: User | None = edge(
        lambda loaders: loaders.identity.user, key="user_id", description="As it now is."
    )
    user_errors: list[UserError] = user_errors()


class Log:
    """What happened, told by the verb of this test."""

    entries: list[str] = []  # noqa: RUF012 - emptied by the fixture


async def rename(
    tx: Transaction,
    context: Context,
    input: RenameInput,  # noqa: A002 - as all verbs
) -> RenamePayload:
    # Loaded before the write: nobody may see this afterwards.
    if input.then != "no statement":
        await context.loaders.identity.user.load(input.user)
        await tx.fetch(_RENAME, name=input.name, id=input.user)

    async def told() -> None:
        Log.entries.append(f"committed {input.name}")

    tx.after_commit(told)
    match input.then:
        case "refuse" | "no statement":
            raise DomainError("No.", code=ErrorCode.CONFLICT, path=("input", "name"))
        case "forbid":
            raise Forbidden
        case "crash":
            raise ZeroDivisionError("a bug")
        case "be busy":
            raise Unavailable("Busy.", retry_after_seconds=3)
        case "fail to commit":
            for text in _DEFERRED:
                await tx.fetch_text(text)
    return RenamePayload(user_id=input.user)


async def _name(info: Info, user: int) -> str:
    rows = await info.context.resources.database.fetch(_NAME, id=user)
    return str(rows[0]["name"])


@strawberry.type
class Query_:  # noqa: N801 - Query is the database's
    name: str = strawberry.field(resolver=_name, metadata={"policy": PUBLIC})


@strawberry.type
class Mutation:
    rename_as_teacher = mutation(rename, policy=TEACHER, description="Renames, for teachers.")
    rename = mutation(rename, policy=PUBLIC, description="Renames.")


SCHEMA = strawberry.Schema(query=Query_, mutation=Mutation)._schema
bind(SCHEMA)


class Edge:
    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    async def ask(self, document: str, actor: Actor = ANONYMOUS) -> Answer:
        counted = StatementCount(keep_texts=True)
        token = statements.set(counted)
        try:
            result: Any = execute(SCHEMA, parse(document), context_value=Context(self.resources, actor))
            if not isinstance(result, ExecutionResult):
                result = await result
        finally:
            statements.reset(token)
        return Answer(result.data, result.errors or [], counted.texts)

    async def rename(self, user: int, then: str = "") -> Answer:
        document = f'{{ rename(input: {{ user: {user}, then: "{then}" }}) {{ user {{ name }} userErrors {{ code message path }} }} }}'
        return await self.ask(f"mutation {document}")


@pytest.fixture
def edge_of_mutations(resources: Resources) -> Edge:
    Log.entries = []
    assert resources.settings.database.pool_size == 1
    return Edge(resources)


async def test_the_payload_sees_what_was_written(edge_of_mutations: Edge, database: Database) -> None:
    user = await make_user(database, name="before")
    answer = await edge_of_mutations.rename(user.number)
    assert answer.errors == []
    assert answer.data == {"rename": {"user": {"name": "renamed"}, "userErrors": []}}
    assert Log.entries == ["committed renamed"]


async def test_an_expected_failure_is_data_and_writes_nothing(
    edge_of_mutations: Edge, database: Database
) -> None:
    user = await make_user(database, name="before")
    async with nothing_written(database):
        answer = await edge_of_mutations.rename(user.number, "refuse")
    assert answer.errors == []
    error = {"code": "CONFLICT", "message": "No.", "path": ["input", "name"]}
    assert answer.data == {"rename": {"user": None, "userErrors": [error]}}
    assert Log.entries == []


@pytest.mark.parametrize(
    ("then", "code", "original"),
    [
        ("forbid", "FORBIDDEN", Forbidden),
        ("crash", "INTERNAL", ZeroDivisionError),
        ("be busy", "UNAVAILABLE", Unavailable),
        ("fail to commit", "INTERNAL", Exception),
    ],
)
async def test_other_failures_are_errors_and_write_nothing(
    edge_of_mutations: Edge, database: Database, then: str, code: str, original: type[Exception]
) -> None:
    user = await make_user(database, name="before")
    async with nothing_written(database):
        answer = await edge_of_mutations.rename(user.number, then)
    assert answer.data == {"rename": None}
    assert [isinstance(error.original_error, original) for error in answer.errors] == [True]
    reported = report(answer.errors, operation="test")
    assert [error["extensions"]["code"] for error in reported.errors] == [code]
    assert "bug" not in str(reported.errors)
    assert Log.entries == []


async def test_nothing_is_opened_for_what_needs_no_statement(
    edge_of_mutations: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def opened(_transaction: Transaction) -> None:
        raise AssertionError("a transaction was opened")

    monkeypatch.setattr(Transaction, "_open", opened)
    answer = await edge_of_mutations.rename(1, "no statement")
    assert answer.data["rename"]["userErrors"][0]["code"] == "CONFLICT"
    assert (answer.statements, answer.audited) == ([], 1)


@pytest.mark.parametrize("then", ["", "refuse", "crash", "forbid", "fail to commit"])
async def test_each_root_field_is_a_transaction(
    edge_of_mutations: Edge, database: Database, then: str
) -> None:
    user = await make_user(database, name="before")
    answer = await edge_of_mutations.ask(
        f"""mutation {{
            a: rename(input: {{ user: {user.number}, name: "first" }}) {{ user {{ name }} }}
            b: rename(input: {{ user: {user.number}, name: "second", then: "{then}" }}) {{ user {{ name }} }}
            c: rename(input: {{ user: {user.number}, name: "third" }}) {{ user {{ name }} }}
        }}"""
    )
    # Each payload is read between the transactions, and each by loaders of its own.
    assert answer.data["a"] == {"user": {"name": "first"}}
    assert answer.data["c"] == {"user": {"name": "third"}}
    second = {"": {"user": {"name": "second"}}, "refuse": {"user": None}}
    assert answer.data["b"] == second.get(then)
    assert Log.entries == [
        "committed first",
        *(["committed second"] if then == "" else []),
        "committed third",
    ]
    assert len(answer.errors) == (then not in {"", "refuse"})


async def test_the_first_stays_when_the_second_fails(edge_of_mutations: Edge, database: Database) -> None:
    user = await make_user(database, name="before")
    await edge_of_mutations.ask(
        f"""mutation {{
            a: rename(input: {{ user: {user.number}, name: "first" }}) {{ user {{ name }} }}
            b: rename(input: {{ user: {user.number}, name: "second", then: "crash" }}) {{ user {{ name }} }}
        }}"""
    )
    rows = await database.fetch(_NAME, id=user.number)
    assert rows[0]["name"] == "first"


async def test_the_policy_comes_before_everything(edge_of_mutations: Edge, database: Database) -> None:
    user = await make_user(database)
    document = f"mutation {{ renameAsTeacher(input: {{ user: {user.number} }}) {{ user {{ name }} }} }}"
    async with nothing_written(database):
        for actor, code in ((ANONYMOUS, "UNAUTHENTICATED"), (user.actor, "FORBIDDEN")):
            answer = await edge_of_mutations.ask(document, actor)
            assert answer.data == {"renameAsTeacher": None}
            assert [(error.extensions or {})["code"] for error in answer.errors] == [code]
            assert (answer.statements, answer.audited) == ([], 1)
    teacher = await make_user(database, Role.INSTRUCTOR)
    answer = await edge_of_mutations.ask(document, teacher.actor)
    assert answer.data == {"renameAsTeacher": {"user": {"name": "renamed"}}}


async def test_several_mutations_build_a_course(api: Api, database: Database) -> None:
    staff = await make_staff(database)
    course = await make_course(database, staff.lead.actor, lessons=(1,), published=False)
    answer = await api.ask(
        f"""mutation {{
            publish: publishCourse(input: {{ courseId: "{course.id}" }}) {{ course {{ status }} }}
            empty: removeLesson(input: {{ lessonId: "{course.lessons[0]}" }}) {{ module {{ id }} userErrors {{ code }} }}
            add: addLesson(input: {{ moduleId: "{course.modules[0]}", title: "Q", kind: QUIZ }}) {{
                lesson {{ position course {{ status lessonCount }} }} }}
            remove: removeLesson(input: {{ lessonId: "{course.lessons[0]}" }}) {{
                module {{ course {{ lessonCount }} }} userErrors {{ code }} }}
        }}""",
        staff.lead.actor,
    )
    assert answer.errors == []
    assert answer.data == {
        "publish": {"course": {"status": "PUBLISHED"}},
        "empty": {"module": None, "userErrors": [{"code": "INVALID_STATE"}]},
        "add": {"lesson": {"position": 2, "course": {"status": "PUBLISHED", "lessonCount": 2}}},
        "remove": {"module": {"course": {"lessonCount": 1}}, "userErrors": []},
    }
    assert (await outline(database, course.number)).flaws == []
