"""The pages that mails link to: what they may load, and that every link of a mail leads to one."""

import re
from collections.abc import AsyncIterator
from importlib.resources import files

import httpx
import pytest
from graphql import parse, validate
from starlette.applications import Starlette

from app.asgi import create_app
from app.asgi.account_pages import PAGES, account_routes
from app.identity.actor import ANONYMOUS
from app.resources import Resources
from app.settings import MailSettings
from tests.app.asgi.serving import serving
from tests.support.api import SCHEMA, Api
from tests.support.mailbox import mails

ASSETS = files("app.asgi.account_pages") / "assets"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=account_routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://lectern.test") as made:
        yield made


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_loads_its_own_files_alone(client: httpx.AsyncClient, page: str) -> None:
    response = await client.get(f"/account/{page}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    policy = response.headers["content-security-policy"]
    assert set(re.findall(r"'[\w-]+'", policy)) == {"'none'", "'self'"}
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|\son\w+=", response.text)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', response.text)
    assert len(loaded) == 2
    for path in loaded:
        found = await client.get(f"/account/{path}")
        assert found.status_code == 200, path
        again = await client.get(f"/account/{path}", headers={"if-none-match": found.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize("name", ["nothing.js", "..%2f__init__.py", "verify-email.html"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/account/assets/{name}")).status_code == 404


def test_the_script_speaks_the_schema() -> None:
    documents = re.findall(r'"(mutation [^"]+)"', (ASSETS / "account.js").read_text())
    assert len(documents) == 4
    for document in documents:
        assert validate(SCHEMA, parse(document)) == []


async def test_links_of_mails_lead_to_the_pages(api: Api, client: httpx.AsyncClient) -> None:
    await api.change("register", ANONYMOUS, email="ann@school.test", password="correct horse", name="Ann")
    await api.change("requestPasswordReset", ANONYMOUS, email="ann@school.test")
    for mail in await mails(api.resources):
        (link,) = re.findall(r"http://127.0.0.1:8000(/\S+)#token=", mail.text)
        assert (await client.get(link)).status_code == 200


async def test_a_front_end_of_ones_own_takes_their_place(resources: Resources) -> None:
    own = MailSettings(account_url="https://school.test/me")
    for settings, status in (
        (resources.settings, 200),
        (resources.settings.model_copy(update={"mail": own}), 404),
    ):
        async with serving(create_app(settings)) as server, httpx.AsyncClient(base_url=server.url) as http:
            assert (await http.get("/account/verify-email")).status_code == status
