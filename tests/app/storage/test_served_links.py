"""Links of ours are good for what they say, letter by letter, and for nothing else."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.storage.links import Wish
from app.storage.served_links import LinkRefused, ServedLinks

NEW, OLD = b"n" * 32, b"o" * 32
AT = 1_700_000_000
READ = Wish("GET", "a/b.pdf", "application/pdf")
SAVE = Wish("GET", "a/b.pdf", "application/pdf", download_name='Zeugnis "ä" & 100%.pdf')
UPLOAD = Wish("PUT", "a/b.pdf", "application/pdf", size=7)
Pairs = list[tuple[str, str]]


def made(wish: Wish, *secrets: bytes) -> tuple[str, Pairs]:
    link = ServedLinks(secrets or [NEW], "https://learn.example/").sign(wish, signed_at=AT, lifetime=100)
    assert link.expires_at.timestamp() == AT + 100
    address = urlsplit(link.url)
    assert f"{address.scheme}://{address.netloc}" == "https://learn.example"
    return address.path.removeprefix("/files/"), parse_qsl(address.query)


def verified(method: str, key: str, pairs: Pairs, *secrets: bytes, now: float = AT) -> Any:
    return ServedLinks(secrets or [NEW], "https://learn.example").verify(method, key, pairs, now=now)


@pytest.mark.parametrize("wish", [READ, SAVE, UPLOAD])
def test_a_link_says_what_it_is_for(wish: Wish) -> None:
    key, pairs = made(wish)
    grant = verified(wish.method, key, pairs, now=AT + 99.9)
    assert (grant.wish, grant.until) == (wish, AT + 100)


def test_keys_rotate() -> None:
    key, pairs = made(READ, OLD)
    assert verified("GET", key, pairs, NEW, OLD).wish == READ
    assert made(READ, NEW, OLD) == made(READ, NEW)
    with pytest.raises(LinkRefused):
        verified("GET", key, pairs, NEW)


@pytest.mark.parametrize("now", [AT + 100, AT + 1000])
def test_it_ends(now: float) -> None:
    key, pairs = made(READ)
    with pytest.raises(LinkRefused):
        verified("GET", key, pairs, now=now)


def changed(pairs: Pairs, name: str, value: str) -> Pairs:
    return [(one, value if one == name else old) for one, old in pairs]


TAMPERED: dict[str, Callable[[Pairs], Pairs]] = {
    "later": lambda pairs: changed(pairs, "expires", str(AT + 10_000)),
    "other spelling": lambda pairs: changed(pairs, "expires", f"0{AT + 100}"),
    "sign": lambda pairs: changed(pairs, "expires", f"+{AT + 100}"),
    "no number": lambda pairs: changed(pairs, "expires", "soon"),
    "huge": lambda pairs: changed(pairs, "expires", "9" * 5000),
    "other digits": lambda pairs: changed(
        pairs, "expires", "\u0661\u0667\u0660\u0660\u0660\u0660\u0660\u0661\u0660\u0660"
    ),
    "other type": lambda pairs: changed(pairs, "type", "text/html"),
    "no type": lambda pairs: changed(pairs, "type", "text/html\r\nSet-Cookie: a=b"),
    "a name": lambda pairs: [*pairs, ("name", "evil.exe")],
    "a size": lambda pairs: [*pairs, ("size", "5")],
    "unknown": lambda pairs: [*pairs, ("x", "y")],
    "twice": lambda pairs: [*pairs, pairs[0]],
    "no signature": lambda pairs: [pair for pair in pairs if pair[0] != "signature"],
    "empty signature": lambda pairs: changed(pairs, "signature", ""),
    "no ASCII": lambda pairs: changed(pairs, "signature", "ä" * 43),
    "padded": lambda pairs: changed(pairs, "signature", dict(pairs)["signature"] + "="),
    "half a character": lambda pairs: [*pairs, ("name", "\ud800")],
    "nothing": lambda _pairs: [],
}


@pytest.mark.parametrize("how", TAMPERED)
def test_whatever_is_changed_is_refused(how: str) -> None:
    key, pairs = made(READ)
    with pytest.raises(LinkRefused):
        verified("GET", key, TAMPERED[how](pairs))


@pytest.mark.parametrize("position", range(43))
def test_every_letter_of_the_signature_counts(position: int) -> None:
    key, pairs = made(READ)
    signature = dict(pairs)["signature"]
    other = "A" if signature[position] != "A" else "B"
    with pytest.raises(LinkRefused):
        verified(
            "GET", key, changed(pairs, "signature", signature[:position] + other + signature[position + 1 :])
        )


@pytest.mark.parametrize(
    "key", ["a/c.pdf", "a/../a/b.pdf", "/a/b.pdf", "a//b.pdf", "a/b.pdf/", "", "a%2Fb.pdf"]
)
def test_it_is_for_its_file_alone(key: str) -> None:
    _, pairs = made(READ)
    with pytest.raises(LinkRefused):
        verified("GET", key, pairs)


def test_reading_is_not_writing() -> None:
    key, pairs = made(READ)
    for method in ("PUT", "POST", "DELETE", "get"):
        with pytest.raises(LinkRefused):
            verified(method, key, pairs)
    key, pairs = made(UPLOAD)
    with pytest.raises(LinkRefused):
        verified("GET", key, pairs)
    with pytest.raises(LinkRefused):
        verified("PUT", key, changed(pairs, "size", "8"))
