"""A link to a folder's files: the same for an audience and an hour, good for that folder alone."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from app.storage.media_links import MediaLink, MediaLinks
from app.storage.served_links import LinkRefused

NEW, OLD = b"n" * 32, b"o" * 32
HOUR, MARGIN = 3600, 300
AT = 1_700_000_000 // HOUR * HOUR
LIFETIME = HOUR + MARGIN
PREFIX = "videos/7/0190"


def links(*secrets: bytes, now: float = AT) -> MediaLinks:
    return MediaLinks(secrets or [NEW], "https://learn.example/", now=lambda: now)


def token_of(link: MediaLink) -> str:
    address = urlsplit(link.base)
    _, media, token, prefix = address.path.split("/", 3)
    assert (f"{address.scheme}://{address.netloc}", media) == ("https://learn.example", "media")
    assert prefix == PREFIX
    return token


def test_it_grants_what_stands_below_its_folder() -> None:
    link = links().make(PREFIX, "learners", LIFETIME)
    assert link.expires_at.timestamp() == AT + LIFETIME
    for file in ("master.m3u8", "720p/segment-00001.ts"):
        assert links().verify(token_of(link), f"{PREFIX}/{file}", now=AT + LIFETIME - 1) == AT + LIFETIME


def test_it_stays_the_same_for_an_hour_and_leaves_five_minutes() -> None:
    first = links().make(PREFIX, "learners", LIFETIME)
    last = links(now=AT + HOUR - 1).make(PREFIX, "learners", LIFETIME)
    assert first == last
    assert last.expires_at.timestamp() - (AT + HOUR - 1) > MARGIN
    assert links(now=AT + HOUR).make(PREFIX, "learners", LIFETIME) != first
    assert links().make(PREFIX, "teachers", LIFETIME) != first


def test_secrets_rotate() -> None:
    token = token_of(links(OLD).make(PREFIX, "learners", LIFETIME))
    assert links(NEW, OLD).verify(token, f"{PREFIX}/a.ts", now=AT)
    with pytest.raises(LinkRefused):
        links(NEW).verify(token, f"{PREFIX}/a.ts", now=AT)


@pytest.mark.parametrize(
    "key",
    [
        PREFIX,
        f"{PREFIX}/",
        f"{PREFIX}/../secret.ts",
        f"{PREFIX}/.hidden",
        f"{PREFIX}/a\0.ts",
        "videos/7/0191/a.ts",
        "videos/70190/a.ts",
        "videos/7/01900/a.ts",
        "certificates/2030/1.pdf",
        "",
    ],
)
def test_it_grants_nothing_else(key: str) -> None:
    token = token_of(links().make(PREFIX, "learners", LIFETIME))
    with pytest.raises(LinkRefused):
        links().verify(token, key, now=AT)


def altered(token: str) -> dict[str, str]:
    until, depth, audience, signature = token.split(".")
    flipped = signature[:-1] + ("A" if signature[-1] != "A" else "B")
    return {
        "later": f"{int(until) + 1}.{depth}.{audience}.{signature}",
        "higher": f"{until}.2.{audience}.{signature}",
        "root": f"{until}.0.{audience}.{signature}",
        "others": f"{until}.{depth}.teachers.{signature}",
        "signature": f"{until}.{depth}.{audience}.{flipped}",
        "digits": f"0{until}.{depth}.{audience}.{signature}",
        "longer": f"{token}.x",
        "empty": "",
        "huge": f"{'9' * 5000}.{depth}.{audience}.{signature}",
    }


@pytest.mark.parametrize("how", altered("1.3.learners.x"))
def test_a_token_is_taken_letter_by_letter(how: str) -> None:
    token = token_of(links().make(PREFIX, "learners", LIFETIME))
    with pytest.raises(LinkRefused):
        links().verify(altered(token)[how], f"{PREFIX}/a.ts", now=AT)


def test_it_ends() -> None:
    token = token_of(links().make(PREFIX, "learners", LIFETIME))
    with pytest.raises(LinkRefused):
        links().verify(token, f"{PREFIX}/a.ts", now=AT + LIFETIME)


@pytest.mark.parametrize(
    "wish", [("a/../b", "learners", LIFETIME), (PREFIX, "L.x", LIFETIME), (PREFIX, "learners", 600)]
)
def test_links_that_cannot_be(wish: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in other words
        links().make(*wish)
