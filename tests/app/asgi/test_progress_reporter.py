"""The reporter as a file that pages load; what it does is seen in a browser, by tests/e2e/browser/progress.mjs."""

import re
from importlib.resources import files

import httpx
import pytest

from app.asgi.entry import PROGRESS_PATH
from app.learning.beats import MAX_BEATS, BeatEvent, BeatRejection
from app.learning.beats.beat import OLDEST
from app.learning.beats.pacing import USUAL
from app.learning.beats.tickets import LIFETIME
from app.learning.progress_buffer.buffer import LONGEST, RATE
from app.settings import OriginSettings
from tests.app.asgi.conftest import Serve

SCRIPT = (files("app.asgi.progress_reporter") / "assets" / "reporter.js").read_text()


async def test_it_is_served_and_kept_until_it_changes(client: httpx.AsyncClient) -> None:
    found = await client.get("/progress/reporter.js")
    assert (found.status_code, found.text) == (200, SCRIPT)
    assert found.headers["content-type"] == "text/javascript; charset=utf-8"
    assert found.headers["cache-control"] == "no-cache"
    again = await client.get("/progress/reporter.js", headers={"if-none-match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "..%2f__init__.py", "", "reporter"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/progress/{name}")).status_code == 404


async def test_pages_of_allowed_origins_may_load_it(serve: Serve) -> None:
    """A module is always fetched as cross-origin requests are: without the header a browser refuses it."""
    origin = "https://player.example"
    running = await serve(origins=OriginSettings(allowed_origins=(origin,)))
    async with httpx.AsyncClient(base_url=running.url) as http:
        found = await http.get("/progress/reporter.js", headers={"Origin": origin})
        assert found.headers["access-control-allow-origin"] == origin
        # The header by which it puts a wrong clock right.
        posted = await http.post("/progress", headers={"Origin": origin, "Content-Type": "text/plain"})
        assert "date" in posted.headers
        assert "Date" in posted.headers["access-control-expose-headers"].split(", ")


def constant(name: str) -> float:
    (found,) = re.findall(rf"\b{name} = ([\d_ *]+)[,;]", SCRIPT)
    product = 1.0
    for factor in found.split("*"):
        product *= float(factor)
    return product


def test_it_knows_what_the_server_takes() -> None:
    assert constant("RATE") == RATE
    assert constant("OLDEST") == OLDEST
    assert constant("USUAL") == USUAL
    assert constant("BATCH") <= MAX_BEATS
    assert constant("TICKET_LIFE") < LIFETIME * 1000
    assert constant("LONGEST_MERGED") * 1000 < LONGEST
    assert set(re.findall(r'#(?:beat|rest)\([^)]*"([A-Z]+)"', SCRIPT)) <= set(BeatEvent)
    handled = set(re.findall(r'code === "([A-Z_]+)"', SCRIPT))
    assert {"RETRY_LATER", "NOT_ENROLLED"} < handled <= set(BeatRejection)
    assert re.search(r'new URL\("\.\.(/\w+)", import\.meta\.url\)', SCRIPT)[1] == PROGRESS_PATH  # type: ignore[index]


def test_it_depends_on_nothing() -> None:
    assert not re.search(r"^\s*import\b|\bimport\(|\brequire\(|\beval\(", SCRIPT, re.MULTILINE)
