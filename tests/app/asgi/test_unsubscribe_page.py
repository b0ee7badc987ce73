"""A link in a mail ends such mails, by one POST, for the one who got it; and looking at it changes nothing."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.asgi import create_app
from app.errors import Unavailable
from app.notifications.letters import UNSUBSCRIBE_PATH
from app.notifications.unsubscribing import DIGEST
from app.resources import Resources
from app.settings import MailSettings
from tests.app.asgi.serving import RunningServer, serving
from tests.factories.catalog import nothing_written
from tests.factories.identity import MadeUser, make_user
from tests.factories.notifications import ADDED, REMOVED, chosen, tell
from tests.support.mailbox import mails

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
async def ann(resources: Resources) -> MadeUser:
    return await make_user(resources.database)


@pytest.fixture
async def http(server: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        yield client


def link(token: str) -> str:
    return f"{UNSUBSCRIBE_PATH}?token={token}"


async def test_what_a_mail_program_does(resources: Resources, ann: MadeUser, http: httpx.AsyncClient) -> None:
    ben = await make_user(resources.database)
    await tell(resources, ann.number)
    (mail,) = await mails(resources)
    address = mail.headers["List-Unsubscribe"].strip("<>").removeprefix("http://127.0.0.1:8000")
    for _ in range(2):
        response = await http.post(address, data=ONE_CLICK)
        assert response.status_code == 200
        assert "no more of these mails" in response.text
        assert "<form" not in response.text
    assert await chosen(resources.database, ann.number) == (True, False, False)
    assert await chosen(resources.database, ann.number, REMOVED) == (True, True, False)
    assert await chosen(resources.database, ben.number) == (True, True, False)
    await tell(resources, ann.number)
    assert await mails(resources) == []


async def test_looking_changes_nothing(resources: Resources, ann: MadeUser, http: httpx.AsyncClient) -> None:
    address = link(resources.unsubscribe_tokens.make(ann.number, ADDED))
    async with nothing_written(resources.database):
        response = await http.get(address)
        head = await http.head(address)
    assert (response.status_code, head.status_code) == (200, 200)
    assert '<form method="post"><button>' in response.text
    # The page's button: a form's POST to where the page stands.
    # Of a page that tells no referrer, browsers say this of where it stands.
    assert (await http.post(address, headers={"Origin": "null"})).status_code == 200
    assert await chosen(resources.database, ann.number) == (True, False, False)


async def test_digests(resources: Resources, ann: MadeUser, http: httpx.AsyncClient) -> None:
    address = link(resources.unsubscribe_tokens.make(ann.number, DIGEST))
    assert (await http.post(address, data=ONE_CLICK)).status_code == 200
    assert await chosen(resources.database, ann.number) == (True, True, False)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_links_of_nobody(
    resources: Resources, ann: MadeUser, http: httpx.AsyncClient, method: str
) -> None:
    genuine = resources.unsubscribe_tokens.make(ann.number, ADDED)
    tampered = ("A" if genuine[0] != "A" else "B") + genuine[1:]
    async with nothing_written(resources.database):
        for token in (tampered, genuine[:-4], "", "%00", "x" * 5000, "🦊"):
            response = await http.request(method, link(token))
            assert response.status_code == 400
            assert "incomplete" in response.text
        assert (await http.request(method, UNSUBSCRIBE_PATH)).status_code == 400
        assert (await http.put(link(genuine))).status_code == 405


async def test_an_account_that_is_gone(resources: Resources, http: httpx.AsyncClient) -> None:
    async with nothing_written(resources.database):
        response = await http.post(link(resources.unsubscribe_tokens.make(2**62, ADDED)), data=ONE_CLICK)
    assert response.status_code == 200


async def test_a_busy_database(
    resources: Resources, ann: MadeUser, server: RunningServer, http: httpx.AsyncClient, monkeypatch: Any
) -> None:
    async def busy(*_: Any, **__: Any) -> None:
        raise Unavailable("Busy.", retry_after_seconds=7)

    monkeypatch.setattr("app.notifications.service.unsubscribe", busy)
    response = await http.post(link(resources.unsubscribe_tokens.make(ann.number, ADDED)))
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")
    assert "try again" in response.text


async def test_the_page_loads_its_style_alone(http: httpx.AsyncClient) -> None:
    response = await http.get(UNSUBSCRIBE_PATH)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    policy = response.headers["content-security-policy"]
    assert set(re.findall(r"'[\w-]+'", policy)) == {"'none'", "'self'"}
    assert not re.search(r"<script|<style|style=|\son\w+=", response.text)
    (style,) = re.findall(r'href="([^"]+)"', response.text)
    found = await http.get(str(httpx.URL(f"http://x{UNSUBSCRIBE_PATH}").join(style).path))
    assert (found.status_code, found.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert (await http.get("/notifications/assets/unsubscribe.html")).status_code == 404


async def test_it_stands_beside_a_front_end_of_ones_own(resources: Resources, ann: MadeUser) -> None:
    own = MailSettings(account_url="https://school.test/me")
    settings = resources.settings.model_copy(update={"mail": own})
    token = resources.unsubscribe_tokens.make(ann.number, ADDED)
    async with serving(create_app(settings)) as server, httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get(link(token))).status_code == 200
