"""GraphQL over HTTP as clients rely on it. The audits of graphql-http ask the same; these run without Node."""

import logging

import httpx
import orjson
import pytest

from app.telemetry import Metrics
from tests.factories.catalog import run
from tests.factories.identity import make_user

MODERN = "application/graphql-response+json"
LEGACY = "application/json"


async def get(toy, query: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=toy.url) as client:
        return await client.request(method, "/graphql", params={"query": query}, headers=headers)


def codes(answer: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [(MODERN, MODERN), (LEGACY, LEGACY), ("*/*", LEGACY), (f"{MODERN}, {LEGACY};q=0.9", MODERN)],
)
async def test_the_answer_s_type_is_what_was_accepted(toy, accept, answered):
    answer = await toy.post("{ __typename }", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{answered}; charset=utf-8"
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_a_client_that_takes_neither_type_is_refused_before_anything_runs(toy):
    contexts = len(toy.contexts)
    answer = await toy.post("mutation { write { done } }", headers={"Accept": "text/html"})

    assert (answer.status_code, codes(answer)) == (406, ["NOT_ACCEPTABLE"])
    assert len(toy.contexts) == contexts


async def test_utf_8_goes_in_and_comes_out(toy):
    answer = await toy.post('{ greet(name: "Run🏃Swim🏊") }')

    assert answer.content.decode() == '{"data":{"greet":"Hello, Run🏃Swim🏊, easy!"}}'


REFUSALS = {
    "parse": ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    "validation": ({"query": "{ 8f31403d }"}, "GRAPHQL_PARSE_FAILED"),
    "unknown field": ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
    "depth": ({"query": "{ nope " * 13 + "}" * 13}, "LIMIT_EXCEEDED"),
    "nodes": (
        {"query": "query Q($n: Int!) { courses(first: $n) { nodes { id } } }", "variables": {"n": 1001}},
        "LIMIT_EXCEEDED",
    ),
    "variable missing": ({"query": "query Q($id: ID!) { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
    "variable null": (
        {"query": "query Q($n: Int!) { featured(first: $n) { id } }", "variables": {"n": None}},
        "BAD_USER_INPUT",
    ),
    "variable of another type": (
        {"query": "query Q($n: Int!) { featured(first: $n) { id } }", "variables": {"n": 1.5}},
        "BAD_USER_INPUT",
    ),
}


@pytest.mark.parametrize(("parameters", "code"), REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize(("accept", "status"), [(MODERN, 400), (LEGACY, 200)])
async def test_refused_documents_have_no_data(toy, parameters, code, accept, status):
    answer = await toy.post(**parameters, headers={"Accept": accept})

    assert (answer.status_code, codes(answer)) == (status, [code])
    assert answer.json().keys() == {"errors"}
    assert answer.headers["content-type"].startswith(accept)


@pytest.mark.parametrize("accept", [MODERN, LEGACY])
@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("query A { whoami } query B { whoami }", None),
        ("query A { whoami }", "B"),
        ("query A { whoami } mutation B { write { done } }", "C"),
    ],
)
async def test_an_undetermined_operation_is_400_for_everybody(toy, accept, query, name):
    answer = await toy.post(query, operationName=name, headers={"Accept": accept})

    assert (answer.status_code, codes(answer)) == (400, ["OPERATION_NOT_DETERMINED"])


async def test_get_runs_queries(toy):
    answer = await get(toy, "{ __typename }")

    assert (answer.status_code, answer.json()) == (200, {"data": {"__typename": "Query"}})


async def test_head_is_get_without_a_body(toy):
    full = await get(toy, "{ __typename }")
    answer = await get(toy, "{ __typename }", "HEAD")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == full.headers["content-length"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_get_changes_nothing(toy, method):
    answer = await get(toy, "mutation { write { done } }", method)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert toy.contexts[-1].written == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "QUERY"])
async def test_other_methods(toy, method):
    answer = await get(toy, "{ __typename }", method)

    assert (answer.status_code, codes(answer)) == (405, ["METHOD_NOT_ALLOWED"])
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"


async def test_options_says_what_is_allowed(toy):
    answer = await get(toy, "", "OPTIONS")

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"


async def test_a_subscription_needs_a_socket(toy):
    answer = await toy.post("subscription { ticks }")

    assert answer.status_code == 400
    assert "WebSocket" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("accept", [MODERN, LEGACY])
async def test_a_field_that_fails_leaves_the_rest(toy, accept):
    answer = await toy.post("{ forbidden greet }", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.json()["data"] == {"forbidden": None, "greet": "Hello, world, easy!"}
    assert codes(answer) == ["FORBIDDEN"]


async def test_a_bug_is_masked_with_the_request_s_id(toy, caplog):
    answer = await toy.post("{ bug }", headers={"X-Request-Id": "trace-me-please"})

    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "trace-me-please"}
    assert "secret" not in answer.text
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("lectern.graphql", logging.ERROR)
    assert record.context["requestId"] == answer.headers["x-request-id"] == "trace-me-please"


async def test_a_bug_before_the_operation_is_masked_too(toy, caplog):
    answer = await toy.post(
        "{ whoami }", headers={"Authorization": "Bearer bug", "X-Request-Id": "trace-me-too"}
    )

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"] == {"code": "INTERNAL", "requestId": "trace-me-too"}
    assert "secret" not in answer.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("query", ["{ whoami }", "{", "mutation { write { done } }"])
async def test_a_token_that_proves_nothing_is_never_anonymous(toy, query):
    answer = await toy.post(query, headers={"Authorization": "Bearer expired"})

    assert (answer.status_code, codes(answer)) == (401, ["UNAUTHENTICATED"])
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_token_that_outlived_its_account_is_refused_like_any_that_has_ended(server, client):
    database = server.resources.database
    user = await make_user(database)
    token = server.resources.access_tokens.issue(user.number, user.role)
    headers = {"Authorization": f"Bearer {token.token}"}
    await run(database, "DELETE FROM users WHERE id = $1", user.number)
    rename = 'updateProfile(input: {name: "Ann"}) { user { id } }'

    answer = await client.post("/graphql", json={"query": f"mutation {{ {rename} }}"}, headers=headers)
    assert (answer.status_code, codes(answer)) == (401, ["UNAUTHENTICATED"])
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert "data" not in answer.json()

    # A 401 says that nothing ran: not beside something that did.
    both = f"mutation {{ logout(input: {{everywhere: true}}) {{ session {{ id }} }} {rename} }}"
    answer = await client.post("/graphql", json={"query": both}, headers=headers)
    assert (answer.status_code, codes(answer)) == (200, ["UNAUTHENTICATED"])
    assert answer.json()["data"] == {"logout": {"session": None}, "updateProfile": None}


async def test_a_context_may_be_awaited(toy):
    assert (await toy.post("{ whoami }", headers={"Authorization": "Bearer async"})).json()["data"]


async def test_no_connection_for_the_context_is_503(toy):
    answer = await toy.post("{ whoami }", headers={"Authorization": "Bearer busy"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfterSeconds": 2}


async def test_unavailable_without_any_answer_is_503(toy):
    answer = await toy.post("{ unavailable missing }")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.json()["data"] is None
    assert set(codes(answer)) == {"UNAVAILABLE", "NOT_FOUND"}


async def test_unavailable_beside_an_answer_is_200(toy):
    answer = await toy.post("{ unavailable whoami }")

    assert answer.status_code == 200
    assert answer.json()["data"] == {"unavailable": None, "whoami": "127.0.0.1"}
    assert codes(answer) == ["UNAVAILABLE"]


async def test_an_operation_past_its_deadline_is_504(toy):
    answer = await toy.post("{ slow }")

    assert (answer.status_code, codes(answer)) == (504, ["TIMEOUT"])
    assert toy.counted("query:slow", "timeout") == 1


async def test_every_answer_carries_the_safe_headers(toy):
    for answer in (await toy.post("{ whoami }"), await toy.post("{"), await get(toy, "", "PUT")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.headers["x-request-id"]) == 24


async def test_the_client_s_address_comes_through_a_trusted_proxy(toy):
    answer = await toy.post("{ whoami }", headers={"X-Forwarded-For": "1.1.1.1, 198.51.100.7"})

    assert answer.json()["data"] == {"whoami": "198.51.100.7"}


@pytest.mark.parametrize(
    ("query", "operation", "outcome"),
    [
        ("{ greet }", "query:greet", "ok"),
        ("mutation { write { done } }", "mutation:write", "ok"),
        ("mutation { refuse { userErrors { message } } }", "mutation:refuse", "user_error"),
        ("{ missing }", "query:missing", "graphql_error"),
        ("{ overflowing }", "query:overflowing", "internal"),
        ("query Q($n: Int!) { featured(first: $n) { id } }", "query:featured", "rejected"),
        ("{ nope }", "none", "rejected"),
        ("", "none", "bad_request"),
    ],
)
async def test_outcomes_are_counted(toy, query, operation, outcome):
    before = toy.counted(operation, outcome)
    await toy.post(query)

    assert toy.counted(operation, outcome) == before + 1


def series(metrics: Metrics) -> int:
    return sum(len(family.samples) for family in metrics.registry.collect())


async def test_a_thousand_operation_names_make_no_series(toy):
    await toy.post("{ greet }")
    await toy.post("{ nope }")
    before = series(toy.metrics)
    async with httpx.AsyncClient(base_url=toy.url) as client:
        for number in range(1000):
            query = (
                f"query Name{number} {{ greet }}" if number % 2 else f"query Name{number} {{ nope{number} }}"
            )
            await client.post("/graphql", json={"query": query, "operationName": f"Name{number}"})

    assert series(toy.metrics) == before
    assert toy.counted("query:greet", "ok") >= 501


async def test_a_keep_alive_connection_serves_many_requests_after_refusals(toy):
    async with httpx.AsyncClient(base_url=toy.url) as client:
        for body in (b"[", b'{"query": "{"}', b'{"query": "{ whoami }"}') * 5:
            answer = await client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in {200, 400}

    assert orjson.loads(answer.content) == {"data": {"whoami": "127.0.0.1"}}
