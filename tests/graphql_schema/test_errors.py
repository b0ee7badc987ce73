import logging

import pytest

from app.telemetry import request_id
from graphql_schema.errors import INTERNAL_MESSAGE, Outcome, report
from tests.graphql_schema.test_execution import run


async def reported(text: str, **variables):
    execution = await run(text, **variables)
    return report(execution.errors, operation="query:test", ran=execution.began)


@pytest.fixture(autouse=True)
def identified():
    token = request_id.set("request-1234")
    yield
    request_id.reset(token)


@pytest.mark.parametrize(
    ("field", "message", "extensions", "outcome"),
    [
        ("forbidden", "You may not do this.", {"code": "FORBIDDEN"}, Outcome.GRAPHQL_ERROR),
        ("missing", "There is no such thing.", {"code": "NOT_FOUND"}, Outcome.GRAPHQL_ERROR),
        ("spoken", "Said on purpose.", {"code": "BAD_USER_INPUT"}, Outcome.GRAPHQL_ERROR),
        ("coded", "Sign in first.", {"code": "UNAUTHENTICATED"}, Outcome.GRAPHQL_ERROR),
        (
            "unavailable",
            "The database is busy.",
            {"code": "UNAVAILABLE", "retryAfterSeconds": 3},
            Outcome.UNAVAILABLE,
        ),
        (
            "limited",
            "Too many attempts. Please try again in 42 seconds.",
            {"code": "RATE_LIMITED", "retryAfterSeconds": 42},
            Outcome.GRAPHQL_ERROR,
        ),
    ],
)
async def test_expected_errors_are_shown(caplog, field, message, extensions, outcome):
    result = await reported(f"{{ {field} }}")

    assert result.errors == [
        {
            "message": message,
            "extensions": extensions,
            "locations": [{"line": 1, "column": 3}],
            "path": [field],
        }
    ]
    assert result.outcome is outcome
    assert not caplog.records


@pytest.mark.parametrize("field", ["bug", "overflowing", "required"])
async def test_bugs_are_masked_and_logged_once(caplog, field):
    result = await reported(f"{{ {field} }}")

    assert result.errors == [
        {
            "message": INTERNAL_MESSAGE,
            "extensions": {"code": "INTERNAL", "requestId": "request-1234"},
            "locations": [{"line": 1, "column": 3}],
            "path": [field],
        }
    ]
    assert result.outcome is Outcome.INTERNAL
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("lectern.graphql", logging.ERROR)
    assert "request-1234" in record.getMessage()
    assert record.context["path"] == field
    assert record.exc_info


async def test_the_log_holds_what_the_client_does_not_see(caplog):
    result = await reported("{ bug }")

    assert "a secret" not in str(result.errors)
    assert "a secret" in caplog.text


async def test_one_bug_in_many_objects_is_one_line(caplog):
    result = await reported("{ courses(first: 50) { nodes { broken } } bug }")

    assert len(result.errors) == 51
    assert len(caplog.records) == 2


async def test_the_worst_error_decides():
    assert (await reported("{ forbidden unavailable }")).outcome is Outcome.UNAVAILABLE
    assert (await reported("{ bug unavailable forbidden }")).outcome is Outcome.INTERNAL
    assert (await reported("{ whoami }")).outcome is Outcome.OK


async def test_an_argument_without_its_variable_is_the_client_s_error():
    result = await reported("query Q($n: Int) { featured(first: $n) { id } }", n=None)

    assert result.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "first" in result.errors[0]["message"]


async def test_bad_variables_are_the_client_s_error():
    result = await reported("query Q($n: Int!) { featured(first: $n) { id } }", n="many")

    assert [error["extensions"] for error in result.errors] == [{"code": "BAD_USER_INPUT"}]
    assert "'many'" in result.errors[0]["message"]


async def test_a_timeout_is_its_own_outcome():
    execution = await run("{ slow }", seconds=0.01)

    assert report(execution.errors, operation="query:slow").outcome is Outcome.TIMEOUT
