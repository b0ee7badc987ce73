import socket
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.asgi import service_routes
from app.identity.models import Role
from tests.factories.catalog import nothing_written


async def ask(server, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        return await client.get(path)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_alive_asks_nobody(serve, closed_port):
    running = await serve(redis={"url": f"redis://127.0.0.1:{closed_port}"})

    answer = await ask(running, "/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_ready_names_each_dependency_with_its_latency(client):
    answer = await client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    for dependency in ("database", "redis"):
        check = answer.json()["dependencies"][dependency]
        assert check["state"] == "up"
        assert 0 < check["milliseconds"] < 2000


async def test_not_ready_without_redis(serve, closed_port):
    running = await serve(redis={"url": f"redis://127.0.0.1:{closed_port}"})

    answer = await ask(running, "/readyz")

    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    states = {name: check["state"] for name, check in answer.json()["dependencies"].items()}
    assert states == {"database": "up", "redis": "down"}


async def test_not_ready_without_a_free_connection(serve):
    running = await serve(database={"pool_size": 1, "pool_wait": 0.1})
    async with running.resources.database.transaction() as transaction:
        await transaction.fetch_text("SELECT 1")
        answer = await ask(running, "/readyz")

    states = {name: check["state"] for name, check in answer.json()["dependencies"].items()}
    assert (answer.status_code, states) == (503, {"database": "down", "redis": "up"})


async def test_a_dependency_that_hangs_is_down(serve, monkeypatch):
    monkeypatch.setattr(service_routes, "CHECK_TIMEOUT", 0.1)
    running = await serve(database={"pool_size": 1, "pool_wait": 60})
    async with running.resources.database.transaction() as transaction:
        await transaction.fetch_text("SELECT 1")
        answer = await ask(running, "/readyz")

    assert answer.json()["dependencies"]["database"]["state"] == "down"


async def test_metrics_of_a_real_operation(serve):
    running = await serve()
    async with httpx.AsyncClient(base_url=running.url) as client:
        for _ in range(2):
            answer = await client.post("/graphql", json={"query": "{ courses(first: 5) { nodes { id } } }"})
            assert answer.json() == {"data": {"courses": {"nodes": []}}}
        metrics = (await client.get("/metrics")).text

    for line in (
        'lectern_graphql_operations_total{operation="query:courses",outcome="ok"} 2.0',
        'lectern_graphql_operation_seconds_count{operation="query:courses"} 2.0',
        'lectern_graphql_operation_statements_sum{operation="query:courses"} 2.0',
        'lectern_graphql_document_cache_total{result="hit"} 1.0',
        'lectern_graphql_document_cache_total{result="miss"} 1.0',
        "lectern_database_pool_in_use 0.0",
    ):
        assert line in metrics.splitlines()


async def test_keys_are_public_and_nothing_else_is(client):
    answer = await client.get("/.well-known/jwks.json")

    (key,) = answer.json()["keys"]
    assert key["use"] == "sig"
    assert not key.keys() & {"d", "p", "q", "k"}
    assert answer.headers["cache-control"] == "public, max-age=300"


async def test_without_an_ide_the_root_points_to_graphql(serve):
    running = await serve(graphql={"ide": False})

    assert (await ask(running, "/")).json() == {"service": "lectern", "graphql": "/graphql"}


async def test_introspection_follows_the_setting(serve):
    running = await serve(graphql={"introspection": False})
    async with httpx.AsyncClient(base_url=running.url) as client:
        answer = await client.post("/graphql", json={"query": "{ __schema { types { name } } }"})

    assert answer.json()["errors"][0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


async def test_a_token_of_an_ended_session_is_401_and_signing_in_names_the_device(
    client: httpx.AsyncClient,
) -> None:
    async def ask(query: str, token: str = "") -> httpx.Response:
        headers = {"User-Agent": "Browser/7 (test)"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return await client.post("/graphql", json={"query": query}, headers=headers)

    register = """mutation { register(input: {email: "ann@school.test", password: "correct horse", name: "Ann"}) {
        session { accessToken refreshToken } } }"""
    session = (await ask(register)).json()["data"]["register"]["session"]
    refresh = f"""mutation {{ refreshSession(input: {{refreshToken: "{session["refreshToken"]}"}}) {{
        session {{ accessToken }} userErrors {{ code }} }} }}"""
    tokens = [
        session["accessToken"],
        (await ask(refresh)).json()["data"]["refreshSession"]["session"]["accessToken"],
    ]
    listed = "{ viewer { sessions { device current } } }"
    for token in tokens:
        sessions = (await ask(listed, token)).json()["data"]["viewer"]["sessions"]
        assert sessions == [{"device": "Browser/7 (test)", "current": True}]
    ended = await ask("mutation { logout(input: {}) { session { current } userErrors { code } } }", tokens[0])
    assert ended.json()["data"]["logout"] == {"session": {"current": True}, "userErrors": []}
    for token in tokens:
        answer = await ask("{ __typename }", token)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert (await ask(refresh)).json()["data"]["refreshSession"] == {
        "session": None,
        "userErrors": [{"code": "INVALID_TOKEN"}],
    }


async def test_a_bad_token_is_401_on_the_real_schema(client):
    for authorization in ("Bearer nonsense", "Basic YTpi", "nonsense", ""):
        answer = await client.post(
            "/graphql", json={"query": "{ viewer { id } }"}, headers={"Authorization": authorization}
        )
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_an_expired_and_a_forged_token_are_401_and_nothing_runs(serve):
    running = await serve()
    tokens = running.resources.access_tokens
    now = datetime.now(UTC)
    expired = tokens.issue(7, Role.ADMIN, now=now - timedelta(days=1)).token
    later = tokens.issue(7, Role.ADMIN, now=now + timedelta(hours=1)).token
    header, payload, _ = tokens.issue(7, Role.ADMIN).token.split(".")
    unsigned = f"{header}.{payload}."
    document = (
        'mutation { register(input: {email: "ann@school.test", password: "correct horse", name: "Ann"}) {'
    )
    async with httpx.AsyncClient(base_url=running.url) as client, nothing_written(running.resources.database):
        for token in (expired, later, unsigned):
            answer = await client.post(
                "/graphql",
                json={"query": f"{document} user {{ id }} }} }}"},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
            assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["UNAUTHENTICATED"]
            assert "data" not in answer.json()


async def test_a_full_pool_is_503_with_retry_after(serve):
    running = await serve(database={"pool_size": 1, "pool_wait": 0.1})
    async with running.resources.database.transaction() as transaction:
        await transaction.fetch_text("SELECT 1")
        async with httpx.AsyncClient(base_url=running.url) as client:
            answer = await client.post("/graphql", json={"query": "{ courses(first: 5) { nodes { id } } }"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["data"] is None
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfterSeconds": 1}
