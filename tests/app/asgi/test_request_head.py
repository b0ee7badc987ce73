import re

import pytest

from app.asgi.request_head import client_address, read_head

TRUSTED = ("10.0.0.0/8", "192.168.1.1", "unix")


def scope(*headers: tuple[bytes, bytes], client: tuple[str, int] | None = ("10.0.0.1", 1234)):
    return {"headers": list(headers), "client": client}


@pytest.mark.parametrize("given", [b"abcdefgh", b"A-1-b-2-c", b"0" * 64])
def test_a_sane_request_id_is_kept(given):
    assert read_head(scope((b"x-request-id", given)), ()).request_id == given.decode()


@pytest.mark.parametrize(
    "given", [b"", b"short", b"0" * 65, b"with space", b"a\nlog: line", b"\xff" * 8, b"abcdefg_"]
)
def test_any_other_request_id_is_replaced(given):
    first, second = (read_head(scope((b"x-request-id", given)), ()).request_id for _ in range(2))

    assert re.fullmatch("[0-9a-f]{24}", first)
    assert first != second


def test_repeated_headers_are_joined():
    head = read_head(scope((b"accept", b"text/html"), (b"host", b"x"), (b"accept", b"application/json")), ())

    assert head.text(b"accept") == "text/html, application/json"
    assert head.text(b"host") == "x"
    assert head.text(b"authorization") is None


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1, 192.168.1.1", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1, 192.168.1.2", "192.168.1.2"),
        ("10.1.2.3", "10.0.0.7", "10.0.0.7"),
        ("10.1.2.3", "2001:db8::1", "2001:db8::1"),
        ("10.1.2.3", "nonsense", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1, nonsense", "10.1.2.3"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("unix", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_our_own_proxies_are_believed(peer, forwarded, expected):
    assert client_address(peer, forwarded, TRUSTED) == expected


def test_nobody_is_believed_by_default():
    head = read_head(scope((b"x-forwarded-for", b"198.51.100.1")), ())

    assert head.client_address == "10.0.0.1"


def test_repeated_forwarded_for_headers_are_one_list():
    head = read_head(
        scope((b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"198.51.100.1")), ("10.0.0.1",)
    )

    assert head.client_address == "198.51.100.1"


def test_a_server_without_client_addresses():
    assert read_head(scope(client=None), ("10.0.0.1",)).client_address == ""
