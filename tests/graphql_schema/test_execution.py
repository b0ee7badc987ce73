import asyncio

import pytest
from graphql import GraphQLError

from graphql_schema.execution import Operations
from tests.graphql_schema.toy_schema import TOY_SCHEMA, ToyContext, documents


async def run(
    text: str,
    *,
    operation_name: str | None = None,
    context: ToyContext | None = None,
    seconds: float = 5,
    **variables,
):
    operation = documents().prepare(text).operation(operation_name)
    operations = Operations(TOY_SCHEMA, timeout=seconds, hide_suggestions=True)
    return await operations.execute(operation, variables=variables, context=context or ToyContext())


async def test_a_query_without_waiting():
    execution = await run('{ whoami greet(name: "you") }', context=ToyContext("Ada"))

    assert execution.data == {"whoami": "Ada", "greet": "Hello, you, easy!"}
    assert execution.errors == []
    assert execution.began


async def test_interfaces_enums_fragments_and_waiting_fields():
    execution = await run(
        "query Q($n: Int!, $level: Level) { courses(first: $n) { nodes { ...C } } greet(level: $level) "
        'nodes(ids: ["7"]) { __typename id ... on Course { level } } } '
        "fragment C on Course { id instructor { name } }",
        n=2,
        level="HARD",
    )

    assert execution.errors == []
    assert execution.data == {
        "courses": {"nodes": [{"id": str(n), "instructor": {"name": "Ada"}} for n in range(2)]},
        "greet": "Hello, world, hard!",
        "nodes": [{"__typename": "Course", "id": "7", "level": "EASY"}],
    }


async def test_the_named_operation_runs():
    execution = await run('query A { greet(name: "A") } query B { greet(name: "B") }', operation_name="B")

    assert execution.data == {"greet": "Hello, B, easy!"}


async def test_mutations_run_one_after_the_other():
    context = ToyContext()
    await run('mutation { a: write(what: "a") { done } b: write(what: "b") { done } }', context=context)

    assert context.written == ["a", "a done", "b", "b done"]


@pytest.mark.parametrize(
    ("definition", "variables"),
    [
        ("$name: String!", {}),
        ("$name: String!", {"name": None}),
        ("$name: String!", {"name": 1}),
        ("$name: String!", {"name": ["a"]}),
    ],
)
async def test_bad_variables_start_nothing(definition, variables):
    execution = await run(f"query Q({definition}) {{ greet(name: $name) }}", **variables)

    assert not execution.began
    assert execution.data is None
    assert "$name" in execution.errors[0].message


async def test_bad_variables_suggest_nothing():
    execution = await run("query Q($level: Level!) { greet(level: $level) }", level="EAZY")

    assert "Did you mean" not in execution.errors[0].message


async def test_an_operation_that_takes_too_long_is_stopped():
    before = asyncio.all_tasks()
    execution = await run("{ slow whoami }", seconds=0.05)

    assert execution.data is None
    assert [error.extensions for error in execution.errors] == [{"code": "TIMEOUT"}]
    assert asyncio.all_tasks() == before


async def test_the_caller_s_own_cancellation_is_not_a_timeout():
    task = asyncio.create_task(run("{ slow }"))
    await asyncio.sleep(0.01)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_errors_leave_the_siblings_alone():
    execution = await run("{ bug whoami }")

    assert execution.data == {"bug": None, "whoami": "nobody"}
    (error,) = execution.errors
    assert isinstance(error, GraphQLError)
    assert error.path == ["bug"]


async def test_a_thousand_waiting_fields_of_one_list():
    execution = await run("{ courses(first: 1000) { nodes { instructor { name } } } }")

    assert execution.data is not None
    assert len(execution.data["courses"]["nodes"]) == 1000
