import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.asgi.entry import Entry
from app.settings import OriginSettings
from tests.app.asgi.serving import serving

OURS, FOREIGN = "https://app.example", "https://evil.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


async def ask(toy, method: str, path: str = "/graphql", **options) -> httpx.Response:
    async with httpx.AsyncClient(base_url=toy.url) as client:
        return await client.request(method, path, **options)


async def test_a_page_of_an_allowed_origin_may_call(toy):
    preflight = await ask(toy, "OPTIONS", headers={"Origin": OURS, **PREFLIGHT})
    answer = await ask(toy, "POST", json={"query": "{ __typename }"}, headers={"Origin": OURS})

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == OURS
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == OURS
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


async def test_a_page_of_another_origin_may_not(toy):
    preflight = await ask(toy, "OPTIONS", headers={"Origin": FOREIGN, **PREFLIGHT})
    answer = await ask(toy, "POST", json={"query": "{ __typename }"}, headers={"Origin": FOREIGN})

    assert preflight.status_code == 400
    for response in (preflight, answer):
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("origin", [OURS, FOREIGN, "null"])
async def test_browsers_never_send_credentials_along(toy, origin):
    answer = await ask(toy, "POST", json={"query": "{ __typename }"}, headers={"Origin": origin})

    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers.get("access-control-allow-origin") != "*"


async def test_errors_are_readable_across_origins_too(toy):
    answer = await ask(
        toy, "POST", json={"query": "{ whoami }"}, headers={"Origin": OURS, "Authorization": "Bearer expired"}
    )

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == OURS


async def test_without_allowed_origins_no_page_elsewhere_may_call(server):
    answer = await ask(server, "POST", json={"query": "{ __typename }"}, headers={"Origin": OURS})

    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "NOT_FOUND"),
        ("GET", "/graphql/nope", 404, "NOT_FOUND"),
        ("POST", "/healthz", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/%00%ff", 404, "NOT_FOUND"),
    ],
)
async def test_everything_else_is_json_as_well(server, method, path, status, code):
    answer = await ask(server, method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["errors"][0]["extensions"] == {"code": code}
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_route_s_own_headers_win(server):
    answer = await ask(server, "GET", "/.well-known/jwks.json", headers={"X-Request-Id": "my-request-1"})

    assert answer.headers.get_list("cache-control") == ["public, max-age=300"]
    assert answer.headers.get_list("x-request-id") == ["my-request-1"]


async def explode(_request: Request) -> Response:
    raise RuntimeError("a secret")


async def test_a_bug_outside_graphql_is_json_and_one_line(caplog):
    entry = Entry(Starlette(routes=[Route("/bug", explode)]), OriginSettings())
    async with serving(entry) as running:
        answer = await ask(running, "GET", "/bug", headers={"X-Request-Id": "my-request-2"})

    assert answer.status_code == 500
    assert "secret" not in answer.text
    (record,) = caplog.records
    assert "my-request-2" in record.getMessage()
    assert "a secret" in caplog.text


async def test_a_bug_in_an_application_without_a_net_of_its_own(caplog):
    async def bare(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        raise RuntimeError("a secret")

    async with serving(Entry(bare, OriginSettings())) as running:
        answer = await ask(running, "GET", "/bug", headers={"X-Request-Id": "my-request-3"})

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"] == {"code": "INTERNAL", "requestId": "my-request-3"}
    assert len(caplog.records) == 1


async def test_a_websocket_is_refused_until_there_is_one(toy):
    upgrade = (
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )

    assert (await toy.raw(upgrade)).startswith(b"HTTP/1.1 403")
