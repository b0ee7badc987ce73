"""The IDE's routes: types, headers, policies, and what they refuse."""

import json
import re
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from app.asgi.ide import GRAPHIQL_ORIGIN, DemoLogin, ide_routes

HOSTILE = DemoLogin(
    name="</script><script>alert(1)</script><!-- & \u2028",
    email="ada@demo.example",
    password="demo-password",
    role="instructor",
)
ASSETS = files("app.asgi.ide") / "assets"
ASSET_NAMES = sorted(file.name for file in ASSETS.iterdir() if file.name.endswith((".css", ".js")))
CONSOLE_ASSETS = [name for name in ASSET_NAMES if not name.startswith("graphiql")]


def client_of(**options: Any) -> httpx.AsyncClient:
    app = Starlette(routes=ide_routes(**options))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://lectern.test")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(demo_logins=[HOSTILE]) as made:
        yield made


def config_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="config">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def directives_of(response: httpx.Response) -> dict[str, list[str]]:
    policy = response.headers["content-security-policy"]
    return {part.split()[0]: part.split()[1:] for part in policy.split(";")}


async def test_the_console_page_allows_its_own_origin_alone(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    directives = directives_of(response)
    assert directives["default-src"] == ["'none'"]
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == ["'self'"]
    assert {source for sources in directives.values() for source in sources} == {"'self'", "'none'"}


async def test_only_the_graphiql_page_allows_the_other_origin_and_no_inline_script(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/?graphiql")
    directives = directives_of(response)
    assert directives["script-src"] == ["'self'", GRAPHIQL_ORIGIN]
    assert directives["connect-src"] == ["'self'"]
    others = {source for sources in directives.values() for source in sources if "://" in source}
    assert others == {GRAPHIQL_ORIGIN}
    assert config_of(response.text) == {"endpoint": "/graphql", "origin": GRAPHIQL_ORIGIN}


@pytest.mark.parametrize("address", ["/", "/?graphiql"])
async def test_pages_hold_no_inline_code(client: httpx.AsyncClient, address: str) -> None:
    page = (await client.get(address)).text
    assert re.search(r"\son\w+=|\sstyle=|<style|javascript:", page) is None
    scripts = re.findall(r"<script([^>]*)>", page)
    assert len(scripts) == 2
    assert all("src=" in script or 'type="application/json"' in script for script in scripts)


@pytest.mark.parametrize("address", ["/", "/?graphiql"])
async def test_everything_that_a_page_names_is_served(client: httpx.AsyncClient, address: str) -> None:
    page = (await client.get(address)).text
    named = re.findall(r'(?:src|href)="(ide/[^"]+)"', page)
    assert len(named) >= 3
    for name in named:
        assert (await client.get(f"/{name}")).status_code == 200


async def test_config_cannot_end_its_element(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    assert page.count("</script>") == 2
    assert "<!--" not in page
    assert config_of(page) == {
        "endpoint": "/graphql",
        "demoLogins": [
            {"name": HOSTILE.name, "email": HOSTILE.email, "password": HOSTILE.password, "role": HOSTILE.role}
        ],
    }


async def test_without_demo_logins_none_is_sent_and_the_endpoint_is_configurable() -> None:
    async with client_of(endpoint="/other") as client:
        assert config_of((await client.get("/")).text) == {"endpoint": "/other", "demoLogins": []}


@pytest.mark.parametrize("name", [*ASSET_NAMES, "icon.svg"])
async def test_assets_have_type_tag_and_no_sniffing(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get(f"/ide/{name}")
    assert response.status_code == 200
    expected = {
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    }
    assert response.headers["content-type"] == expected[name.rsplit(".", 1)[1]]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-cache"
    for known in (response.headers["etag"], f'"other", W/{response.headers["etag"]}', "*"):
        again = await client.get(f"/ide/{name}", headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
    changed = await client.get(f"/ide/{name}", headers={"if-none-match": '"other"'})
    assert changed.content == response.content


async def test_scripts_import_only_what_is_served(client: httpx.AsyncClient) -> None:
    imported = set()
    for name in ASSET_NAMES:
        text = (ASSETS / name).read_text("utf-8")
        imported |= set(re.findall(r'from "\./([^"]+)"', text))
    assert imported
    assert imported <= set(ASSET_NAMES)


@pytest.mark.parametrize("name", [*CONSOLE_ASSETS, "console.html"])
def test_the_console_names_no_address_elsewhere_and_writes_no_markup(name: str) -> None:
    text = (ASSETS / name).read_text("utf-8")
    assert re.search(r"https?://|wss?://|[\"'(]//\w", text) is None
    assert (
        re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
        is None
    )


@pytest.mark.parametrize(
    "path",
    [
        "/ide/../__init__.py",
        "/ide/%2e%2e/__init__.py",
        "/ide/..%2f__init__.py",
        "/ide/..%5c__init__.py",
        "/ide//etc/passwd",
        "/ide/%2fetc%2fpasswd",
        "/ide/__init__.py",
        "/ide/console.html",
        "/ide/main.js%00.css",
        "/ide/",
    ],
)
async def test_only_known_names_are_served(path: str) -> None:
    # Straight to the application: a client library would tidy the path up first.
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    decoded = httpx.QueryParams(f"path={path}")["path"]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": decoded,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "scheme": "http",
        "server": ("lectern.test", 80),
    }
    await Starlette(routes=ide_routes())(scope, receive, send)
    assert sent[0]["status"] == 404
    assert sent[1]["body"] == b"Not found\n"


async def test_other_methods_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/")).status_code == 405
    assert (await client.post("/ide/main.js")).status_code == 405
    assert (await client.head("/ide/main.js")).status_code == 200
